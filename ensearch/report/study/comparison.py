"""Two studies side by side: in what they differ, and what each would take at each budget."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.text import Text

from ensearch.errors import UsageError
from ensearch.fronts import FrontRow
from ensearch.report._layout import FittedTable, Paragraph
from ensearch.report.study import files, text
from ensearch.report.study.findings import Conditions, Findings
from ensearch.study.config import differences
from ensearch.units import Axis, format_count, format_points

# They follow from others, or differ for every two studies.
_LEFT_OUT = ("budgets", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one study has at a budget: accuracies are estimates on val, fractions."""

    take: str  # a label, such as 4 × 10-0.5; "" where nothing is to take
    accuracy: float | None
    verdict: str  # "" while the search is under way
    advantage: float | None  # of ensembles over single networks, as costs are matched


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBudget:
    """Both studies at one budget, in the unit of both; a side is None where it compares nothing."""

    budget: float
    first: Side | None
    second: Side | None
    difference: float | None  # of the accuracies, second minus first; None on other images


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two studies of a storage. `differences` are values of their configurations, by key.

    `same_images` says whether both have the same images and splits, so that accuracies compare.
    """

    first: str
    second: str
    same_images: bool
    differences: Mapping[str, tuple[object, object]]
    rows: tuple[ComparedBudget, ...]  # ascending
    axis: Axis  # by which both are compared

    @property
    def note(self) -> str:
        """What to mind in comparing their accuracies."""
        if self.same_images:
            return (
                "Difference: second minus first, in points. Accuracies are estimates on the same "
                "validation images; no interval is given for differences between studies."
            )
        return "The studies differ in their images or splits: their accuracies do not compare."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "same_images": self.same_images,
            "differences": {key: list(pair) for key, pair in self.differences.items()},
            "budgets": [asdict(row) for row in self.rows],
        }

    def csv(self) -> str:
        """One line for each budget; what is not known is an empty cell."""
        names = ("take", "accuracy_val_fraction", "verdict", "advantage_fraction")
        heads = [f"{side}_{name}" for side in ("first", "second") for name in names]
        rows: list[list[object]] = [[f"budget_{self.axis.key}", *heads, "difference_fraction"]]
        for row in self.rows:
            cells: list[object] = [row.budget]
            for side in (row.first, row.second):
                cells += [None] * 4 if side is None else list(asdict(side).values())
            rows.append([*cells, row.difference])
        return files.csv_text(rows)

    def table(self) -> Group:
        """Return the comparison for `rich.print`."""
        side = ("val %", "verdict")
        last = ("Difference",) if self.same_images else ()
        heads = ("Budget", self.first, *side, self.second, *side, *last)
        rows = []
        for row in reversed(self.rows):
            cells = (self.axis.show(row.budget), *_cells(row.first), *_cells(row.second))
            less = "" if row.difference is None else format_points(row.difference)
            rows.append((*cells, less) if self.same_images else cells)
        table = FittedTable(heads, rows)
        lines = [f"{key}: {_told(a)} | {_told(b)}" for key, (a, b) in self.differences.items()]
        said = [Text(line) for line in lines] or [Text("The configurations are equal.")]
        return Group(table, "", *said, "", Paragraph(self.note, style="dim"))


def _told(value: object) -> str:
    """A value of a configuration, as people write it."""
    if value is None:
        return "not given"
    return format_count(value, 6) if isinstance(value, float) and value >= 1000 else str(value)


def _cells(side: Side | None) -> tuple[str, str, str]:
    if side is None:
        return "", "", ""
    accuracy = "" if side.accuracy is None else f"{100 * side.accuracy:.2f}"
    return side.take or "none", accuracy, side.verdict


def compare(first: Findings, second: Findings) -> Comparison:
    """Return two studies side by side. Raises UsageError where their budgets are of two units."""
    named = [found.conditions.axis.name for found in (first, second)]
    if named[0] != named[1]:
        units = " and ".join(found.conditions.axis.called for found in (first, second))
        raise UsageError(
            f"studies {first.conditions.study} and {second.conditions.study} have budgets of "
            f"{units}: at no budget do they compare."
        )
    kept = [
        {key: value for key, value in findings.config.items() if key not in _LEFT_OUT}
        for findings in (first, second)
    ]
    budgets: list[float] = []
    for budget in sorted((*first.conditions.budgets, *second.conditions.budgets)):
        if not budgets or not math.isclose(budget, budgets[-1], rel_tol=1e-9):
            budgets.append(budget)
    same_images = kept[0].get("fingerprint") == kept[1].get("fingerprint")
    rows = []
    for budget in budgets:
        one, other = _side(first, budget), _side(second, budget)
        less = _difference(one, other) if same_images else None
        rows.append(ComparedBudget(budget=budget, first=one, second=other, difference=less))
    return Comparison(
        first=first.conditions.study,
        second=second.conditions.study,
        same_images=same_images,
        differences={d.key: (d.stored, d.asked) for d in differences(*kept)},
        rows=tuple(rows),
        axis=first.conditions.axis,
    )


def _side(findings: Findings, budget: float) -> Side | None:
    for row in findings.fronts.rows:
        if math.isclose(row.budget, budget, rel_tol=1e-9):
            return _of_row(row, findings.conditions, findings.under_way)
    return None


def _difference(first: Side | None, second: Side | None) -> float | None:
    if first is None or second is None or first.accuracy is None or second.accuracy is None:
        return None
    return second.accuracy - first.accuracy


def _of_row(row: FrontRow, conditions: Conditions, under_way: bool) -> Side:
    return Side(
        take="" if row.take is None else text.label(row.take, conditions),
        accuracy=row.take_accuracy,
        verdict="" if under_way else row.verdict,
        advantage=row.advantage,
    )
