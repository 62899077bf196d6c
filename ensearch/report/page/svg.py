"""A matplotlib figure -> inline SVG for a page: small, in the page's colours and font."""

import re
from collections.abc import Callable
from typing import NamedTuple

from ensearch.report import _matplotlib  # before matplotlib itself

# isort: split

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ensearch.report._palette import CASCADE, ENSEMBLE, GREY, INK, MIXED, PALE, SINGLE

DPI = 72  # a point is a pixel of the drawing then
MARKS = "marks"  # the group in which the page puts dots that have tooltips
ZONE, STRIP = "#f1f3f4", "#e8eaed"
# The page has other colours in the dark, by the same names.
_VARIABLES = {
    INK: "ink",
    GREY: "grey",
    PALE: "pale",
    SINGLE: "single",
    ENSEMBLE: "ensemble",
    MIXED: "mixed",
    CASCADE: "cascade",
    ZONE: "zone",
    STRIP: "strip",
    "#ffffff": "paper",
}


class Svg(NamedTuple):
    """A drawing in two parts; what lies between them is drawn over the first, below the second."""

    below: str
    above: str


def draw(width: int, height: int, paint: Callable[[Figure], None], name: str) -> Svg:
    """Return what `paint` draws on a figure of so many pixels; `name` is unique in the page.

    Raises EnsearchError where matplotlib fails.
    """

    def figure() -> Figure:
        made = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="none")
        paint(made)
        return made

    return _inline(_matplotlib.svg(name, figure))


def mark_here(axes: Axes, zorder: float) -> None:
    """Keep the place of the dots that the page draws itself, between what lies below and above."""
    axes.plot([], [], gid=MARKS, zorder=zorder)


def _inline(text: str) -> Svg:
    # What comes before is of a file of its own, and the style in it would be that of the page.
    body = text[text.index("</defs>") + len("</defs>") : text.rindex("</svg>")]
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour.lower(), f"var(--{variable})")
    # Of a font only the size and the weight matter: the page says which.
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"font: (bold )?([0-9.]+px)[^;\"]*", _font, body)
    body = re.sub(r"\n\s*", "\n", body)
    below, found, above = body.partition(f'<g id="{MARKS}"/>')
    if not found:
        below, above = body, ""
    # Groups are numbered by matplotlib, in every figure from 1 on; nothing refers to them.
    below, above = (re.sub(r'<g id="[a-z][a-zA-Z0-9_.]*"', "<g", part) for part in (below, above))
    return Svg(below, above)


def _font(found: re.Match[str]) -> str:
    return f"font-weight: {'bold' if found[1] else 'normal'}; font-size: {found[2]}"
