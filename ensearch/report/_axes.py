"""What figures share: a title, the look of axes, an axis of costs, a front, an advantage."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ensearch.report._palette import ENSEMBLE, GREY, INK, PALE, SINGLE
from ensearch.units import format_count

Dashes = str | tuple[float, tuple[float, ...]]
DASHED: Dashes = (0, (4, 1.5))  # fronts of single networks; those of ensembles are solid
PIXELS, DPI, LEFT = (1200, 800), 150, 0.09  # of figures with a title


def titled(title: str, subtitle: str) -> tuple[Figure, float]:
    """Return a figure that begins with both texts, and the share of its height left for axes."""
    figure = Figure(figsize=(PIXELS[0] / DPI, PIXELS[1] / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    lines = wrapped(canvas, title, size=11.5, weight="bold")
    # A path may hold $ signs, which are no formulas.
    plain: dict[str, Any] = {"va": "top", "parse_math": False}
    figure.text(LEFT, 0.97, "\n".join(lines), size=11.5, weight="bold", color=INK, **plain)
    below = 0.97 - 0.052 * len(lines)
    more = wrapped(canvas, subtitle, size=7.5)
    figure.text(LEFT, below, "\n".join(more), size=7.5, color=GREY, **plain)
    return figure, below - 0.065 - 0.03 * len(more)


def wrapped(canvas: FigureCanvasAgg, text: str, size: float, weight: str = "normal") -> list[str]:
    """Lines as long as fit between the left edge of the axes and the right edge of the figure."""
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    font = FontProperties(size=size, weight=weight)

    def fits(line: str) -> bool:
        width, _, _ = renderer.get_text_width_height_descent(line, font, ismath=False)
        return bool(width <= (0.985 - LEFT) * PIXELS[0])

    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if fits(longer):
            lines[-1] = longer
            continue
        lines += [word] if lines[-1] else []
        lines[-1] = word
        # Such as a path: no space in it to break at.
        while not fits(lines[-1]):
            most = next(n for n in range(len(lines[-1]), 0, -1) if n == 1 or fits(lines[-1][:n]))
            lines[-1:] = [lines[-1][:most], lines[-1][most:]]
    return lines


def plain(axes: Axes, size: float, x_label: str = "", y_label: str = "", more: float = 0) -> None:
    """Take the box away, and draw a pale grid below everything.

    `size` is of letters, in points; those of the labels are `more` points larger.
    """
    axes.set_xlabel(x_label, size=size + more, color=INK)
    axes.set_ylabel(y_label, size=size + more, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(labelsize=size, color=GREY, labelcolor=INK, which="both")
    axes.tick_params(which="minor", length=0)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)


def cost_axis(axes: Axes, ends: tuple[float, float]) -> None:
    """Make the horizontal axis one of costs, and write numbers of the other one without noughts."""
    axes.set_xscale("log")
    axes.set_xlim(*ends)
    decades = math.log10(ends[1] / ends[0])
    marks: tuple[float, ...] = (
        (1.0,) if decades > 4 else (1.0, 3.0) if decades > 2.5 else (1.0, 2.0, 5.0)
    )
    if decades < 0.6:  # of these there may be none
        marks = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
    axes.xaxis.set_major_locator(LogLocator(subs=marks, numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    # Beside 99.75, matplotlib writes 100.00, which reaches into the label of the axis.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def steps(
    axes: Axes,
    costs: Sequence[float],
    accuracies: Sequence[float],
    *,
    color: str,
    dashes: Dashes,
    width: float,
    marker: str = "",
    size: float = 0,
    label: str | None = None,
    zorder: float = 4,
) -> None:
    """Draw a front: from each cost on its accuracy; the last step only leads to the edge."""
    axes.step(
        costs,
        accuracies,
        where="post",
        color=color,
        linestyle=dashes,
        linewidth=width,
        marker=marker,
        markersize=size,
        markevery=range(max(len(costs) - 1, 0)),  # nothing was measured at the edge
        markeredgecolor="white",
        markeredgewidth=0.5,
        label=label,
        zorder=zorder,
    )


def advantage(
    axes: Axes,
    budget: float,
    points: float,
    ends: tuple[float | None, float | None],
    *,
    size: float,
    look: tuple[str, str] | None = None,
) -> None:
    """Draw ensemble minus single at a budget with its bar; it is filled where it is clear of zero.

    `look` is the colour and the marker, those of the kind that is ahead if none is given.
    """
    low, high = ends
    color, marker = look or ((ENSEMBLE, "D") if points > 0 else (SINGLE, "o"))
    is_clear = False
    if low is not None and high is not None:
        bar = GREY if look is None else color
        axes.plot([budget] * 2, [low, high], color=bar, linewidth=1.3, zorder=2.5)
        is_clear = low > 0 or high < 0
    axes.plot(
        [budget],
        [points],
        marker=marker,
        color=color,
        markerfacecolor=color if is_clear else "white",
        markersize=size,
        zorder=3,
    )
