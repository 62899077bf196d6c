"""What a confirmation found, computed once: test fronts beside those of the search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ensearch.confirmation import distillation, settling
from ensearch.confirmation import plan as confirmation_plan
from ensearch.confirmation.distillation import Distilled
from ensearch.confirmation.plan import Confirmation, Finalist
from ensearch.core import Evaluation, Labels, SubsetHits
from ensearch.errors import StorageError
from ensearch.fronts import MARGIN, Pairs, Ranks, Shift, analysis, rank_agreement, seed_variance
from ensearch.pool import diversity
from ensearch.report.study import axes
from ensearch.report.study import results as study_results
from ensearch.report.study.answer import Origin
from ensearch.report.study.findings import Conditions, of_confirmation
from ensearch.report.study.results import Results
from ensearch.store import SEARCH, Store, UseOfTest
from ensearch.study import looks
from ensearch.study.scoring import Scorer

Scored = tuple[tuple[Evaluation, ...], dict[str, SubsetHits]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedFindings:
    """Everything that may be said about one confirmation.

    `results` are scored on test, selected on val, at the budgets of the plan; `search` are those of
    the search, on val, at the same budgets. The ranks compare the finalists' accuracies, the
    search's on val and the confirmed on test, by group: all, single networks, ensembles. Ranks
    and shift are None where nothing was retrained. `left_out` are finalists whose members failed.
    `distilled` is None unless a network learned from an ensemble.
    """

    plan: Confirmation
    uses_of_test: tuple[UseOfTest, ...]  # by the study's confirmations, oldest first
    other_uses_of_test: tuple[UseOfTest, ...]  # of the same labels by others, oldest first
    results: Results
    val: tuple[Evaluation, ...]  # what chose
    search: Results
    ranks: Mapping[str, Ranks | None] | None
    pairs: Pairs | None
    shift: Shift | None
    left_out: Mapping[str, str]  # label -> reason
    distilled: Distilled | None = None

    @property
    def use_number(self) -> int:
        """Which use of the study's test split it is: the first is 1."""
        earlier = [use.plan for use in self.uses_of_test].index(self.plan.number)
        others = [use for use in self.other_uses_of_test if use.used <= self.used]
        return 1 + earlier + len(others)

    @property
    def used(self) -> datetime:
        """When this confirmation first used test."""
        return next(use.used for use in self.uses_of_test if use.plan == self.plan.number)


def collect(
    store: Store, study: str, number: int | None = None, *, margin: float = MARGIN
) -> ConfirmedFindings:
    """Read a confirmation, the last one if no number is given, and analyse its fronts on test.

    `margin` is the difference in accuracy, a fraction, that does not matter. StorageError if there
    is none, or if it is not scored yet.
    """
    plan = _plan(store, study, number)
    whole = replace(study_results.collect(store, study, margin=margin), beside=())
    scorer = _scorer(store, whole.conditions)
    val = tuple(store.evaluations(study, plan.stage, "val"))
    scored, hits_on_test = _scored(scorer, study, plan.stage, "test")
    test = axes.own(scored, whole.conditions.axis), hits_on_test
    seed = whole.conditions.seed
    fronts = analysis.analyse(
        test[0],
        plan.budgets,
        test[1],
        selected_on=val,
        seed=seed,
        margin=margin,
        share=settling.share(plan),
    )
    search = whole
    if plan.budgets != whole.conditions.budgets:
        on_val, hits = _scored(scorer, study, SEARCH, "val")
        share = looks.sight(store, study, store.study_summary(study).trained).share
        fronts_of_search = analysis.analyse(
            on_val, plan.budgets, hits, seed=seed, margin=margin, share=share
        )
        search = replace(whole, fronts=fronts_of_search)
    test_by_key = {e.key: e for e in test[0]}
    there = [f for f in plan.finalists if f.key in test_by_key]
    full = [test_by_key[f.key].scores.accuracy for f in there]
    short = [f.accuracy for f in there]
    return ConfirmedFindings(
        plan=plan,
        uses_of_test=store.confirmations_on_test(study),
        other_uses_of_test=store.other_uses_of_test(study),
        results=_results(store, whole, plan, test, fronts),
        val=val,
        search=search,
        ranks=_ranks(there, short, full, seed) if plan.retrain else None,
        pairs=rank_agreement.near_pairs([test_by_key[f.key].price for f in there], short, full)
        if plan.retrain
        else None,
        shift=rank_agreement.shift(search.fronts, fronts) if plan.retrain else None,
        left_out=_left_out(plan, there),
        distilled=distillation.read(store, study, plan),
    )


