"""Selections and how right they are on other images -> points of fronts, leads and volumes.

Numbers that are `shown` are those on test, or on val where test is not used.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ensearch.ensembles import Cascade, CrossFit, HeldOutScores, paired_differences
from ensearch.fronts import Difference
from ensearch.fronts.hypervolume import hypervolume
from ensearch.pool.results import (
    CASCADE,
    FRONTS,
    MIXED,
    SAME,
    SINGLE,
    CascadeComparison,
    Estimate,
    FrontPoint,
    wilson,
)

SHARES = (0.25, 0.5, 0.75, 1.0)  # of the ensemble's cost, at which a cascade is held against it


def points(
    front: str,
    checked: CrossFit,
    val: Mapping[str, HeldOutScores],
    test: Mapping[str, HeldOutScores] | None,
) -> dict[float, FrontPoint]:
    """The points of a front by budget, also those that only a comparison needs."""
    found = {}
    for k, (budget, selected) in enumerate(zip(checked.budgets, checked.selected, strict=True)):
        # Nothing may fit on a half of the images where it does on all: then nothing checks it.
        if selected is None or math.isnan(val[front].accuracy[k]):
            continue
        thresholds: tuple[float, ...] = ()
        exits: tuple[float, ...] = (1.0,)
        if isinstance(selected, Cascade):
            thresholds, exits = selected.thresholds, selected.exits
        found[budget] = FrontPoint(
            front=front,
            budget=budget,
            members=selected.members,
            thresholds=thresholds,
            exits=exits,
            macs=float(selected.macs),
            biased_accuracy=selected.accuracy,
            agreeing_halves=checked.agreeing(k),
            val=_estimate(val[front], budget, is_given=False),
            test=None if test is None else _estimate(test[front], budget, is_given=True),
        )
    return found


def _estimate(judged: HeldOutScores, budget: float, is_given: bool) -> Estimate:
    """The accuracy with Wilson's interval.

    Unless the selections are given, the interval is that of as few images as make the replicates
    spread. In simulated pools (`scripts/simulations/cross_fitting`, 500 images, n = 100) intervals
    of replicates held the true accuracy in 93 to 97 %, Wilson's on all images in 91 to 96 %.
    """
    _, k = _at(judged, budget)
    accuracy, images = float(judged.accuracy[k]), float(judged.images)
    variance = float(judged.replicates[:, k].var(ddof=1))
    if not is_given and variance > accuracy * (1 - accuracy) / images > 0:
        images = accuracy * (1 - accuracy) / variance
    low, high = wilson(accuracy, images)
    return Estimate(accuracy=accuracy, low=low, high=high, macs=float(judged.macs[k]))


def _at(judged: HeldOutScores, budget: float) -> tuple[HeldOutScores, int]:
    return judged, judged.budgets.index(budget)


def leads(
    shown: Mapping[str, HeldOutScores], budgets: Sequence[float]
) -> dict[tuple[str, float], Difference]:
    """The leads of the other fronts over single networks, at every budget."""
    wanted = [(front, budget) for front in FRONTS if front != SINGLE for budget in budgets]
    pairs = [(_at(shown[SINGLE], budget), _at(shown[front], budget)) for front, budget in wanted]
    found = zip(wanted, paired_differences.leads(pairs), strict=True)
    return {where: lead for where, lead in found if lead is not None}


def mixed_lead(shown: Mapping[str, HeldOutScores], top: float) -> Difference | None:
    """The lead of mixed ensembles over those of one network, at the largest budget."""
    (found,) = paired_differences.leads([(_at(shown[SAME], top), _at(shown[MIXED], top))])
    return found


def shares(macs: float) -> list[float]:
    """Budgets of the cascades that are held against an ensemble of that cost."""
    return [share * float(macs) for share in SHARES]


def cascade_comparisons(
    shown: Mapping[str, HeldOutScores], fronts: Mapping[str, Mapping[float, FrontPoint]], top: float
) -> tuple[CascadeComparison, ...]:
    """Cascades within shares of the cost of the ensemble at the largest budget."""
    ensemble = fronts[MIXED].get(top)
    if ensemble is None:
        return ()
    best = _at(shown[MIXED], top)
    rivals = [
        (share, fronts[CASCADE][budget], (best, _at(shown[CASCADE], budget)))
        for share, budget in zip(SHARES, shares(ensemble.macs), strict=True)
        if budget in fronts[CASCADE]
    ]
    found = paired_differences.leads([pair for _, _, pair in rivals])
    return tuple(
        CascadeComparison(share=share, ensemble=ensemble, cascade=cascade, lead=lead)
        for (share, cascade, _), lead in zip(rivals, found, strict=True)
        if lead is not None
    )


def volumes(
    rows: Mapping[str, Sequence[FrontPoint]],
    singles: HeldOutScores,
    budgets: Sequence[float],
    reference: float,
) -> dict[str, float]:
    """The hypervolume of each front and baseline on val, by its name.

    Every front begins with the cheapest members, which all searches may select. Otherwise the
    front that spends most of the smallest budget would have the smallest volume.
    """
    first = int(np.isfinite(singles.accuracy).argmax())  # nothing fits the budgets below
    low = singles.budgets[first]
    found = {}
    for front, row in rows.items():
        costs = [low, *(max(low, min(point.macs, budgets[-1])) for point in row)]
        accuracies = [float(singles.accuracy[first]), *(point.val.accuracy for point in row)]
        found[front] = hypervolume(costs, accuracies, budgets[-1], low, reference)
    return found
