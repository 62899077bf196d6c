"""What a storage holds of a study -> what the study found, computed once for all reports."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ensearch.budget import axis_of
from ensearch.confirmation import conclusion
from ensearch.confirmation.conclusion import Conclusion
from ensearch.core import Evaluation, Schedule, SubsetHits
from ensearch.ensembles import extrapolation
from ensearch.errors import StorageError
from ensearch.fronts import MARGIN, analysis, seed_variance
from ensearch.fronts.budgets import compared as compared_budgets
from ensearch.fronts.claims import Claim
from ensearch.latency import Times
from ensearch.report.study import axes
from ensearch.report.study.findings import Conditions, Findings, Settling
from ensearch.search_space import has_resolutions
from ensearch.store import SEARCH, Store
from ensearch.study import looks
from ensearch.study.config import budget_of
from ensearch.study.scoring import Scorer
from ensearch.units import FLOPS, PARAMS, counted, parse_axis

# The split that the search scores on; it never uses the test split.
SPLIT = "val"
Analysis = Callable[[Sequence[Evaluation], Sequence[float], Sequence[Claim]], analysis.Fronts]


def collect(
    store: Store,
    study: str,
    *,
    margin: float = MARGIN,
    x: str | None = None,
    even_empty: bool = False,
) -> Findings:
    """Read a study and analyse its fronts on the validation split.

    `margin` is the difference in accuracy, a fraction, that does not matter. `x` is what costs are
    compared by, if not by the unit of the study's budget: flops, params, or ms@64 for milliseconds
    an image in batches of 64. Raises UsageError for another `x`, StorageError if there is no such
    study, if such times were not measured, if its configuration was not written by a compatible
    version, or, unless `even_empty`, if nothing of it has been evaluated yet.
    """
    asked = None if x is None else x.strip().lower()
    batch = None if asked in (None, PARAMS) else parse_axis(asked, f"{FLOPS}, {PARAMS}")
    found, analysed = _on_own_axis(store, study, margin, even_empty)
    return _on_axis(store, found, analysed, asked, batch) if found.evaluations else found


def _on_own_axis(
    store: Store, study: str, margin: float, even_empty: bool
) -> tuple[Findings, Analysis]:
    """The findings by the unit of the study's budget, and the analysis for those by others."""
    record = store.study(study)
    conditions = _conditions(study, record.config, store.ladder(study))
    trials = store.trials(study)
    failures = Counter(t.reason or "error" for t in trials if t.state == "failed")
    evaluations = axes.own(store.evaluations(study, split=SPLIT), conditions.axis)
    if not evaluations and not even_empty:
        raise _nothing_evaluated(study, failures)
    used = store.evaluation_members(study)
    members = store.members(sorted({key for keys in used.values() for key in keys})).values()
    outcomes, notes = _outcomes(store, conditions)
    others = sum((m.study, m.stage) != (study, SEARCH) for m in members)
    if others:
        notes += (f"{others} of the {len(members)} members were trained by other studies.",)
    concluded, problems = _conclusion(store, study)
    state = store.study_summary(study)
    sight = looks.sight(store, study, state.trained)

    def analysed(
        some: Sequence[Evaluation], budgets: Sequence[float], before: Sequence[Claim]
    ) -> analysis.Fronts:
        return analysis.analyse(
            some,
            budgets,
            outcomes,
            seed=conditions.seed,
            margin=margin,
            share=sight.share,
            before=before,
        )

    found = Findings(
        conditions=conditions,
        config=record.config,
        environment=record.environment,
        evaluations=evaluations,
        fronts=analysed(evaluations, conditions.budgets, sight.before),
        trials_done=sum(t.state == "done" for t in trials),
        trials_failed=failures.total(),
        failures=dict(failures.most_common()),
        members=len(members),
        train_macs=sum(m.train_macs for m in members),
        train_seconds=sum(m.seconds for m in members),
        notes=notes + problems + axes.guessed(evaluations),
        predicted=_predicted(evaluations, conditions),
        conclusion=concluded,
        trials_asked=state.trials_asked,
        under_way=state.under_way,
        looks=sight.number,
        settling=_settling(store, study),
        seed_errors={e.key: seed_variance.seed_error(e, outcomes) for e in evaluations}
        if outcomes
        else {},
    )
    return found, analysed


def _nothing_evaluated(study: str, failures: Counter[str]) -> StorageError:
    reasons = ", ".join(f"{reason}: {n}" for reason, n in failures.most_common())
    failed = f" ({counted(failures.total(), 'trial')} failed: {reasons})" if failures else ""
    return StorageError(
        f"study {study!r} has no finished evaluation to report{failed}.",
        problem="nothing_evaluated",
        study=study,
    )


