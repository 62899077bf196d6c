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
from ensearch.fronts.matching import FrontRow, matched_row
from ensearch.fronts.multiplier import multipliers
from ensearch.fronts.surface import Fitted, fit
from ensearch.fronts.verdicts import MARGIN, NOTHING_KNOWN, Ruled, Zone, verdict, zone

FEWEST_REPLICATES = 40  # below this the 2.5th percentile is the smallest replicate itself

SubsetHitsByKey = Mapping[str, SubsetHits]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronts:
    """A row for each budget, ascending, and the crossover read off the matched ones.

    `fitted` is the crossover by a fitted surface, None where there are too few points. `agree`
    tells whether its crossing lies within the interval of the crossover, and `agreement` says so.
    `zone` says where ensembles overtake, by the verdicts with the difference `margin` that does
    not matter.
    `correction` was taken off every advantage, a fraction of accuracy.
    """

    rows: tuple[FrontRow, ...]
    crossover: Crossover
    zone: Zone = NOTHING_KNOWN
    fitted: Fitted | None = None
    agree: bool | None = None
    agreement: str = ""
    correction: float = 0.0
    margin: float = MARGIN


def analyse(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: SubsetHitsByKey | None,
    *,
    selected_on: tuple[Sequence[Evaluation], SubsetHitsByKey | None] | None = None,
    replicates: int = 2000,
    seed: int = 0,
    margin: float = MARGIN,
) -> Fronts:
    """Return the fronts at ascending budgets (multiply-adds), their band and their crossover.

    `hits` maps the key of every evaluation to those of `ensembles.averaging.evaluate`; None if
    predictions are not stored. With `selected_on`, evaluations and hits of another split, the best
    on that split is scored on this one; what only one split has takes no part. Band and interval
    come from a bootstrap over images and training seeds in which both fronts are selected anew in
    each replicate. Predicted evaluations are left out. UsageError for unordered budgets, fewer than
    40 replicates or mixed splits, StorageError where hits do not fit the evaluations.
    """
    _check(evaluations, budgets, replicates)
    scored = {e.key: e for e in evaluations if not e.is_predicted}
    selecting = scored
    if selected_on is not None:
        _check(selected_on[0], budgets, replicates)
        selecting = {e.key: e for e in selected_on[0] if not e.is_predicted}
    keys = [key for key in scored if key in selecting]
    measured = [scored[key] for key in keys]
    rows = [matched_row(measured, [selecting[key] for key in keys], budget) for budget in budgets]
    here = _checked_hits(scored, hits)
    there = None if selected_on is None else _checked_hits(selecting, selected_on[1])
    stored = hits is not None and (selected_on is None or selected_on[1] is not None)
    if not stored or not any(row.matched for row in rows):
        rows = [_taking(row) for row in rows]
        return Fronts(rows=tuple(rows), crossover=unjudged(_missing(rows)), margin=margin)
    sample = resample(
        measured,
        [here[key] for key in keys],
        None if there is None else [there[key] for key in keys],
        replicates,
        seed,
    )
    return _judged(rows, measured, sample, margin, one_split=there is None)


def _judged(
    rows: Sequence[FrontRow],
    evaluations: Sequence[Evaluation],
    sample: Sample,
    margin: float,
    *,
    one_split: bool,
) -> Fronts:
    matched = [row for row in rows if row.matched]
    counts = [(row.tried_singles, row.tried_ensembles) for row in matched]
    correction = 0.0
    if one_split:
        correction = round(overstatement(sample, evaluations, counts), DIGITS)
    fronts = [sample.singles, sample.ensembles]
    heights = [f[:, [n[which] - 1 for n in counts]] for which, f in enumerate(fronts)]
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
            verdict=verdict(float(low[k]), float(high[k]), margin),
            expected_loss=float(
                np.maximum(0, -np.sign(point[k]) * (point[k] + errors[:, k])).mean()
            ),
        )
        for k, row in enumerate(matched)
    }
    crossover = unjudged(_missing(rows))
    if len(matched) > 1:
        crossover = judge(budgets, point, errors, _covers(sample.seeds, correction))
    fitted = fit(evaluations, sample.accuracies, budgets)
    agree, agreement = _agreement(fitted, crossover)
    result = tuple(_taking(judged.get(row.budget, row)) for row in rows)
    return Fronts(
        rows=result,
        crossover=crossover,
        zone=zone([Ruled(row.budget, row.verdict) for row in result if row.matched]),
        margin=margin,
        fitted=None if isinstance(fitted, str) else fitted,
        agree=agree,
        agreement=agreement,
        correction=correction,
    )


def _taking(row: FrontRow) -> FrontRow:
    """The row with what to take: the better kind, a single network where it makes no difference."""
    if row.single is None or row.ensemble is None:
        return replace(row, take=row.single or row.ensemble)
    ahead = row.advantage
    if ahead is None:
        ahead = row.ensemble.scores.accuracy - row.single.scores.accuracy
    if row.verdict == "equal" or ahead <= 0:
        return replace(row, take=row.single, runner_up=row.ensemble)
    return replace(row, take=row.ensemble, runner_up=row.single)


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


def _checked_hits(
    evaluations: Mapping[str, Evaluation], hits: SubsetHitsByKey | None
) -> dict[str, SubsetHits]:
    """The hits of the evaluations, checked against their accuracies; none if none are stored."""
    result: dict[str, SubsetHits] = {}
    for key, e in evaluations.items() if hits is not None else ():
        of_subsets = (hits or {}).get(key)
        accuracy = None if of_subsets is None else float(of_subsets.hits.mean())
        # Means of the same float64 numbers agree to 1e-12; hits of another split do not.
        if of_subsets is None or accuracy is None or abs(accuracy - e.scores.accuracy) > 1e-6:
            raise StorageError(
                f"{e.size} x {e.architecture.key} has an accuracy of {e.scores.accuracy:.6f}, but "
                f"its stored predictions give {accuracy}. Evaluate it again, or go without hits."
            )
        result[key] = of_subsets
    return result


def biased_upward(correction: float) -> str:
    """Return what selection biases upward; empty below 0.005 points, which is not shown."""
    if abs(correction) < 5e-5:
        return ""
    return "ensembles" if correction > 0 else "single networks"


def _covers(seeds: bool, correction: float) -> str:
    """What the band and the interval cover."""
    noise = "the noise of the images and of training seeds"
    if not seeds:
        noise = "the noise of the images, not that of training seeds"
    which = biased_upward(correction)
    if not which:
        return noise
    return (
        f"{noise}; selecting the best of many on the images that score it biases {which} upward by "
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
    """Why a crossover cannot be judged: 2 matched budgets are missing, or stored predictions."""
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
