"""Evaluations -> the fronts of single networks and of ensembles, and where the two cross.

S(B) is the accuracy of the best single network within the budget B, E(B) that of the best
ensemble (size >= 2); the advantage is D(B) = E(B) - S(B). The crossover is the smallest budget
from which D > 0 at every larger one. Only evaluations that exist take part: nothing is predicted.

In 27 simulated settings (`scripts/simulations/coverage`, 200 studies each) the band held in 90.5 to
98.5 % and the crossover's interval in 92.5 to 99 %, in 99.5 % and more where the truth lies outside
the budgets. The band is lowest where validation images are few (500) or seeds vary by half a point.
No status was wrong; they are right in 95 % where the advantages are 1.4 half widths of the band.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ensearch.core import Evaluation, SubsetHits
from ensearch.errors import StorageError, UsageError
from ensearch.fronts.bootstrap import DIGITS, Sample, by_cost, overstatement, resample
from ensearch.fronts.crossover import Crossover, band, judge, unjudged
from ensearch.fronts.multiplier import Multiplier, multipliers
from ensearch.fronts.surface import Fitted, fit

# Costs within 5 % are matched. Without this, 4 x EfficientNet-B2 (3.97 G) meets B3 (1.83 G), the
# best single network that fits, and is credited with about 1.15 points of pure grid granularity.
# It holds both ways: with ensembles at every other budget only, and no true difference, single
# networks seemed clearly ahead in 60 of 60 simulated studies; matched both ways, in 4.
MATCHED_SHARE = 0.95
FEWEST_REPLICATES = 40  # below this the 2.5th percentile is the smallest replicate itself
# Of a budget, something of both must cost more than this share: one step between budgets.
USED_SHARE = 0.5**0.5

__all__ = [
    "MATCHED_SHARE",
    "Crossover",
    "Fitted",
    "FrontRow",
    "Fronts",
    "Hits",
    "Multiplier",
    "analyse",
    "best_within",
]

Hits = Mapping[str, SubsetHits]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontRow:
    """Both fronts at one budget. `advantage` is E - S as a fraction, None where not matched.

    Where one split chooses and scores, what choosing lifts E more than S is taken off the
    advantage (`Fronts.correction`), so it may differ from the difference of the two accuracies.

    `matched`: both kinds had their chance at this cost. Within the budget, the dearest single
    network costs at least 95 % of the best ensemble, and the dearest ensemble at least 95 % of the
    best single network; and something of either kind costs more than the budget over sqrt(2), so
    that nothing is said of budgets that nobody tried to use. `low` and `high` bound the advantage,
    at all matched budgets at once with 95 % confidence; None where not matched or without
    outcomes. `tried_singles` and `tried_ensembles` count what competed: measured, within the
    budget and comparable in cost.
    """

    budget: float
    single: Evaluation | None
    ensemble: Evaluation | None
    advantage: float | None
    low: float | None
    high: float | None
    matched: bool
    multiplier: Multiplier | None = None
    tried_singles: int = 0
    tried_ensembles: int = 0

    @property
    def side(self) -> int:
        """1 where ensembles are clearly ahead, -1 where they are clearly behind, else 0."""
        return int((self.low or 0) > 0) - int((self.high or 0) < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronts:
    """One row for each budget, ascending, and the crossover read off the matched ones.

    `fitted` is the same by a fitted surface, None where there are too few points. `agree` tells
    whether its crossing is within the interval of the crossover, and `agreement` says so.
    `correction` was taken off every advantage.
    """

    rows: tuple[FrontRow, ...]
    crossover: Crossover
    fitted: Fitted | None = None
    agree: bool | None = None
    agreement: str = ""
    correction: float = 0.0


def best_within(
    evaluations: Sequence[Evaluation], budget: float, singles: bool
) -> Evaluation | None:
    """The most accurate single network (or ensemble) of at most `budget`; of equals the cheaper."""
    fitting = [e for e in evaluations if e.is_single == singles and e.cost.macs <= budget]
    return max(fitting, key=lambda e: (e.scores.accuracy, -e.cost.macs), default=None)


def analyse(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    outcomes: Hits | None,
    *,
    selected_on: tuple[Sequence[Evaluation], Hits | None] | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> Fronts:
    """Fronts at ascending budgets (multiply-adds per example), their band and their crossover.

    `outcomes` maps the key of every evaluation to the outcomes of `ensembles.evaluate`; None if
    predictions are not stored. With `selected_on`, evaluations and outcomes of another split, the
    best on that split is scored on this one; what only one split has takes no part. Band and
    interval come from a bootstrap over images and training seeds in which both fronts are chosen
    anew in each replicate. Predicted evaluations are left out. UsageError for unordered budgets or
    mixed splits, StorageError where outcomes do not fit the evaluations.
    """
    _check(evaluations, budgets, replicates)
    scored = {e.key: e for e in evaluations if not e.is_predicted}
    chosen = scored
    if selected_on is not None:
        _check(selected_on[0], budgets, replicates)
        chosen = {e.key: e for e in selected_on[0] if not e.is_predicted}
    keys = [key for key in scored if key in chosen]
    measured, choosing = [scored[key] for key in keys], [chosen[key] for key in keys]
    rows = [_row(measured, choosing, budget) for budget in budgets]
    found = _outcomes(scored, outcomes)
    others = None if selected_on is None else _outcomes(chosen, selected_on[1])
    stored = outcomes is not None and (selected_on is None or selected_on[1] is not None)
    if not stored or not any(row.matched for row in rows):
        return Fronts(rows=tuple(rows), crossover=unjudged(_missing(rows)))
    sample = resample(
        measured,
        [found[key] for key in keys],
        None if others is None else [others[key] for key in keys],
        replicates,
        seed,
    )
    return _judged(rows, measured, sample, one_split=others is None)


def _judged(
    rows: Sequence[FrontRow], evaluations: Sequence[Evaluation], sample: Sample, *, one_split: bool
) -> Fronts:
    matched = [row for row in rows if row.matched]
    counts = [(row.tried_singles, row.tried_ensembles) for row in matched]
    correction = 0.0
    if one_split:
        correction = round(overstatement(sample, evaluations, counts), DIGITS)
    fronts = [sample.singles, sample.ensembles]
    heights = [f[:, [n[kind] - 1 for n in counts]] for kind, f in enumerate(fronts)]
    advantages = (heights[1] - heights[0]).round(DIGITS)
    point, errors = advantages[0] - correction, advantages[1:] - advantages[1:].mean(axis=0)
    budgets = np.array([row.budget for row in matched])
    low, high = band(point, errors)
    singles = [evaluations[i].cost.macs for i in by_cost(evaluations, True)]
    targets = heights[0] + np.vstack([point, point + errors])
    needed = multipliers(budgets, singles, sample.singles, targets)
    judged = {
        row.budget: replace(
            row,
            advantage=float(point[k]),
            low=float(low[k]),
            high=float(high[k]),
            multiplier=needed[k],
        )
        for k, row in enumerate(matched)
    }
    crossover = unjudged(_missing(rows))
    if len(matched) > 1:
        crossover = judge(budgets, point, errors, _covers(sample.seeds, correction))
    fitted = fit(evaluations, sample.accuracies, budgets)
    agree, agreement = _agreement(fitted, crossover)
    return Fronts(
        rows=tuple(judged.get(row.budget, row) for row in rows),
        crossover=crossover,
        fitted=None if isinstance(fitted, str) else fitted,
        agree=agree,
        agreement=agreement,
        correction=correction,
    )


def _check(evaluations: Sequence[Evaluation], budgets: Sequence[float], replicates: int) -> None:
    if any(not low < high for low, high in itertools.pairwise([0, *budgets, np.inf])):
        raise UsageError(f"the budgets of a front must be positive and ascending; got {budgets}.")
    if replicates < FEWEST_REPLICATES:
        raise UsageError(
            f"a 95 % interval needs at least {FEWEST_REPLICATES} replicates; got {replicates}."
        )
    splits = sorted({e.split for e in evaluations})
    if len(splits) > 1:
        raise UsageError(f"a front compares evaluations on one split; got {', '.join(splits)}.")


def _outcomes(
    evaluations: Mapping[str, Evaluation], outcomes: Hits | None
) -> dict[str, SubsetHits]:
    """The hits of the evaluations, checked against their accuracies; empty if none are stored."""
    result: dict[str, SubsetHits] = {}
    for key, e in evaluations.items() if outcomes is not None else ():
        found = (outcomes or {}).get(key)
        accuracy = None if found is None else float(found.hits.mean())
        # Means of the same float64 numbers agree to 1e-12; hits of another split do not.
        if found is None or accuracy is None or abs(accuracy - e.scores.accuracy) > 1e-6:
            raise StorageError(
                f"{e.size} x {e.architecture.key} has an accuracy of {e.scores.accuracy:.6f}, but "
                f"its stored predictions give {accuracy}. Evaluate it again, or go without hits."
            )
        result[key] = found
    return result


def _comparable(evaluations: Sequence[Evaluation], budget: float, singles: bool) -> list[int]:
    """Indices of one kind within the budget at whose cost the other kind had its chance."""
    within = [(i, e.cost.macs, e.is_single == singles) for i, e in enumerate(evaluations)]
    within = [entry for entry in within if entry[1] <= budget]
    dearest = max((macs for _, macs, wanted in within if not wanted), default=0)
    return [i for i, macs, wanted in within if wanted and MATCHED_SHARE * macs <= dearest]


def _row(
    evaluations: Sequence[Evaluation], choosing: Sequence[Evaluation], budget: float
) -> FrontRow:
    """Without band and multiplier. `choosing` holds the same evaluations on the choosing split."""
    best = [best_within(choosing, budget, singles) for singles in (True, False)]
    comparable = [_comparable(choosing, budget, singles) for singles in (True, False)]
    matched = all(
        any(choosing[i] is choice for i in tried)
        and any(
            e.is_single == singles and USED_SHARE * budget * (1 - 1e-9) < e.cost.macs <= budget
            for e in choosing
        )
        for choice, tried, singles in zip(best, comparable, (True, False), strict=True)
    )
    scored = {id(chosen): e for chosen, e in zip(choosing, evaluations, strict=True)}
    single, ensemble = (scored[id(choice)] if choice else None for choice in best)
    advantage = None
    if single and ensemble and matched:
        advantage = round(ensemble.scores.accuracy - single.scores.accuracy, DIGITS)
    return FrontRow(
        budget=budget,
        single=single,
        ensemble=ensemble,
        advantage=advantage,
        low=None,
        high=None,
        matched=matched,
        tried_singles=len(comparable[0]),
        tried_ensembles=len(comparable[1]),
    )


def biased_upward(correction: float) -> str:
    """Which kind the luck of choosing favours; empty below 0.005 points, which is not shown."""
    if abs(correction) < 5e-5:
        return ""
    return "ensembles" if correction > 0 else "single networks"


def _covers(seeds: bool, correction: float) -> str:
    """What the noise is of."""
    noise = "the noise of the images and of training seeds"
    if not seeds:
        noise = "the noise of the images, not that of training seeds"
    kind = biased_upward(correction)
    if not kind:
        return noise
    return (
        f"{noise}; choosing the best of many on the images that score it flatters {kind} by "
        f"{100 * abs(correction):.2f} points more, for which the advantage is corrected"
    )


def _agreement(fitted: Fitted | str, crossover: Crossover) -> tuple[bool | None, str]:
    """Whether the fitted crossing lies within the interval of the fronts, and the words for it."""
    if isinstance(fitted, str):
        return None, f"No second estimate: {fitted}."
    if crossover.low is None or crossover.high is None:
        return None, f"{fitted.sentence}."
    agree = crossover.low <= fitted.crossing <= crossover.high
    verdict = (
        "which agrees with the fronts"
        if agree
        else ("which disagrees with the fronts beyond their interval: trust neither alone")
    )
    return agree, f"{fitted.sentence}, {verdict}."


def _missing(rows: Sequence[FrontRow]) -> str:
    """Without outcomes, or without 2 matched budgets, a crossover cannot be judged: says why."""
    matched = sum(row.matched for row in rows)
    if not any(row.single for row in rows):
        return "no single network within the budgets was evaluated"
    if not any(row.ensemble for row in rows):
        return "no ensemble within the budgets was evaluated"
    if matched < 2:
        return (
            "it takes 2 budgets at which a single network and an ensemble of matched cost (within "
            f"5 %) were evaluated; found {matched} among {len(rows)}"
        )
    return "without stored predictions the noise of the images cannot be judged"
