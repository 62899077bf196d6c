"""Which members are exported: of a study or of the pool, of which kind and within which budget."""

from pathlib import Path
from typing import TYPE_CHECKING

from ensearch import units
from ensearch.api._query_name import query_name
from ensearch.errors import BudgetError, StorageError, UsageError, invalid, unknown
from ensearch.pool.notes import OnNote
from ensearch.store import SEARCH, Store
from ensearch.study import config as configs

if TYPE_CHECKING:  # these import torch or matplotlib
    from ensearch.exports.winner import Winner
    from ensearch.report.study.findings import Findings

KINDS = ("best", "single", "ensemble", "cascade", "distilled")


def chosen(
    store: Store,
    study: str | None,
    pool: str | None,
    budget: float | str | None,
    kind: str,
    confirmed: bool,
    measure: str,
    data_dir: str | Path | None,
    note: OnNote,
) -> "Winner":
    """What is exported. Raises the errors of `export`."""
    from ensearch.pool import query

    folder = None if data_dir is None else Path(data_dir)
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    if (study is None) == (pool is None):
        raise UsageError("name either a study or a query of the pool.", problem="study_or_pool")
    if study is not None:
        query.check_study(store, study)
    if study is not None and kind == "distilled":
        return _distilled(store, study, budget, folder)
    if study is not None and kind != "cascade":
        return _of_study(store, study, budget, kind, confirmed, folder, note)
    if study is not None:
        members = f"{'confirmed' if confirmed else 'study'}:{study}"
        return _of_pool(store, members, _budget_of(store, study, budget), measure, folder, note)
    assert pool is not None
    if confirmed or (kind != "cascade" and (budget is not None or kind != "best")):
        raise UsageError(
            "all entries that a query of the pool selects are exported as one ensemble: a budget "
            "and a kind are for studies and cascades."
        )
    if kind == "cascade" and budget is None:
        raise invalid("budget", "must be said for a cascade of the pool.")
    most = None if budget is None else units.parse_count(budget, "budget")
    return _of_pool(store, pool, most, measure, folder, note)


def _budget_of(store: Store, study: str, budget: float | str | None) -> float:
    """A budget in multiply-adds, of a text as the study counts, or that of the study."""
    config = configs.from_dict(store.study(study).config)
    if budget is None and not config.budget.is_flops:
        raise invalid(
            "budget",
            f"must be said, in FLOPs, for a cascade: that of study {study} is of "
            f"{config.axis.called}.",
        )
    if budget is None:
        return config.budget.amount
    return units.parse_count(budget, "budget") / config.flops_per_mac


def _of_pool(
    store: Store,
    pool: str,
    budget: float | None,
    measure: str,
    data_dir: Path | None,
    note: OnNote,
) -> "Winner":
    """All entries that a query selects, or with a budget the best cascade of them within it."""
    from ensearch.exports import winner
    from ensearch.pool import best_cascade, query

    entries, found = query.select(store, pool, note), None
    name = f"pool/{query_name(pool)}"
    if budget is not None:
        found = best_cascade.within(store, entries, budget, measure)
        if found is None:
            raise BudgetError(
                f"nothing of {pool} fits the budget of {units.format_count(budget)} multiply-adds."
            )
        entries, name = list(found.entries), f"{name}-cascade-{units.format_count(budget)}"
        if len(entries) == 1:
            note("no cascade within the budget is better than a single network: that is exported")
            found = None
    return winner.of_pool(store, pool, entries, name=name, cascade=found, data_dir=data_dir)


def _of_study(
    store: Store,
    study: str,
    budget: float | str | None,
    kind: str,
    confirmed: bool,
    data_dir: Path | None,
    note: OnNote,
) -> "Winner":
    from ensearch.exports import winner
    from ensearch.report.study import answer, text

    if not confirmed:
        _tell_of_confirmed(store, study, note)
    found, stage = _findings(store, study, confirmed)
    row = answer.row_within(found, budget)
    evaluation, estimate = {
        "best": (row.take, row.take_accuracy),
        "single": (row.single, row.single_accuracy),
        "ensemble": (row.ensemble, row.ensemble_accuracy),
    }[kind]
    if evaluation is None:
        what = {"single": "single network", "ensemble": "ensemble"}.get(kind, "configuration")
        raise BudgetError(
            f"study {study} tried no {what} within {found.conditions.axis.tell(row.budget)}.",
        )
    return winner.of_study(
        store,
        study,
        evaluation,
        stage=stage,
        title=text.label(evaluation, found.conditions),
        estimate=estimate,
        data_dir=data_dir,
    )


def _tell_of_confirmed(store: Store, study: str, note: OnNote) -> None:
    """Say that a confirmation trained members, usually for longer than the search did."""
    from ensearch.confirmation import plan as plans

    for plan in plans.plans(store, study)[-1:]:  # the one that `confirmed` exports from
        if plan.request.retrain and store.evaluations(study, plan.stage, "test"):
            epochs = max(finalist.full.epochs for finalist in plan.finalists)
            note(
                "these members were trained by the search; the option `confirmed` exports those "
                f"that a confirmation trained for {units.counted(epochs, 'epoch')}"
            )


def _distilled(
    store: Store, study: str, budget: float | str | None, data_dir: Path | None
) -> "Winner":
    """The first of the networks that learned in the last confirmation that distilled."""
    from ensearch.confirmation import distillation
    from ensearch.confirmation import plan as plans
    from ensearch.exports import winner

    if budget is not None:
        raise invalid("budget", "chooses nothing: a confirmation distils one network.")
    for plan in reversed(plans.plans(store, study)):
        found = distillation.read(store, study, plan)
        if found is not None:
            return winner.of_study(
                store,
                study,
                found.test,
                stage=distillation.stage(plan),
                title=found.pair.student.label,
                data_dir=data_dir,
            )
    raise StorageError(
        f"no confirmation of study {study} has distilled anything.",
        problem="nothing_distilled",
        study=study,
    )


def _findings(store: Store, study: str, confirmed: bool) -> tuple["Findings", str]:
    """What a study found, or its last confirmation, and the stage that trained the members."""
    if not confirmed:
        from ensearch.report.study import reading

        return reading.collect(store, study), SEARCH
    from ensearch.report.confirmation import findings as confirmations

    found = confirmations.collect(store, study)
    return found.results, found.plan.stage
