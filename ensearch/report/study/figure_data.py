"""Everything that the trade-off figure shows, as numbers: computed once, drawn twice."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ensearch.core import Evaluation
from ensearch.fronts import FrontRow
from ensearch.fronts.matching import corners
from ensearch.report.study import brief, text
from ensearch.report.study.findings import Conditions, Findings
from ensearch.units import Axis


class Dot(NamedTuple):
    """A measured configuration: cost in the study's unit, accuracy in percent."""

    cost: float
    accuracy: float
    label: str
    size: int


class Steps(NamedTuple):
    """A front: from `costs[i]` on, `accuracies[i]` is the best measured."""

    costs: tuple[float, ...]
    accuracies: tuple[float, ...]


class Advantage(NamedTuple):
    """Ensemble minus single at one matched budget, in points; the band is None if not known."""

    budget: float
    points: float
    low: float | None
    high: float | None


class Crossing(NamedTuple):
    """Single networks are better at `low`, ensembles at `high`: the crossover lies in between."""

    low: float
    high: float


class Named(NamedTuple):
    """A corner of a front that deserves a label, away from the other front."""

    dot: Dot
    above: bool


class Tradeoff(NamedTuple):
    """Everything that a figure of a study shows; the PNG and the dashboard draw the same."""

    title: str
    subtitle: str
    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    predicted: tuple[Dot, ...]  # ensembles of sizes that were not trained; in no front
    hidden: int  # configurations below y_range, predicted ones too
    singles: tuple[Dot, ...]
    ensembles: tuple[tuple[Dot, ...], ...]  # one line per architecture, by size, size 1 included
    single_front: Steps
    ensemble_front: Steps
    front_names: tuple[str, str]
    advantages: tuple[Advantage, ...]
    corrected: bool  # whether advantages are less what the luck of choosing adds
    crossing: Crossing | None
    named: tuple[Named, ...]  # of each front the best first


# At most so many labels per front: with more, eight labels of 70 pixels meet on 900 pixels.
NAMED = 4


def compute(findings: Findings) -> Tradeoff:
    """Return the figure of a study. What has no place on it, as a cost of 0, is left out."""
    results = replace(
        findings,
        evaluations=tuple(filter(_has_place, findings.evaluations)),
        predicted=tuple(filter(_has_place, findings.predicted)),
    )
    c = results.conditions
    evaluations, axis = results.evaluations, c.axis
    singles = [e for e in evaluations if e.is_single]
    prices = [*(e.price for e in evaluations), c.budget]
    low = min(prices) * axis.factor / 1.2
    high = max(prices) * axis.factor * 1.2
    fronts = [_front(results, is_single, high) for is_single in (True, False)]
    y_range = _y_range(results)
    kind = "full" if c.stage == "retrained" else "short"
    return Tradeoff(
        title=brief.first(results),
        subtitle=f"{c.dataset}, {c.family}, {text.epochs(c)} ({kind} schedule), seed {c.seed}. "
        f"{text.scored(c)}",
        y_label=f"measured accuracy on {c.split} (%)",
        x_label=axis.title,
        x_range=(low, high),
        y_range=y_range,
        predicted=tuple(_dot(e, c) for e in results.predicted),
        hidden=sum(
            100 * e.scores.accuracy < y_range[0] for e in (*evaluations, *results.predicted)
        ),
        singles=tuple(_dot(e, c) for e in singles),
        ensembles=_by_architecture(evaluations, c),
        single_front=fronts[0],
        ensemble_front=fronts[1],
        front_names=("best single network", "best ensemble")
        if c.stage == "search"
        else ("single network selected on val", "ensemble selected on val"),
        advantages=tuple(a for row in results.fronts.rows if (a := advantage(row, axis))),
        corrected=any(text.is_estimated(row) for row in results.fronts.rows),
        crossing=crossing(results),
        named=(*_named(results, True, fronts[1]), *_named(results, False, fronts[0])),
    )


def _has_place(e: Evaluation) -> bool:
    """Whether it can be drawn where costs have a logarithmic scale."""
    return math.isfinite(e.scores.accuracy) and math.isfinite(e.price) and e.price > 0


