"""What an ensemble gains over a single network, by budget, and whether the gap widens."""

import math
from typing import NamedTuple

from ensearch.fronts import FrontRow, Verdict, widening
from ensearch.fronts.widening import Slope
from ensearch.report.study import figure_data, text
from ensearch.report.study.findings import Findings
from ensearch.units import format_points


class Advantage(NamedTuple):
    """The advantage at a matched budget in points, with what its tooltip says."""

    budget: float
    points: float
    low: float | None
    high: float | None
    verdict: Verdict | None
    says: str


class Advantages(NamedTuple):
    """Ensemble minus single by budget, ascending; None where costs are not matched."""

    x_label: str
    x_range: tuple[float, float]
    margin: float  # in points
    gaps: tuple[Advantage | None, ...]
    zone: tuple[float, float] | None
    widens: str  # whether the gap widens with the budget; empty where it cannot be told


def of(findings: Findings) -> Advantages:
    """Return the advantages of a study at its compared budgets."""
    c, rows = findings.conditions, findings.fronts.rows
    unit = c.axis.factor
    crossing = figure_data.crossing(findings)
    gaps = [_advantage(row, findings) for row in rows]
    budgets = [row.budget * unit for row in rows] or [1.0]
    return Advantages(
        x_label=f"budget: {c.axis.title}",
        x_range=(budgets[0] / 1.3, budgets[-1] * 1.3),
        margin=100 * findings.fronts.margin,
        gaps=tuple(gaps),
        zone=None if crossing is None else (crossing.low, crossing.high),
        widens="" if findings.under_way else sentence(widening.slope(rows)),
    )


def _advantage(row: FrontRow, findings: Findings) -> Advantage | None:
    if row.advantage is None or not math.isfinite(row.advantage):
        return None
    c = findings.conditions
    verdict = None if findings.under_way else row.verdict
    says = f"{c.axis.tell(row.budget)}: {text.advantage(row)} points"
    return Advantage(
        budget=row.budget * c.axis.factor,
        points=100 * row.advantage,
        low=None if row.low is None else 100 * row.low,
        high=None if row.high is None else 100 * row.high,
        verdict=verdict,
        says=says if verdict is None else f"{says}, {verdict}",
    )


def sentence(slope: Slope | None) -> str:
    """Whether the gap between the kinds widens with the budget; empty where nothing is known."""
    if slope is None:
        return ""
    by = f"{format_points(slope.value, slope.low, slope.high)} points"
    if slope.low is None or slope.high is None:
        return f"With every doubling of the budget the advantage changes by {by}."
    says = "whether it grows with the budget cannot be told"
    if slope.low > 0:
        says = "it grows with the budget"
    elif slope.high < 0:
        says = "it shrinks with the budget"
    return f"With every doubling of the budget the advantage changes by {by}, so that {says}."