def _on_axis(
    store: Store,
    found: Findings,
    analysed: Analysis,
    asked: str | None,
    batch: tuple[int, str | None] | None,
) -> Findings:
    """The findings by the axis that is asked for, with those by the others beside them."""
    conditions, evaluations = found.conditions, found.evaluations
    known = axes.sets(store, evaluations)
    in_flops = axes.in_flops(evaluations, found.predicted, conditions.flops_per_mac)

    def timed(times: Times) -> axes.Priced:
        return axes.priced(evaluations, found.predicted, times, known)

    def over(priced: axes.Priced) -> Findings:
        return _over(found, priced, analysed)

    is_own = asked in (None, conditions.axis.name, found.config.get("unit"))
    if is_own and conditions.other_axis is None:
        beside = [over(timed(times)) for times in axes.latest(known)]
        return replace(found, beside=tuple(beside))
    if is_own:
        return replace(found, beside=(over(in_flops),))
    if batch is not None:
        other = timed(axes.chosen(known, *batch, conditions.study))
    elif asked == PARAMS:
        other = axes.in_parameters(evaluations, found.predicted)
    else:
        other = in_flops
    return replace(over(other), beside=(found,))


def _over(found: Findings, priced: axes.Priced, analysed: Analysis) -> Findings:
    """The same findings by another axis; earlier looks claimed nothing by it."""
    budgets = compared_budgets(priced.evaluations)
    beyond = sum(e.price > budgets[-1] for e in priced.evaluations)
    longer: tuple[str, ...] = ()
    if beyond:
        longer = (
            f"{counted(beyond, 'configuration')} of more than {priced.axis.tell(budgets[-1])} are "
            "in no comparison: nothing of the other kind costs as much.",
        )
    return replace(
        found,
        conditions=replace(
            found.conditions,
            other_axis=None if priced.axis.name == FLOPS else priced.axis,
            is_own=False,
            budget=budgets[-1],
            budgets=budgets,
        ),
        evaluations=priced.evaluations,
        predicted=priced.predicted,
        fronts=analysed(priced.evaluations, budgets, ()),
        notes=found.notes + priced.notes + longer,
    )


def _settling(store: Store, study: str) -> Settling | None:
    plans = store.settlements(study)
    if not plans:
        return None
    own = [look for look in store.looks(study) if look.settlement is not None]
    seen = [look for look in own if look.settlement == plans[-1].number and look.seen]
    return Settling(
        train_macs=sum(look.train_macs for look in own if look.seen),
        searched_macs=looks.searched_macs(store, study),
        looks=len(seen),
        most_looks=plans[-1].looks,
        under_way=plans[-1].ended is None,
    )


def _conclusion(store: Store, study: str) -> tuple[Conclusion | None, tuple[str, ...]]:
    """Return what a confirmation concluded, and a note if it cannot be read.

    A plan that another version wrote must not cost anybody the report of the search.
    """
    try:
        return conclusion.read(store, study), ()
    except StorageError as error:
        return None, (f"What a confirmation concluded is left out: {error}",)


def _predicted(
    evaluations: tuple[Evaluation, ...], conditions: Conditions
) -> tuple[Evaluation, ...]:
    """The sizes of the space that were not trained, within the budget and twice the trained size.

    Beyond it the line in 1/size is led too far by its first two points.
    """
    predicted = axes.own(extrapolation.predict(evaluations, conditions.sizes), conditions.axis)
    return tuple(e for e in predicted if e.size <= 2 * e.trained and e.price <= conditions.budget)


def _conditions(
    study: str, config: Mapping[str, Any], ladder: Mapping[str, Any] | None
) -> Conditions:
    timed = (ladder or {}).get("timed", "")
    try:
        budget = budget_of(config)
        return Conditions(
            study=study,
            dataset=config["dataset"],
            classes=config["classes"],
            images=config["images"],
            limit_train=config["limit_train"],
            family=config["space"]["family"],
            schedule=Schedule(**config["schedule"]),
            stage="search",
            split=SPLIT,
            sizes=tuple(config["space"]["members"]),
            epochs=tuple(config["space"].get("schedule", {}).get("epochs", ())),
            seed=config["seed"],
            rule=config["rule"],
            sampler=config["sampler"],
            budget=budget.amount,
            budgets=tuple(sorted(config["budgets"])),
            flops_per_mac=config["flops_per_mac"],
            resolutions=has_resolutions(config["space"]),
            other_axis=None if budget.is_flops else axis_of(budget.unit, timed=timed),
        )
    except (KeyError, TypeError) as error:
        raise StorageError(
            f"the stored configuration of study {study!r} cannot be read ({error!r}): another "
            "version of ensearch wrote it. Report it with that version."
        ) from error


def _outcomes(
    store: Store, conditions: Conditions
) -> tuple[dict[str, SubsetHits] | None, tuple[str, ...]]:
    """SubsetHits on every image, by evaluation key; None, with a note, if not known.

    All or nothing: a bootstrap over some of the configurations would choose among fewer than the
    fronts do, and its band would belong to another question.
    """
    labels = store.study_labels(conditions.study, SPLIT)
    if labels is None:
        return None, ("The validation labels are not stored: no band and no interval.",)
    scorer = Scorer(
        store=store,
        labels={SPLIT: labels},
        rule=conditions.rule,
        seed=conditions.seed,
    )
    try:
        return scorer.subset_hits(conditions.study, SPLIT), ()
    except StorageError as error:
        if error.facts.get("changed"):
            raise
        return None, (f"No band and no interval, because predictions are missing: {error}",)
