"""How wide tables and sentences are, and how a table fits into a narrow terminal."""

import re
import textwrap
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

# Characters: what is narrower wraps whole lines.
LEAST_WIDTH = 60
WIDEST = 120  # of sentences: nobody reads lines of 200 characters
_TIE = "\N{NO-BREAK SPACE}"
_TIES = re.compile(
    r" (?=[×%])|(?<=×) "  # 4 × 10-0.5, 96.1 %
    r"|(?<=\d) (?=\[)|(?<=,) (?=[+-]?[\d.∞]+[\])])"  # +0.13 [-0.82, +1.17]
)
INDENT = 4  # of what did not fit on the first line of a row


@dataclass(frozen=True, slots=True)
class FittedTable:
    """Rows of cells below their heads, as wide as the console is; styles are of last cells."""

    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    right: frozenset[int] = frozenset()
    styles: tuple[str, ...] = ()
    gap: str = " "

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        rows = fitted([self.heads, *self.rows], width, right=self.right, gap=self.gap)
        styles = ("", *(self.styles or ("",) * len(self.rows)))
        for number, (lines, style) in enumerate(zip(rows, styles, strict=True)):
            for line in lines:
                shown = Text(line, style="" if number else "bold", no_wrap=True, overflow="ignore")
                last = len(self.rows[number - 1][-1].strip()) if number else 0
                if line is lines[-1] and last:
                    shown.stylize(style, len(line) - last)
                yield from console.render(shown, options)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or several, as wide as the console is, up to WIDEST characters."""

    text: str
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in wrapped(self.text, min(options.max_width, WIDEST)):
            yield from console.render(Text(line, style=self.style), options)


def tied(text: str) -> str:
    """Return the text with no place to break it in an interval, around a × or before a %."""
    return _TIES.sub(_TIE, text)


def wrapped(text: str, width: int, **more: Any) -> list[str]:
    """Return lines of at most `width` characters, broken between words.

    None is broken where `tied` ties. `more` is for textwrap.wrap.
    """
    lines = textwrap.wrap(tied(text), width, break_on_hyphens=False, **more)
    return [line.replace(_TIE, " ") for line in lines]


def fitted(
    rows: Sequence[Sequence[str]], width: int, *, right: Container[int] = (), gap: str = " "
) -> list[list[str]]:
    """Return the lines of every row: cells in columns, and below them those that do not fit.

    No line is longer than `width` characters, except where one cell is; no cell is broken. Columns
    `right` are aligned to the right. A row without anything to say below has one line.
    """
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    groups, used = [[0]], sizes[0]
    for column, size in enumerate(sizes[1:], 1):
        used += len(gap) + size
        if used > width:
            groups.append([])
            used = INDENT + size
        groups[-1].append(column)
    return [
        [
            line
            for number, group in enumerate(groups)
            if (line := _line(row, group, sizes, right, gap, INDENT * (number > 0))) or not number
        ]
        for row in rows
    ]


def _line(
    row: Sequence[str],
    group: Sequence[int],
    sizes: Sequence[int],
    right: Container[int],
    gap: str,
    indent: int,
) -> str:
    cells = (
        row[column].rjust(sizes[column]) if column in right else row[column].ljust(sizes[column])
        for column in group
    )
    return (" " * indent + gap.join(cells)).rstrip()