def _dot(e: Evaluation, c: Conditions) -> Dot:
    label = text.label(e, c)
    return Dot(e.price * c.axis.factor, 100 * e.scores.accuracy, label, e.size)


def _by_architecture(
    evaluations: Sequence[Evaluation], c: Conditions
) -> tuple[tuple[Dot, ...], ...]:
    groups: dict[str, list[Evaluation]] = {}
    for e in sorted(evaluations, key=lambda e: e.size):
        groups.setdefault(e.network, []).append(e)
    return tuple(
        tuple(_dot(e, c) for e in group) for group in groups.values() if not group[-1].is_single
    )


def _front(results: Findings, is_single: bool, end: float) -> Steps:
    best = _best(results, is_single)
    if not best:
        return Steps((), ())
    # What is best at its own cost stays best up to the edge of the figure.
    return Steps((*(d.cost for d in best), end), (*(d.accuracy for d in best), best[-1].accuracy))


def _best(results: Findings, is_single: bool) -> list[Dot]:
    """The corners of a kind's front, by cost."""
    if results.conditions.stage != "search":
        return _chosen(results, is_single)
    kind = [e for e in results.evaluations if e.is_single == is_single]
    return [_dot(e, results.conditions) for e in corners(kind)]


def _chosen(results: Findings, is_single: bool) -> list[Dot]:
    """What val chose for each budget: on test it may fall, and no maximum over test hides that."""
    c, dots = results.conditions, []
    for row in results.fronts.rows:
        e = row.single if is_single else row.ensemble
        # A step for each choice, at its own cost: never above the budget that chose it first.
        if e is not None and _has_place(e) and _dot(e, c) not in dots:
            dots.append(_dot(e, c))
    return dots


def _named(results: Findings, is_single: bool, other: Steps) -> list[Named]:
    best = list(dict.fromkeys(_best(results, is_single)))
    last = len(best) - 1
    # Of many corners, the cheapest is the least interesting one.
    picks = {round(last * k / NAMED) for k in range(1, NAMED + 1)}
    if len(best) <= NAMED:
        picks = set(range(len(best)))
    return [Named(best[i], _ahead(other, best[i])) for i in sorted(picks, reverse=True)]


def _ahead(other: Steps, dot: Dot) -> bool:
    """Whether the dot lies on or above the other front."""
    below = [y for x, y in zip(other.costs, other.accuracies, strict=True) if x <= dot.cost]
    return not below or dot.accuracy >= below[-1]


def _y_range(results: Findings) -> tuple[float, float]:
    """From the weakest best of a budget to the best of all, and a third as much again below it.

    The best of all may be a predicted one. Without the limit below, the weakest configurations
    press both fronts into a strip at the top.
    """
    every = [100 * e.scores.accuracy for e in results.evaluations]
    rows = results.fronts.rows
    of_rows = [e for r in rows for e in (r.single, r.ensemble) if e and _has_place(e)]
    bests = [100 * e.scores.accuracy for e in of_rows]
    promised = [100 * e.scores.accuracy for e in results.predicted]
    if not every:
        return 0.0, 100.0
    top, bottom = max(every + promised), min(bests or every)
    span = max(top - bottom, 1.0)
    return max(min(every), bottom - span / 3) - 0.12 * span, top + 0.12 * span


def advantage(row: FrontRow, axis: Axis) -> Advantage | None:
    """Return what ensembles are ahead at a budget; None where costs are not matched."""
    if row.advantage is None or not math.isfinite(row.advantage):
        return None
    return Advantage(
        budget=row.budget * axis.factor,
        points=100 * row.advantage,
        low=None if row.low is None else 100 * row.low,
        high=None if row.high is None else 100 * row.high,
    )


def crossing(results: Findings) -> Crossing | None:
    """Return the zone of the crossover on the axis of the figure; None where there is no zone."""
    zone, unit = results.fronts.zone, results.conditions.axis.factor
    if results.under_way or zone.status != "crossed" or zone.low is None or zone.high is None:
        return None
    return Crossing(zone.low * unit, zone.high * unit)
