"""Tradeoff -> a PNG: accuracy against cost above, the advantage of ensembles below."""

import math
from pathlib import Path

from ensearch.report import _matplotlib  # before matplotlib itself

# isort: split

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from ensearch.report import _axes as style
from ensearch.report import _figure_labels as figure_labels
from ensearch.report._axes import LEFT
from ensearch.report._palette import ENSEMBLE, GREY, INK, SINGLE
from ensearch.report.study.figure_data import Tradeoff
from ensearch.report.study.files import write_file


def draw_png(tradeoff: Tradeoff, path: Path) -> Path:
    """Write a figure of 1200 x 800 pixels.

    Raises EnsearchError if it cannot be drawn, StorageError if `path` cannot be written.
    """
    return write_file(path, _matplotlib.image(path.name, lambda: _draw(tradeoff)))


def draw(tradeoff: Tradeoff) -> Figure:
    """Accuracy against cost above, the advantage of ensembles below."""
    return _matplotlib.drawn(lambda: _draw(tradeoff))


def _draw(tradeoff: Tradeoff) -> Figure:
    figure, top = style.titled(tradeoff.title, tradeoff.subtitle)
    upper = figure.add_axes((LEFT, 0.345, 0.98 - LEFT, top - 0.345))
    lower = figure.add_axes((LEFT, 0.105, 0.98 - LEFT, 0.185), sharex=upper)
    _style(upper, lower, tradeoff)
    configurations(upper, tradeoff)
    advantages(lower, tradeoff)
    crossing((upper, lower), tradeoff)
    handles, names = upper.get_legend_handles_labels()
    legend = figure.legend(
        handles,
        names,
        loc="lower left",
        bbox_to_anchor=(LEFT - 0.009, top + 0.005),
        ncols=len(names),
        frameon=False,
        fontsize=7.5,
        handlelength=2.2,
        columnspacing=1.6,
    )
    # The lines of architectures are faint so that many can be drawn; their sample need not be.
    for line in legend.get_lines():
        line.set_alpha(1)
    figure_labels.name(upper, FigureCanvasAgg(figure), tradeoff, (SINGLE, ENSEMBLE))
    return figure


def _style(upper: Axes, lower: Axes, tradeoff: Tradeoff) -> None:
    style.cost_axis(upper, tradeoff.x_range)
    upper.set_ylim(*tradeoff.y_range)
    lower.yaxis.set_major_locator(MaxNLocator(4))
    style.plain(upper, 7.5, "", tradeoff.y_label, more=0.5)
    style.plain(lower, 7.5, tradeoff.x_label, "ensemble minus\nsingle (points)", more=0.5)
    upper.yaxis.set_label_coords(-0.065, 0.5)
    lower.yaxis.set_label_coords(-0.058, 0.5)  # two lines
    upper.tick_params(labelbottom=False)
    if any(each.low is not None for each in tradeoff.advantages):
        lower.text(
            0,
            1.08,
            "bars: 95 %, all at once; filled: not zero"
            + "; allowing for the luck of selecting" * tradeoff.corrected,
            transform=lower.transAxes,
            size=7,
            color=GREY,
        )
    if tradeoff.hidden:
        plural = "" if tradeoff.hidden == 1 else "s"
        lower.text(
            1,
            1.08,
            f"{tradeoff.hidden} weaker configuration{plural} below the axis above",
            transform=lower.transAxes,
            ha="right",
            size=7,
            color=GREY,
        )


def configurations(axes: Axes, tradeoff: Tradeoff) -> None:
    """Draw every configuration, and both fronts over them."""
    # 300 configurations of full colour hide the fronts: fade them as they become many.
    count = sum(len(line) for line in tradeoff.ensembles) + len(tradeoff.singles)
    faint = min(0.55, max(0.2, 30 / count))
    for index, line in enumerate(tradeoff.ensembles):
        axes.plot(
            [dot.cost for dot in line],
            [dot.accuracy for dot in line],
            color=ENSEMBLE,
            linewidth=0.7,
            alpha=faint,
            label="one architecture, 1, 2, … members" if index == 0 else None,
        )
    several = [dot for line in tradeoff.ensembles for dot in line if dot.size > 1]
    for dots, color, marker, size in (
        (several, ENSEMBLE, "D", 9),
        (tradeoff.singles, SINGLE, "o", 14),
    ):
        axes.scatter(
            [dot.cost for dot in dots],
            [dot.accuracy for dot in dots],
            s=size,
            color=color,
            marker=marker,
            linewidths=0,
            alpha=min(1.0, faint + 0.2),
            zorder=3,
        )
    axes.scatter(
        [dot.cost for dot in tradeoff.predicted],
        [dot.accuracy for dot in tradeoff.predicted],
        s=12,
        marker="D",
        facecolors="none",
        edgecolors=ENSEMBLE,
        linewidths=0.6,
        alpha=0.7,
        label="predicted, not trained" if tradeoff.predicted else None,
        zorder=2,
    )
    fronts(axes, tradeoff, width=1.8, size=4.5)


def fronts(axes: Axes, tradeoff: Tradeoff, width: float, size: float) -> None:
    """Draw both fronts; `size` is of the markers."""
    for front, color, marker, dashes, name in (
        (tradeoff.single_front, SINGLE, "o", style.DASHED, tradeoff.front_names[0]),
        (tradeoff.ensemble_front, ENSEMBLE, "D", "-", tradeoff.front_names[1]),
    ):
        style.steps(
            axes,
            front.costs,
            front.accuracies,
            color=color,
            dashes=dashes,
            width=width,
            marker=marker,
            size=size if marker == "o" else 0.9 * size,
            label=name,
        )


def advantages(axes: Axes, tradeoff: Tradeoff, size: float = 7.5) -> None:
    """Draw ensemble minus single at each matched budget, with its bar; `size` is of letters."""
    axes.axhline(0, color=INK, linewidth=0.8)
    if not tradeoff.advantages:
        axes.set_yticks([])
        axes.text(
            0.5,
            0.6,
            "at no budget do a single network and an ensemble have matched costs",
            transform=axes.transAxes,
            ha="center",
            size=size,
            color=GREY,
        )
    for each in tradeoff.advantages:
        style.advantage(axes, each.budget, each.points, (each.low, each.high), size=4.5)


def crossing(panels: tuple[Axes, ...], tradeoff: Tradeoff, size: float = 7.5) -> None:
    """Shade the zone of the crossover, and name it in the first panel."""
    if tradeoff.crossing is None:
        return
    low, high = tradeoff.crossing
    for axes in panels:
        axes.axvspan(low, high, color="#F1F3F4", zorder=0)
    panels[0].annotate(
        "crossover",
        (math.sqrt(low * high), 0),
        (0, 6),
        ha="center",
        xycoords=panels[0].get_xaxis_transform(),
        textcoords="offset points",
        size=size,
        color=INK,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=5,
    )
