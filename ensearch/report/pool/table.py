"""Findings of a pool -> a table that rich can print, with verdicts and conditions."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from ensearch.ensembles import CUTS
from ensearch.pool.results import FRONTS, FrontPoint, PoolFindings
from ensearch.report._layout import LEAST_WIDTH, Paragraph
from ensearch.report.pool import text
from ensearch.report.pool.conditions import conditions
from ensearch.units import Axis

INDENT = 8  # of members that have lines of their own
_MARKS = {1: text.AHEAD, 0: " ", -1: text.BEHIND}
_STYLES = {1: "bold green", 0: "", -1: "dim"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontTable:
    """The table of all fronts, the verdicts, and what the numbers are true of.

    rich prints it; `crop=False` keeps lines whole that are longer than the console is wide. Costs
    are shown as the axis says.
    """

    findings: PoolFindings
    axis: Axis

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.update(width=max(options.max_width, LEAST_WIDTH))
        for line in _table(self.findings, self.axis, wide.max_width):
            line.no_wrap, line.overflow = True, "ignore"
            yield from console.render(line, wide)
        for part in self._sentences():
            yield from console.render(part, wide)

    def _sentences(self) -> Iterator[RenderableType]:
        yield Text()
        for sentence in text.verdict(self.findings, self.axis):
            yield Paragraph(sentence, style="bold")
        yield Text()
        for sentence in conditions(self.findings, self.axis):
            yield Paragraph(sentence, style="dim")


def _table(findings: PoolFindings, axis: Axis, width: int) -> list[Text]:
    """Lines with members beside the numbers, or below them where a name would not fit whole."""
    rows = sorted(text.shown_rows(findings), key=lambda row: (-row.budget, FRONTS.index(row.front)))
    # A number that is a budget's own stands once, before the first row of that budget.
    first = {id(row) for k, row in enumerate(rows) if not k or rows[k - 1].budget != row.budget}
    cells = [_cells(findings, row, axis, id(row) in first) for row in rows]
    names = [text.describe(row, findings) for row in rows]
    head = _header(findings, axis)
    left = {head.index(" Front"), head.index("95 %")}
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    room = width - sum(widths) - len(widths) - 1
    is_beside = max((len(part) for name in names for part in _lines(name, 1)), default=0) <= room
    result = [Text(_line(head, widths, left, ["Members"] if is_beside else []), style="bold")]
    for row, numbers, name in zip(rows, cells, names, strict=True):
        beside = _lines(name, room) if is_beside else []
        line = Text(_line(numbers, widths, left, beside[:1]))
        line.stylize(_STYLES[text.side(findings, row)], widths[0] + 1, widths[0] + 1 + widths[1])
        below = [" " * (width - room) + part for part in beside[1:]]
        if not is_beside:
            below = [" " * INDENT + part for part in _lines(name, width - INDENT)]
        result += [line, *map(Text, below)]
    return result


def _header(findings: PoolFindings, axis: Axis) -> list[str]:
    if findings.has_test:  # with two splits there is room for one interval, that of the verdicts
        return ["Budget", " Front", "val %", "test %", "95 %", axis.unit]
    return ["Budget", " Front", "val %", "95 %", "Halves", axis.unit]


def _cells(findings: PoolFindings, row: FrontPoint, axis: Axis, is_first: bool) -> list[str]:
    score = row.shown
    interval = f"[{100 * score.low:.2f}, {100 * score.high:.2f}]"
    over = any(shown.overspends for shown in text.shown_rows(findings))
    cost = axis.show(row.cost) + (text.OVER if row.overspends else " " * over)
    front = f"{_MARKS[text.side(findings, row)]}{row.front}"
    val = f"{100 * row.val.accuracy:.2f}"
    budget = axis.show(row.budget) if is_first else ""
    if row.test is not None:
        return [budget, front, val, f"{100 * row.test.accuracy:.2f}", interval, cost]
    return [budget, front, val, interval, f"{row.agreeing_halves}/{2 * CUTS}", cost]


def _line(cells: list[str], widths: list[int], left: set[int], members: list[str]) -> str:
    """A line with numbers to the right; the columns `left` and members to the left."""
    parts = [
        cell.ljust(size) if k in left else cell.rjust(size)
        for k, (cell, size) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join([" ".join(parts), *members]).rstrip()


def _lines(names: str, room: int) -> list[str]:
    """Members on lines of `room` characters, broken between names, never after a count."""
    whole = names.replace(" × ", "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}")
    whole = whole.replace(" →", "\N{NO-BREAK SPACE}→").replace(" +", "\N{NO-BREAK SPACE}+")
    lines = textwrap.wrap(whole, max(room, 1), break_long_words=False, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
