"""Why ensembles gain and how the study went, as small charts: their numbers and their captions."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from ensearch.core import Evaluation
from ensearch.fronts.hypervolume import hypervolume
from ensearch.fronts.matching import corners
from ensearch.report.study.findings import Findings
from ensearch.report.study.records import OnTest, Record
from ensearch.units import counted


class Spot(NamedTuple):
    """A dot of a chart, and the row of the page's table of evaluations that it is."""

    x: float
    y: float
    kind: str  # single or ensemble
    row: int


class Line(NamedTuple):
    """A line of a chart."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    style: Literal["thin", "law", "single", "ensemble", "both"]


class Chart(NamedTuple):
    """A chart under its heading. `ticks` name places of x; `counts` says that x are FLOPs."""

    name: str
    heading: str
    caption: str
    x_label: str
    y_label: str
    spots: tuple[Spot, ...]
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...] = ()
    counts: bool = False
    table: int = 0  # that `Spot.row` counts in: 1 is that of a confirmation


def charts(findings: Findings, record: Record) -> tuple[Chart, ...]:
    """Return the charts that have something to show."""
    ensembles = [
        (row, e)
        for row, e in enumerate(findings.evaluations)
        if not e.is_single and math.isfinite(_gain(e))
    ]
    found = (
        _by_size(ensembles),
        _by_disagreement(ensembles),
        _calibration(findings),
        _history(findings, record),
        None if record.on_test is None else _schedules(record.on_test),
    )
    return tuple(chart for chart in found if chart is not None)


def _gain(e: Evaluation) -> float:
    """What averaging adds to one member alone, in points."""
    return 100 * (e.scores.accuracy - e.scores.member_accuracy)


def _by_size(ensembles: Sequence[tuple[int, Evaluation]]) -> Chart | None:
    """The gain against 1 - 1/m, on which the expected Brier score lies exactly."""
    if not ensembles:
        return None
    spots = [Spot(1 - 1 / e.size, _gain(e), "ensemble", row) for row, e in ensembles]
    slope = sum(s.x * s.y for s in spots) / sum(s.x**2 for s in spots)
    networks: dict[str, list[Spot]] = {}
    for (_, e), spot in zip(ensembles, spots, strict=True):
        networks.setdefault(e.network, []).append(spot)
    lines = [
        Line((0.0, *(s.x for s in own)), (0.0, *(s.y for s in own)), "thin")
        for own in (sorted(own) for own in networks.values())
    ]
    end = max(s.x for s in spots)
    sizes = sorted({1, *(e.size for _, e in ensembles)})
    return Chart(
        name="by-size",
        heading="Gain by size",
        caption="Accuracy of an ensemble minus that of one of its members alone; a line for each "
        f"architecture. The dashed line is g × (1 − 1/m) for m members, with g = {slope:+.2f} "
        f"points fitted to {counted(len(spots), 'ensemble')}: half of what averaging can ever give "
        "comes with the second member. The expected Brier score follows this law exactly, accuracy "
        "nearly.",
        x_label="members (at 1 − 1/m)",
        y_label="gain over one member (points)",
        spots=tuple(spots),
        lines=(*lines, Line((0.0, end), (0.0, slope * end), "law")),
        ticks=_apart([(1 - 1 / size, str(size)) for size in sizes]),
    )


def _apart(ticks: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """The ticks whose numbers do not touch, beginning with the first and the last."""
    kept = [ticks[0]]
    for tick in reversed(ticks[1:]):
        if all(abs(tick[0] - other[0]) > 0.035 for other in kept):
            kept.append(tick)
    return tuple(sorted(kept))


def _by_disagreement(ensembles: Sequence[tuple[int, Evaluation]]) -> Chart | None:
    spots = [
        Spot(100 * e.scores.disagreement, _gain(e), "ensemble", row)
        for row, e in ensembles
        if math.isfinite(e.scores.disagreement)
    ]
    if not spots:
        return None
    return Chart(
        name="disagreement",
        heading="Disagreement and gain",
        caption="Ensembles gain where their members err on different images. Disagreement is the "
        "share of images on which two members differ.",
        x_label="disagreement of two members (% of images)",
        y_label="gain over one member (points)",
        spots=tuple(spots),
        lines=(),
    )


def _calibration(findings: Findings) -> Chart | None:
    spots = [
        Spot(e.scores.nll, e.scores.nll_scaled, "single" if e.is_single else "ensemble", row)
        for row, e in enumerate(findings.evaluations)
        if math.isfinite(e.scores.nll) and math.isfinite(e.scores.nll_scaled)
    ]
    if not spots:
        return None
    ends = (min(min(s[:2]) for s in spots), max(min(s[:2]) for s in spots))
    return Chart(
        name="calibration",
        heading="Calibration",
        caption="Negative log likelihood (NLL) on val, before and after scaling with a temperature "
        "that was fitted there; lower is better. On the dashed line a temperature changes nothing: "
        "what lies far below it is far from calibrated by itself.",
        x_label="NLL as predicted (nats)",
        y_label="NLL with a temperature (nats)",
        spots=tuple(spots),
        lines=(Line(ends, ends, "law"),) if ends[0] < ends[1] else (),
    )


def _history(findings: Findings, record: Record) -> Chart | None:
    """The area below the fronts after every trial, by the accuracies that are known today."""
    c, asked = findings.conditions, record.asked(findings.evaluations)
    known = [
        e
        for e in findings.evaluations
        if e.key in asked and math.isfinite(e.scores.accuracy) and 0 < e.price <= c.budget
    ]
    if len(known) < 2 or not any(record.spent):
        return None
    by_trial: dict[int, list[Evaluation]] = {}
    for e in known:
        by_trial.setdefault(asked[e.key], []).append(e)
    new = [by_trial.get(trial.number, []) for trial in record.trials]
    spent = tuple(macs * c.flops_per_mac for macs in record.spent)
    lines = [Line(spent, _areas(known, new, kinds, c.budget), style) for kinds, style in _KINDS]
    return Chart(
        name="history",
        heading="Was going on worth it?",
        caption="The area below the fronts (hypervolume: points of accuracy above the weakest "
        "configuration × decades of cost) after every trial, against what training had cost by "
        "then; by the accuracies that are known today. Grey is both kinds together, blue single "
        f"networks, orange ensembles. {_last_quarter(spent, lines[0].y)}",
        x_label="training spent (FLOPs, estimated)",
        y_label="area (points × decades)",
        spots=(),
        lines=tuple(lines),
        counts=True,
    )


_KINDS: tuple[tuple[tuple[bool, ...], Literal["both", "single", "ensemble"]], ...] = (
    ((True, False), "both"),
    ((True,), "single"),
    ((False,), "ensemble"),
)


def _areas(
    known: Sequence[Evaluation],
    new: Sequence[Sequence[Evaluation]],
    kinds: tuple[bool, ...],
    budget: float,
) -> tuple[float, ...]:
    """The area below the front of the kinds after every trial, which brought what is `new`."""
    low, reference = min(e.price for e in known), min(e.scores.accuracy for e in known)
    front, areas = list[Evaluation](), list[float]()
    for some in new:
        # Of 20,000 evaluations a front has a few dozen, and only these matter.
        front = corners([*front, *(e for e in some if e.is_single in kinds)])
        costs, accuracies = [e.price for e in front], [e.scores.accuracy for e in front]
        areas.append(100 * hypervolume(costs, accuracies, budget, low, reference))
    return tuple(areas)


def _last_quarter(spent: Sequence[float], areas: Sequence[float]) -> str:
    before = [area for macs, area in zip(spent, areas, strict=True) if macs <= 0.75 * spent[-1]]
    if not before or areas[-1] <= 0:
        return ""
    share = 1 - before[-1] / areas[-1]
    return f"The last quarter of the training added {100 * share:.1f} % of the area."


def _schedules(on_test: OnTest) -> Chart | None:
    """Finalists: the short schedule of the search on val against the full one on test."""
    rows = {e.key: row for row, e in enumerate(on_test.test)}
    pairs = [(f, on_test.test[rows[f.key]]) for f in on_test.plan.finalists if f.key in rows]
    if not on_test.plan.retrain or not pairs:
        return None
    spots = [
        Spot(
            100 * finalist.accuracy,
            100 * e.scores.accuracy,
            "single" if e.is_single else "ensemble",
            rows[e.key],
        )
        for finalist, e in pairs
    ]
    ends = (min(min(s[:2]) for s in spots), max(max(s[:2]) for s in spots))
    return Chart(
        name="schedules",
        heading="Short against full schedule",
        caption=f"The {counted(len(spots), 'finalist')} of the confirmation: accuracy on val after "
        f"the short schedule of the search, and on test after {on_test.plan.epochs} with fresh "
        "seeds. On the dashed line both are equal. What matters is whether the order is kept.",
        x_label="short schedule, on val (%)",
        y_label="full schedule, on test (%)",
        spots=tuple(spots),
        lines=(Line(ends, ends, "law"),) if ends[0] < ends[1] else (),
        table=1,
    )
