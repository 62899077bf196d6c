"""The findings of a study as tables and sentences that rich can print."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from ensearch.fronts import FrontRow
from ensearch.report._layout import FittedTable, Paragraph
from ensearch.report.study import brief, effort, text, words
from ensearch.report.study.findings import Findings


def renderable(results: Findings) -> Group:
    """Return two tables of budgets, and what the numbers are true of."""
    return Group(
        _table(results),
        "",
        _effort(results),
        "",
        *_beside(results),
        *(part for sentence in text.further(results) for part in (Paragraph(sentence), "")),
        *(Paragraph(sentence, style="dim") for sentence in text.conditions(results)),
    )


def _beside(results: Findings) -> Iterator[RenderableType]:
    """The verdicts over other axes, each of them below what it says as a whole."""
    for other in results.beside:
        axis = other.conditions.axis
        yield Text(f"Over {axis.title}: {words.overall(other)}", style="bold")
        rows = list(reversed(other.fronts.rows))
        yield FittedTable(brief.HEADS, brief.cells(rows, other), brief.RIGHT, gap=brief.GAP)
        yield Text()


def _table(results: Findings) -> FittedTable:
    # One space between columns, two before a name: 80 columns then hold the widest legal labels.
    heads = tuple(
        name if index in text.NUMBERS else f" {name}"
        for index, name in enumerate(text.columns(results.conditions))
    )
    rows = [
        tuple(cell if index in text.NUMBERS else f" {cell}" for index, cell in enumerate(line))
        for line in text.lines(results)
    ]
    return FittedTable(
        heads, rows, frozenset(text.NUMBERS), tuple(map(_style, reversed(results.fronts.rows)))
    )


def _style(row: FrontRow) -> str:
    if row.side:
        return "bold green" if row.side > 0 else "bold blue"
    return "dim" if row.advantage is None else ""


def _effort(results: Findings) -> FittedTable:
    """What was tried for each budget, and what training cost."""
    heads, rows = effort.table(results)
    last = len(effort.HEADS) - 1  # the only one that is aligned to the left
    spaced = [(*row[:last], *(f" {cell}" for cell in row[last:])) for row in (heads, *rows)]
    return FittedTable(spaced[0], spaced[1:], frozenset(range(last)))
