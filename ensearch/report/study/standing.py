"""How a search stands, or what it found: both fronts and who is ahead where, as measured.

It is no verdict: nothing is estimated and nothing is claimed, so that looking on costs nothing.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ensearch.core import Evaluation
from ensearch.fronts import best_within
from ensearch.fronts.matching import corners, is_matched
from ensearch.report.study import text, words
from ensearch.units import Axis

MOST_RUNS = 3  # of budgets with the same kind ahead, that one sentence names
NO_LEAD = "No budget has a single network and an ensemble of comparable cost"
_AHEAD = {1: "ensembles are ahead", -1: "single networks are ahead", 0: "both are equal"}


class Point(NamedTuple):
    """A corner of a front: cost in the unit of the axis, accuracy in percent."""

    cost: float
    accuracy: float


class Lead(NamedTuple):
    """The best ensemble less the best single network at a budget that both kinds use, in points."""

    budget: float
    points: float


class Standing(NamedTuple):
    """How a search stands. Costs are shown in the unit of the axis, as are budgets."""

    single: Evaluation | None  # the best within the largest budget
    ensemble: Evaluation | None
    single_front: tuple[Point, ...]  # by cost
    ensemble_front: tuple[Point, ...]
    leads: tuple[Lead, ...]  # ascending
    budget: float


def compute(evaluations: Sequence[Evaluation], budgets: Sequence[float], axis: Axis) -> Standing:
    """Return how a search stands at compared budgets, ascending, from what it has evaluated."""
    rows = [e for e in evaluations if not e.is_predicted]
    accuracies = np.array([e.scores.accuracy for e in rows])
    leads = []
    for budget in budgets:
        if is_matched(rows, accuracies, budget):
            single, many = (best_within(rows, budget, singles) for singles in (True, False))
            if single is not None and many is not None:
                points = 100 * (many.scores.accuracy - single.scores.accuracy)
                leads.append(Lead(budget * axis.factor, points))
    fronts = [
        tuple(
            Point(e.price * axis.factor, 100 * e.scores.accuracy)
            for e in corners([e for e in rows if e.is_single == singles])
        )
        for singles in (True, False)
    ]
    return Standing(
        single=best_within(rows, budgets[-1], singles=True),
        ensemble=best_within(rows, budgets[-1], singles=False),
        single_front=fronts[0],
        ensemble_front=fronts[1],
        leads=tuple(leads),
        budget=budgets[-1] * axis.factor,
    )


def sentences(standing: Standing, axis: Axis, is_over: bool = False) -> tuple[tuple[str, str], ...]:
    """Return what to say of it, each sentence behind a short label.

    Where the search `is_over`, the last one says so: what goes on then is its confirmation.
    """
    label, how = ("so far", "as measured")
    if is_over:
        label, how = ("searched", "as the search measured on val")
    last = f"{NO_LEAD}{'' if is_over else ' yet'}."
    if standing.leads:
        last = f"{_ahead(standing.leads, axis)}, {how}, without an interval."
    return (
        ("single", _best(standing.single, "single network", axis)),
        ("ensemble", _best(standing.ensemble, "ensemble", axis)),
        (label, last),
    )


def _best(e: Evaluation | None, kind: str, axis: Axis) -> str:
    if e is None:
        return f"No {kind} has been evaluated yet."
    return f"The best {kind} is {text.label(e)}: {words.percent(e)} at {axis.tell(e.price)}."


def _ahead(leads: Sequence[Lead], axis: Axis) -> str:
    """Who is ahead at which budgets, and by how much at the largest."""
    runs = [
        (side, [lead.budget for lead in group])
        for side, group in itertools.groupby(leads, key=lambda lead: _side(lead))
    ]
    if len(runs) > MOST_RUNS:
        counts = Counter(_side(lead) for lead in leads)
        parts = [f"{_AHEAD[side]} at {counts[side]}" for side in _AHEAD if counts[side]]
        said = f"of {len(leads)} budgets, {', '.join(parts)}"
    else:
        parts = [f"{_AHEAD[side]} at {_range(budgets, axis)}" for side, budgets in runs]
        said = f"{', '.join(parts)} {axis.unit}"
    last = leads[-1]
    by = f" (by {abs(last.points):.2f} points at {_show(last.budget, axis)})" * (_side(last) != 0)
    return f"{said[0].upper()}{said[1:]}{by}"


def _side(lead: Lead) -> int:
    """Differences that print as 0.00 are none."""
    return int(np.sign(round(lead.points, 2)))


def _range(budgets: Sequence[float], axis: Axis) -> str:
    shown = [_show(budget, axis) for budget in budgets]
    if len(shown) == 1:
        return shown[0]
    return f"{shown[0]} {'and' if len(shown) == 2 else 'to'} {shown[-1]}"


def _show(budget: float, axis: Axis) -> str:
    return axis.show(budget / axis.factor)
