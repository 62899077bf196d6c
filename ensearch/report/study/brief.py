"""The answer first: what a study found in about 20 lines."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from ensearch.fronts import FrontRow
from ensearch.report._layout import LEAST_WIDTH, WIDEST, fitted
from ensearch.report.study import answer, text, words
from ensearch.report.study.answer_sentences import is_simpler, simpler
from ensearch.report.study.findings import Findings

# With 8 lines of notes, on what may be done next and where files are, 25 in all.
LINES = 17
FEWEST = 2  # lines of other budgets: one of them, and how many have no line
SETTLED = 3  # budgets at most of which is said what would settle them
SIMPLER = "*"  # marks what is taken although another one may be better
HEADS = ("Budget", "Take", "Advantage", "Verdict")
GAP, RIGHT = "  ", frozenset({0, 2})  # between columns, and those aligned to the right


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """The answer for the budget of a study, and a line for each other one that was compared.

    rich prints it: at most 17 lines of 80 characters, where names and paths are of usual length,
    longer ones on a wide terminal, more and shorter ones on a narrow one.
    """

    findings: Findings

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(max(options.max_width, LEAST_WIDTH), WIDEST)
        wide = options.update(width=width)
        for number, line in enumerate(lines(self.findings, width)):
            shown = Text(line, no_wrap=True, overflow="ignore")
            if number == 0:
                shown.stylize("bold")
            yield from console.render(shown, wide)


def lines(findings: Findings, width: int = answer.WIDTH) -> list[str]:
    """Return the lines of a brief."""
    found = answer.of(findings)
    sentences = [("answer", first(findings)), *found.sentences[1:]]
    head = answer.layout(tuple(sentences), width)
    if findings.under_way:
        return head
    others = list(reversed(findings.fronts.rows[:-1]))
    if not others:
        return head
    room = LINES - len(head) - 2  # a blank line and the heads of columns
    if room < FEWEST:
        return head
    budgets = table(others, findings, room, width)
    left = max(LINES - len(head) - len(budgets) - 1, 0)
    return [*head, "", *budgets, *_settle(others, findings, width)[:left]]


def first(findings: Findings) -> str:
    """Return what holds for the study as a whole and for its budget, once where it is the same.

    Reports, pages, notes and titles of figures begin with it.
    """
    if not findings.fronts.rows:
        return words.overall(findings)
    found = answer.of(findings)
    same = {"crossed": "ensembles", "ensembles": "ensembles", "singles": "single", "equal": "equal"}
    # The budget of a study is the largest: what holds of the upper end of the zone holds of it.
    if found.overall == found.statement or found.verdict == same.get(
        findings.fronts.zone.status, ""
    ):
        return found.overall
    # Where nothing holds of the study as a whole, the table of the other budgets says all of it.
    if findings.fronts.zone.status == "undecided":
        return found.statement
    return f"{found.statement} {found.overall}"  # what was asked for comes first


def table(
    rows: list[FrontRow], findings: Findings, room: int, width: int = answer.WIDTH
) -> list[str]:
    """Return a line for each budget in this order; the last one counts those without a line.

    Where a line would be longer than `width`, it goes on below. What is taken because it is simpler
    is marked, and another line says so.
    """
    is_marked = room > FEWEST and any(map(is_simpler, rows))
    room -= is_marked
    left = len(rows) - max(room - 1, 1) if len(rows) > room else 0
    told = rows[: len(rows) - left]
    found = fitted([HEADS, *cells(told, findings, is_marked)], width, right=RIGHT, gap=GAP)
    smaller = [f"and {left} smaller budgets, in the details"] if left else []
    note = [f"{SIMPLER} {simpler(findings)}"] if is_marked and any(map(is_simpler, told)) else []
    return [*(line for lines in found for line in lines), *smaller, *note]


def cells(
    rows: list[FrontRow], findings: Findings, is_marked: bool = False
) -> list[tuple[str, ...]]:
    """Return the cells of each budget, below HEADS."""
    c = findings.conditions
    return [
        (
            c.axis.show(row.budget),
            ("nothing" if row.take is None else text.label(row.take, c))
            + (f" {SIMPLER}" if is_marked and is_simpler(row) else ""),
            text.advantage(row),
            row.verdict,
        )
        for row in rows
    ]


def _settle(rows: list[FrontRow], findings: Findings, width: int) -> list[str]:
    """What would settle other budgets than that of the study, a line for each."""
    needs = {row.budget: words.to_settle(row, findings) for row in rows}
    told = [(budget, ways) for budget, ways in needs.items() if ways][:SETTLED]
    return [
        _line(f"To settle {findings.conditions.axis.show(budget)}", ways, width)
        for budget, ways in told
    ]


def _line(head: str, ways: Sequence[str], width: int) -> str:
    """As many of the ways as one line takes."""
    lines = [f"{head}: {', or '.join(ways[:count])}." for count in range(len(ways), 0, -1)]
    fitting = (line for line in lines if len(line) <= width)
    return next(fitting, textwrap.shorten(lines[-1], width, placeholder=" ..."))
