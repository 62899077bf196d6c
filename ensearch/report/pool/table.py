"""Fronts of a pool -> a table on a console, with its findings and conditions."""

import textwrap

from rich.console import Console
from rich.text import Text

from ensearch.ensembles.cross_fitting import CUTS
from ensearch.pool.results import KINDS, Chosen, Fronts
from ensearch.report.pool import text

INDENT = 8  # of members that have lines of their own
_MARKS = {1: text.AHEAD, 0: " ", -1: text.BEHIND}
_STYLES = {1: "bold green", 0: "", -1: "dim"}


def print_fronts(found: Fronts, unit: int, console: Console) -> None:
    """The table, the findings, and what the numbers are true of."""
    for line in _table(found, unit, console.width):
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    console.print()
    for sentence in text.verdict(found, unit):
        console.print(Text(sentence, style="bold"))
    console.print()
    for sentence in text.conditions(found, unit):
        console.print(Text(sentence, style="dim"))


def _table(found: Fronts, unit: int, width: int) -> list[Text]:
    """Members beside the numbers, or below them where a name would not fit in one piece."""
    rows = sorted(text.shown_rows(found), key=lambda row: (-row.budget, KINDS.index(row.kind)))
    # A number that is a budget's own stands once, before the first row of that budget.
    first = {id(row) for k, row in enumerate(rows) if not k or rows[k - 1].budget != row.budget}
    cells = [_cells(found, row, unit, id(row) in first) for row in rows]
    names = [text.describe(row, found) for row in rows]
    head = _header(found)
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    room = width - sum(widths) - len(widths) - 1
    is_beside = max((len(part) for name in names for part in _lines(name, 1)), default=0) <= room
    result = [Text(_line(head, widths, ["Members"] if is_beside else []), style="bold")]
    for row, numbers, name in zip(rows, cells, names, strict=True):
        beside = _lines(name, room) if is_beside else []
        line = Text(_line(numbers, widths, beside[:1]))
        line.stylize(_STYLES[text.side(found, row)], widths[0] + 1, widths[0] + 1 + widths[1])
        below = [" " * (width - room) + part for part in beside[1:]]
        if not is_beside:
            below = [" " * INDENT + part for part in _lines(name, width - INDENT)]
        result += [line, *map(Text, below)]
    return result


def _header(found: Fronts) -> list[str]:
    if found.has_test:  # with two splits there is room for one interval, that of the verdicts
        return ["Budget", " Front", "val %", "test %", "95 %", "FLOPs"]
    return ["Budget", " Front", "val %", "95 %", "Halves", "FLOPs"]


def _cells(found: Fronts, row: Chosen, unit: int, is_first: bool) -> list[str]:
    score = row.shown
    interval = f"[{100 * score.low:.2f}, {100 * score.high:.2f}]"
    over = any(one.overspends for one in text.shown_rows(found))
    cost = text.count(row.cost, unit) + (text.OVER if row.overspends else " " * over)
    front = f"{_MARKS[text.side(found, row)]}{row.kind}"
    val = f"{100 * row.val.accuracy:.2f}"
    budget = text.count(row.budget, unit) if is_first else ""
    if row.test is not None:
        return [budget, front, val, f"{100 * row.test.accuracy:.2f}", interval, cost]
    return [budget, front, val, interval, f"{row.halves}/{2 * CUTS}", cost]


def _line(cells: list[str], widths: list[int], members: list[str]) -> str:
    """Numbers to the right; the front and the interval to the left, like the members."""
    left = {1, next(k for k, cell in enumerate(cells) if cell.startswith("[") or cell == "95 %")}
    parts = [
        cell.ljust(size) if k in left else cell.rjust(size)
        for k, (cell, size) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join([" ".join(parts), *members]).rstrip()


def _lines(names: str, room: int) -> list[str]:
    """Broken between names, never in one or after its count."""
    whole = names.replace(" × ", "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}")
    whole = whole.replace(" →", "\N{NO-BREAK SPACE}→").replace(" +", "\N{NO-BREAK SPACE}+")
    lines = textwrap.wrap(whole, max(room, 1), break_long_words=False, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