def _plan(store: Store, study: str, number: int | None) -> Confirmation:
    store.study(study)
    plans = {plan.number: plan for plan in confirmation_plan.plans(store, study)}
    if not plans or (number is not None and number not in plans):
        known = ", ".join(map(str, plans)) or "none"
        raise StorageError(
            f"study {study!r} has no confirmation{'' if number is None else f' {number}'}; there "
            f"are: {known}.",
            problem="no_confirmation",
            study=study,
        )
    plan = plans[max(plans) if number is None else number]
    if not store.evaluations(study, plan.stage, "test"):
        raise StorageError(
            f"confirmation {plan.number} of study {study!r} is not scored yet.",
            problem="confirmation_unfinished",
            study=study,
        )
    return plan


def _scorer(store: Store, c: Conditions) -> Scorer:
    labels: dict[str, Labels] = {}
    for split in ("val", "test"):
        of_split = store.study_labels(c.study, split)
        if of_split is None:
            raise StorageError(
                f"the labels of {split} are not stored with study {c.study!r}, so its confirmation "
                "cannot be judged. Restore a copy of the storage."
            )
        labels[split] = of_split
    return Scorer(store=store, labels=labels, rule=c.rule, seed=c.seed)


def _scored(scorer: Scorer, study: str, stage: str, split: str) -> Scored:
    """Evaluations of one split and their outcomes by key. StorageError for missing predictions."""
    evaluations = scorer.store.evaluations(study, stage, split)
    return tuple(evaluations), scorer.subset_hits(study, split, stage)


def _results(
    store: Store,
    whole: Results,
    plan: Confirmation,
    test: Scored,
    fronts: analysis.Fronts,
) -> Results:
    """The search's results with everything that a confirmation changes."""
    study = whole.conditions.study
    used = [
        keys
        for stage in (plan.stage, distillation.stage(plan))
        for keys in store.evaluation_members(study, stage).values()
    ]
    members = store.members({key for keys in used for key in keys}).values()
    return replace(
        whole,
        conditions=of_confirmation(whole.conditions, plan),
        evaluations=test[0],
        fronts=fronts,
        members=len(members),
        train_macs=sum(member.train_macs for member in members),
        train_seconds=sum(member.seconds for member in members),
        predicted=(),
        # Mixed ensembles are searched by FLOPs alone.
        diversity=None
        if whole.conditions.other_axis
        else diversity.of_confirmation(store, study, plan.stage, plan.budgets[-1]),
        seed_errors={e.key: seed_variance.seed_error(e, test[1]) for e in test[0]},
        notes=axes.guessed(test[0]),
        under_way=False,  # it is scored
        looks=1,
        settling=None,  # the search's
        origin=Origin(url=store.url, study=study, stage=plan.stage),
    )


def _ranks(
    finalists: Sequence[Finalist], short: Sequence[float], full: Sequence[float], seed: int
) -> dict[str, Ranks | None]:
    groups = {
        "all": list(range(len(finalists))),
        "single networks": [i for i, f in enumerate(finalists) if f.is_single],
        "ensembles": [i for i, f in enumerate(finalists) if not f.is_single],
    }
    return {
        name: rank_agreement.ranks([short[i] for i in chosen], [full[i] for i in chosen], seed)
        for name, chosen in groups.items()
    }


def _left_out(plan: Confirmation, there: Sequence[Finalist]) -> dict[str, str]:
    kept, failures = {f.key for f in there}, dict(plan.failures)
    left = {
        f.label: failures.get(f.network, "not scored") for f in plan.finalists if f.key not in kept
    }
    if pair := distillation.pair(plan):
        for network in failures.keys() - plan.networks.keys():
            left[f"{pair.student.label} that learns from {pair.teacher.label}"] = failures[network]
    return left
