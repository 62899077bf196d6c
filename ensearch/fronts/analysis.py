"""Evaluations -> the fronts of single networks and of ensembles, and which to take at each budget.

S(B) is the accuracy of the best single network within the budget B, E(B) that of the best
ensemble (size >= 2); the advantage is D(B) = E(B) - S(B). Only evaluations that exist take part:
nothing is predicted.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ensearch.core import Evaluation, SubsetHits
from ensearch.errors import StorageError, UsageError
from ensearch.fronts import estimates, matching, noise
from ensearch.fronts.claims import Claim
from ensearch.fronts.judging import judge, row_of
from ensearch.fronts.rows import FrontRow
from ensearch.fronts.verdicts import MARGIN, NOTHING_KNOWN, Ruled, Zone, zone
from ensearch.seeds import derive

MOST = 150  # evaluations that are estimated together: the time grows with their cube

SubsetHitsByKey = Mapping[str, SubsetHits]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronts:
    """A row for each budget, ascending, and what they say together.

    `zone` says where ensembles overtake single networks, by the verdicts with the difference
    `margin` (a fraction of accuracy) that does not matter. `is_pooled` tells whether the accuracies
    were estimated together; None where nothing was estimated. `degrees` are the independent
    differences between members from which the luck of training seeds is known. `accuracies` are
    the estimates by evaluation key.
    """

    rows: tuple[FrontRow, ...]
    zone: Zone = NOTHING_KNOWN
    margin: float = MARGIN
    is_pooled: bool | None = None
    degrees: int = 0
    accuracies: Mapping[str, float] = field(default_factory=dict)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What this look alone claims, at the budgets where costs are matched."""
        return tuple(row.claim for row in self.rows if row.claim is not None)


def analyse(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: SubsetHitsByKey | None,
    *,
    selected_on: Sequence[Evaluation] | None = None,
    seed: int = 0,
    margin: float = MARGIN,
    share: float = 1.0,
    before: Sequence[Claim] = (),
) -> Fronts:
    """Return the fronts at ascending budgets, with intervals and verdicts.

    Budgets are in the unit of the evaluations' prices: multiply-adds, or that of another axis.

    `hits` maps the key of every evaluation to those of `ensembles.averaging.evaluate`; None if
    predictions are not stored: then the fronts are the measured ones, and nothing is decided. With
    `selected_on`, evaluations of another split, the best on that split is scored on this one; what
    only one split has takes no part. Predicted evaluations are left out. Of a study that is looked
    at more than once this look makes a `share` of the error (`spending`), and `before` are the
    claims of all earlier ones. UsageError for unordered budgets, a margin that is not positive or
    mixed splits, StorageError where hits do not fit.
    """
    _check(evaluations, budgets, margin)
    scored = {e.key: e for e in evaluations if not e.is_predicted}
    selecting = scored
    if selected_on is not None:
        _check(selected_on, budgets, margin)
        selecting = {e.key: e for e in selected_on if not e.is_predicted}
    tried = [e for key, e in scored.items() if key in selecting]
    stored = _checked_hits(scored, hits)
    measured = _contenders(tried) if selected_on is None else tried
    selected = np.array([selecting[e.key].scores.accuracy for e in measured])
    if hits is None or not measured:
        accuracies = np.array([e.scores.accuracy for e in measured])
        rows = [row_of(measured, selected, accuracies, budget, tried) for budget in budgets]
        return Fronts(rows=tuple(rows), margin=margin)
    found = noise.measure(measured, [stored[e.key] for e in measured])
    rng = np.random.default_rng(derive("fronts", seed))
    if selected_on is None:
        estimate = estimates.estimate(measured, found, rng, share)
        selected = estimate.accuracies
    else:
        estimate = estimates.each_by_itself(found, rng, share, selected=True)
    rows = judge(
        measured,
        budgets,
        found,
        estimate,
        selected,
        margin,
        tried=tried,
        selected=selected_on is not None,
        before=before,
    )
    return Fronts(
        rows=tuple(rows),
        zone=zone([Ruled(row.budget, row.verdict) for row in rows if row.matched]),
        margin=margin,
        is_pooled=estimate.is_pooled,
        degrees=found.degrees,
        accuracies={e.key: float(a) for e, a in zip(measured, estimate.accuracies, strict=True)},
    )


def _contenders(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The evaluations nearest to the front of their kind at their cost: at most MOST."""

    def behind(e: Evaluation) -> float:
        best = matching.best_within(evaluations, e.price, e.is_single)
        return (best or e).scores.accuracy - e.scores.accuracy

    if len(evaluations) <= MOST:
        return list(evaluations)
    kept = {e.key for e in sorted(evaluations, key=behind)[:MOST]}
    return [e for e in evaluations if e.key in kept]


def _check(evaluations: Sequence[Evaluation], budgets: Sequence[float], margin: float) -> None:
    if any(not low < high for low, high in itertools.pairwise([0, *budgets, np.inf])):
        raise UsageError(f"the budgets of a front must be positive and ascending; got {budgets}.")
    if not 0 < margin < 1:
        raise UsageError(
            f"the margin must be a fraction of accuracy between 0 and 1; got {margin}."
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
                f"{e.size} x {e.architecture.key} had an accuracy of {e.scores.accuracy:.6f} when "
                f"it was evaluated, but its stored predictions give {accuracy}: they have changed.",
                problem="predictions_changed",
            )
        result[key] = of_subsets
    return result
