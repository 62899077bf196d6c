"""A table whose names and numbers stay whole on a terminal of any width."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from ensearch.errors import printable

GAP = " "
LEAST = 12  # characters that a last column needs to be worth its place


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """`name` comes first, `cells` right behind it, `last` where there is room for all of it."""

    name: str
    cells: tuple[str, ...]
    last: str


def print_rows(heads: TableRow, rows: Sequence[TableRow], console: Console) -> bool:
    """Print them; whether the last column was shown.

    A name longer than what the terminal leaves takes a line of its own, with its cells below. The
    last column breaks between words; where one of them does not fit it is left out.
    """
    every = [heads, *rows]
    cells = [max(map(len, column)) for column in zip(*(row.cells for row in every), strict=True)]
    taken = sum(cells) + len(GAP) * len(cells)
    room = max(console.width - taken, len(heads.name))
    longest = max((len(row.name) for row in every if len(row.name) <= room), default=0)
    left = console.width - taken - longest - len(GAP)
    words = max((len(word) for row in every for word in row.last.split()), default=0)
    shown = left >= max(words, LEAST)
    for number, row in enumerate(every):
        middle = "".join(
            GAP + cell.rjust(width) for cell, width in zip(row.cells, cells, strict=True)
        )
        own = len(row.name) > longest
        lines = [row.name] if own else []
        parts = list(Text(row.last).wrap(console, left)) if shown else []
        texts = [part.plain.rstrip() for part in parts] or [""]
        lines.append(f"{'' if own else row.name:<{longest}}{middle}{GAP}{texts[0]}".rstrip())
        lines += [" " * (longest + taken + len(GAP)) + text for text in texts[1:]]
        for line in lines:
            console.print(Text(printable(line), style="" if number else "bold"), soft_wrap=True)
    return shown
