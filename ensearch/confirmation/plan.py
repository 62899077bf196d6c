"""What a study has decided to confirm: its plans, which are kept with it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from ensearch.confirmation import finalists
from ensearch.confirmation.finalists import Nominee, Reason
from ensearch.core import (
    Architecture,
    Evaluation,
    Schedule,
    distinctions,
    evaluation_key,
    full_label,
    network_key,
)
from ensearch.errors import StorageError, invalid
from ensearch.search_space import has_resolutions
from ensearch.store import ConfirmationRecord, Store
from ensearch.study.config import StudyConfig

# A full schedule is so many times as long as the search's if nothing is said.
TIMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for. Budgets in multiply-adds, ascending; None: those of the search.

    `epochs` None: 4 times the search's. `members`: at least so many of every network, and with
    `settle` more where they decide most. Without `retrain` the search's own members are scored, and
    none of these counts. With `distil` a single network also learns from an ensemble.
    """

    budgets: tuple[float, ...] | None = None
    top: int = 1
    fewest: int = finalists.FEWEST
    epochs: int | None = None
    members: int = 2
    retrain: bool = True
    settle: bool = False
    distil: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """A configuration that is confirmed: searched with schedule `short`, trained anew with `full`.

    `accuracy` is the search's, on val. `members` of its network are trained, of which ensembles
    of all sizes up to that are scored; a settlement has raised it.
    """

    architecture: Architecture
    short: Schedule
    full: Schedule
    size: int
    members: int
    macs: int  # of the whole ensemble
    accuracy: float
    reasons: tuple[Reason, ...]
    changes: tuple[str, ...]  # what tells it from others of its label, as `distinctions` says it
    price: float | None = None  # in the unit of the study's budget, if that is not multiply-adds

    @property
    def is_single(self) -> bool:
        return self.size == 1

    @property
    def network(self) -> str:
        """The network that is confirmed."""
        return network_key(self.architecture, self.full)

    @property
    def key(self) -> str:
        """The key of the evaluation that confirms it."""
        return evaluation_key(self.size, self.network)

    @property
    def label(self) -> str:
        shape = self.architecture.label
        members = shape if self.is_single else f"{self.size} × {shape}"
        return full_label(members, self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A plan. `number` counts a study's plans from 1; budgets are ascending.

    `finished` once everything is scored; `failures` says of a network why it is left out. `looks`
    counts the looks at test that were begun: several where it is settled.
    """

    number: int
    request: Request
    budgets: tuple[float, ...]
    finalists: tuple[Finalist, ...]
    created: str  # ISO 8601
    finished: bool = False
    failures: tuple[tuple[str, str], ...] = ()
    looks: int = 1

    @property
    def stage(self) -> str:
        """The stage under which its evaluations are stored."""
        return f"confirm-{self.number}"

    @property
    def retrain(self) -> bool:
        return self.request.retrain

    @property
    def epochs(self) -> str:
        """Return `40 epochs (4 x the search's 10)`."""
        full = sorted({f.full.epochs for f in self.finalists})
        short = sorted({f.short.epochs for f in self.finalists})
        times = {f.full.epochs / f.short.epochs for f in self.finalists}
        ratio = f"{times.pop():.3g} x " if len(times) == 1 else "against "
        epochs = " to ".join(map(str, sorted({full[0], full[-1]})))
        before = " to ".join(map(str, sorted({short[0], short[-1]})))
        return f"{epochs} epoch{'' if epochs == '1' else 's'} ({ratio}the search's {before})"

    @property
    def networks(self) -> dict[str, Finalist]:
        """One finalist of each network, by name: finalists of one network share their members."""
        return {finalist.network: finalist for finalist in self.finalists}

    @property
    def at_first(self) -> dict[str, int]:
        """Members by network at the first look at test."""
        if not self.request.settle:
            return {name: finalist.members for name, finalist in self.networks.items()}
        least = self.request.members
        return {
            name: max([least, *(f.size for f in self.finalists if f.network == name)])
            for name in self.networks
        }

    def answers(self, other: "Confirmation") -> bool:
        """Whether it has the same budgets and members, and distils if the other does."""

        def content(plan: Confirmation) -> object:
            keys = {f.key for f in plan.finalists}
            return plan.retrain, plan.request.settle, plan.budgets, keys, plan.at_first

        return content(self) == content(other) and self.request.distil >= other.request.distil


def plans(store: Store, study: str) -> list[Confirmation]:
    """The plans that were begun, by number. StorageError if another version wrote them."""
    try:
        return [_plan(record) for record in store.confirmations(study)]
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"the confirmations of study {study!r} cannot be read ({error!r}): another version of "
            "ensearch wrote them. Use that version."
        ) from error


def save(store: Store, study: str, plan: Confirmation) -> None:
    """Store a plan, in place of an older state of it."""
    store.save_confirmation(
        study,
        ConfirmationRecord(
            number=plan.number,
            request=asdict(plan.request),
            budgets=plan.budgets,
            finalists=tuple(asdict(finalist) for finalist in plan.finalists),
            created=datetime.fromisoformat(plan.created),
            finished=plan.finished,
            failures=plan.failures,
            looks=plan.looks,
        ),
    )


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
    evaluations = [e for e in store.evaluations(config.name) if e.split == "val"]
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
        created=_now(),
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
    several = has_resolutions(config.space.as_dict())
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


def _plan(record: ConfirmationRecord) -> Confirmation:
    request = dict(record.request)
    request["budgets"] = request["budgets"] and tuple(request["budgets"])
    return Confirmation(
        number=record.number,
        request=Request(**request),
        budgets=record.budgets,
        finalists=tuple(_finalist(entry) for entry in record.finalists),
        created=record.created.isoformat(timespec="milliseconds"),
        finished=record.finished,
        failures=record.failures,
        looks=record.looks,
    )


def _finalist(table: Mapping[str, Any]) -> Finalist:
    return Finalist(
        **dict(table)
        | {
            "architecture": Architecture(**table["architecture"]),
            "short": Schedule(**table["short"]),
            "full": Schedule(**table["full"]),
            "reasons": tuple(Reason(**reason) for reason in table["reasons"]),
            "changes": tuple(table["changes"]),
        }
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
