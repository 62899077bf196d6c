"""What an ensemble gains over a single network, by budget, and whether that widens."""

from typing import NamedTuple

from ensearch.fronts import FrontRow, widening
from ensearch.fronts.widening import Slope
from ensearch.report.study import figure_data, text
from ensearch.report.study.figure_data import Advantage
from ensearch.report.study.findings import Findings
from ensearch.units import format_points


class Advantages(NamedTuple):
    """Ensemble minus single by budget, ascending; None where costs are not matched."""

    x_label: str
    x_range: tuple[float, float]
    margin: float  # in points
    by_budget: tuple[Advantage | None, ...]
    says: tuple[str, ...]  # a line for each matched budget
    zone: tuple[float, float] | None
    widens: str  # whether the advantage widens with the budget; empty where it cannot be told


def of(findings: Findings) -> Advantages:
    """Return the advantages of a study at its compared budgets."""
    c, rows = findings.conditions, findings.fronts.rows
    unit = c.axis.factor
    crossing = figure_data.crossing(findings)
    by_budget = tuple(figure_data.advantage(row, c.axis) for row in rows)
    budgets = [row.budget * unit for row in rows] or [1.0]
    return Advantages(
        x_label=f"budget: {c.axis.title}",
        x_range=(budgets[0] / 1.3, budgets[-1] * 1.3),
        margin=100 * findings.fronts.margin,
        by_budget=by_budget,
        says=tuple(_says(row, findings) for row, a in zip(rows, by_budget, strict=True) if a),
        zone=None if crossing is None else (crossing.low, crossing.high),
        widens="" if findings.under_way else sentence(widening.slope(rows)),
    )


def _says(row: FrontRow, findings: Findings) -> str:
    says = f"{findings.conditions.axis.tell(row.budget)}: {text.advantage(row)} points"
    return says if findings.under_way else f"{says}, {row.verdict}"


def sentence(slope: Slope | None) -> str:
    """Whether the advantage widens with the budget; empty where nothing is known."""
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
