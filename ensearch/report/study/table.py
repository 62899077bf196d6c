"""The findings of a study as tables and sentences that rich can print."""

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ensearch.report.study import brief, text, words
from ensearch.report.study.findings import Findings


def renderable(results: Findings) -> Group:
    """Return two tables of budgets, and what the numbers are true of."""
    return Group(
        _table(results),
        "",
        _effort(results),
        "",
        *_beside(results),
        *(Text(f"{sentence}\n") for sentence in text.further(results)),
        *(Text(sentence, style="dim") for sentence in text.conditions(results)),
    )


def _beside(results: Findings) -> Iterator[Text]:
    """The verdicts over other axes, each of them below what it says as a whole."""
    for other in results.beside:
        axis = other.conditions.axis
        yield Text(f"Over {axis.title}: {words.overall(other)}", style="bold")
        rows = list(reversed(other.fronts.rows))
        for line in brief.table(rows, other, len(rows)):
            yield Text(line)
        yield Text()


def _table(results: Findings) -> Table:
    # One space between columns, two before a name: 80 columns then hold the widest legal labels.
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for index, name in enumerate(text.columns(results.conditions)):
        if index in text.NUMBERS:
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(f" {name}", overflow="fold")
    for row, line in zip(reversed(results.fronts.rows), text.lines(results), strict=True):
        cells = [
            Text(cell if index in text.NUMBERS else f" {cell}") for index, cell in enumerate(line)
        ]
        if row.side > 0:
            cells[-1].stylize("bold green")
        elif row.side < 0:
            cells[-1].stylize("bold blue")
        elif row.advantage is None:
            cells[-1].stylize("dim")
        table.add_row(*cells)
    return table


def _effort(results: Findings) -> Table:
    """What was tried for each budget, and what training cost."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for name in text.EFFORT[:-1]:
        table.add_column(name, justify="right", overflow="fold")
    # The last column is empty as a rule: it has no heading then.
    lines = text.efforts(results)
    if any(line.predicted for line in lines):
        table.add_column(f" {text.EFFORT[-1]}", overflow="fold")
        for line in lines:
            table.add_row(*(Text(cell) for cell in (*line[:-1], f" {line.predicted}")))
        return table
    for line in lines:
        table.add_row(*(Text(cell) for cell in line[:-1]))
    return table
