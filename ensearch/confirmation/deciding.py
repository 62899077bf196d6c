"""What a request to confirm comes to: a plan that was begun, or a new one with its finalists."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from ensearch.confirmation import finalists
from ensearch.confirmation.finalists import Nominee
from ensearch.confirmation.plan import Confirmation, Finalist, Request, plans
from ensearch.core import Evaluation, Schedule, distinctions, network_key
from ensearch.errors import StorageError, invalid
from ensearch.store import Store
from ensearch.study.config import StudyConfig

# A full schedule is so many times as long as the search's if nothing is said.
TIMES = 4


def decide(store: Store, config: StudyConfig, request: Request) -> Confirmation:
    """The plan for this request: one that was begun and not finished, one that asks the same
    and is finished, or else a new one, which is not stored yet.

    A plan under way is kept even if the search has gone on since: it has used test already.
    Raises StorageError if nothing has been evaluated, UsageError for budgets that hold nothing.
    """
    begun = plans(store, config.name)
    for plan in reversed(begun):
        if plan.request == request and not plan.finished:
            return plan
    evaluations = store.evaluations(config.name, split="val")
    if not evaluations:
        raise StorageError(
            f"study {config.name!r} has no finished evaluation, so there is nothing to confirm.",
            problem="nothing_evaluated",
            study=config.name,
        )
    budgets = _budgets(store, config, request, evaluations)
    nominees = finalists.select(evaluations, budgets, request.top, request.fewest)
    if request.distil:
        _check_pair(nominees, config, budgets[-1])
    made = Confirmation(
        number=len(begun) + 1,
        request=request,
        budgets=budgets,
        finalists=_finalists(nominees, request, config),
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    return next((plan for plan in reversed(begun) if plan.answers(made)), made)


def _budgets(
    store: Store, config: StudyConfig, request: Request, evaluations: list[Evaluation]
) -> tuple[float, ...]:
    if request.budgets is None:
        return tuple(sorted(cast(list[float], store.study(config.name).config["budgets"])))
    show, cheapest = config.axis.show, min(e.price for e in evaluations)
    for budget in request.budgets:
        if not cheapest <= budget <= config.budget.amount:
            raise invalid(
                "budgets",
                f"must lie between {show(cheapest)}, the cheapest configuration "
                f"that study {config.name} has evaluated, and its budget of "
                f"{show(config.budget.amount)}; got {show(budget)}.",
            )
    return request.budgets


def _check_pair(nominees: list[Nominee], config: StudyConfig, budget: float) -> None:
    """Raise UsageError unless there is an ensemble, and a single network that may learn from it."""
    kinds = {n.evaluation.is_single for n in nominees if n.evaluation.price <= budget}
    if len(kinds) < 2:
        lacks = "ensemble" if True in kinds else "single network"
        raise invalid(
            "distil",
            "needs a single network and an ensemble to learn from; study "
            f"{config.name} has evaluated no {lacks} within {config.axis.show(budget)}.",
        )


def _finalists(
    nominees: list[Nominee], request: Request, config: StudyConfig
) -> tuple[Finalist, ...]:
    several = config.space.has_resolutions
    full = {
        nominee.evaluation.key: _full(nominee.evaluation.schedule, request) for nominee in nominees
    }
    largest: dict[str, int] = {}
    for nominee in nominees:
        e = nominee.evaluation
        name = network_key(e.architecture, full[e.key])
        wanted = max(e.size, request.members) if request.retrain else e.trained
        largest[name] = max(wanted, largest.get(name, 0))
    return tuple(
        Finalist(
            architecture=e.architecture,
            short=e.schedule,
            full=full[e.key],
            size=e.size,
            members=largest[network_key(e.architecture, full[e.key])],
            macs=e.cost.macs,
            price=None if e.on_axis is None else e.price,
            accuracy=e.scores.accuracy,
            reasons=nominee.reasons,
            changes=distinctions(e.architecture, e.schedule, config.schedule, several),
        )
        for nominee in nominees
        for e in (nominee.evaluation,)
    )


def _full(short: Schedule, request: Request) -> Schedule:
    if not request.retrain:
        return short
    return replace(short, epochs=request.epochs or TIMES * short.epochs)
