"""What all figures share: the look of axes, an axis of costs, steps of a front, an advantage."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ensearch.report._palette import ENSEMBLE, GREY, INK, PALE, SINGLE
from ensearch.units import format_count

Dashes = str | tuple[float, tuple[float, ...]]
DASHED: Dashes = (0, (4, 1.5))  # fronts of single networks; those of ensembles are solid


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
