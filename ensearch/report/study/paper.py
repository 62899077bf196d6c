"""Figures for a paper: one panel each, as wide as a column, with their data as CSV.

They have no title: a caption says what they show. Shapes and dashes tell the kinds apart as colours
do, so that they can be printed without.
"""

from collections.abc import Callable, Iterable, Sequence

from ensearch.report import _matplotlib  # before matplotlib itself

# isort: split

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ensearch.report import _axes as style
from ensearch.report import _figure_labels as figure_labels
from ensearch.report._palette import ENSEMBLE, SINGLE
from ensearch.report.study import figure, figure_data, words
from ensearch.report.study.figure_data import Dot, Tradeoff
from ensearch.report.study.files import csv_text
from ensearch.report.study.findings import Findings

INCHES, DPI = (3.5, 2.6), 300  # a column of two, and what journals ask for
SIZE = 6.5  # of letters, in points
STRIP = "#E8EAED"

Row = tuple[str | float | int, ...]


def files(findings: Findings, figures: Iterable[str], format: str) -> dict[str, bytes]:
    """Return figures and their data as files by name: figure-tradeoff.svg, figure-tradeoff.csv.

    `figures` and `format` are those of `figure_names.chosen`. Raises EnsearchError where a figure
    cannot be drawn.
    """
    made: dict[str, bytes] = {}
    for name in figures:
        draw, rows = FIGURES[name]
        file = f"figure-{name}.{format}"
        made[f"figure-{name}.csv"] = csv_text(rows(findings)).encode()
        made[file] = _matplotlib.image(file, lambda draw=draw: draw(findings))  # type: ignore[misc]
    return made


def tradeoff(findings: Findings) -> Figure:
    """Draw accuracy against cost: every configuration, both fronts and the crossover."""
    shown = figure_data.compute(findings)
    whole, axes = _panel(shown, shown.y_label)
    axes.set_ylim(*shown.y_range)
    figure.configurations(axes, shown)
    figure.crossing((axes,), shown, size=SIZE)
    _legend(whole, axes)
    figure_labels.name(axes, FigureCanvasAgg(whole), shown, (SINGLE, ENSEMBLE), size=SIZE)
    return whole


def advantage(findings: Findings) -> Figure:
    """Draw ensemble minus single by budget, with the band and the strip that does not matter."""
    shown, margin = figure_data.compute(findings), 100 * findings.fronts.margin
    whole, axes = _panel(shown, "ensemble minus single (points)")
    figure.crossing((axes,), shown, size=SIZE)
    less = f"less than {words.points(findings.fronts.margin)}"
    axes.axhspan(-margin, margin, color=STRIP, zorder=0.5, label=less)
    figure.advantages(axes, shown, size=SIZE)
    ends = [end for a in shown.advantages for end in (a.points, a.low, a.high) if end is not None]
    low, high = min([-margin, *ends]), max([margin, *ends])
    axes.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))
    for kind, marker, colour in (("ensemble", "D", ENSEMBLE), ("single network", "o", SINGLE)):
        axes.plot([], [], marker, color=colour, markersize=4, label=f"{kind} ahead")
    _legend(whole, axes)
    return whole


def tradeoff_rows(findings: Findings) -> list[Row]:
    """Return what `tradeoff` shows: a heading, then a row for every dot and corner."""
    shown, c = figure_data.compute(findings), findings.conditions
    several = [dot for line in shown.ensembles for dot in line if dot.size > 1]
    kinds: tuple[tuple[str, Sequence[Dot]], ...] = (
        ("single", shown.singles),
        ("ensemble", several),
        ("predicted ensemble", shown.predicted),
    )
    rows: list[Row] = [
        ("series", "configuration", "members", f"cost_{_unit(findings)}",
         f"accuracy_{c.split}_percent"),
    ]  # fmt: skip
    for kind, dots in kinds:
        rows += [(kind, dot.label, dot.size, dot.cost, dot.accuracy) for dot in dots]
    fronts = (
        ("front of singles", shown.single_front),
        ("front of ensembles", shown.ensemble_front),
    )
    for kind, front in fronts:
        # The last step only leads to the edge of the figure.
        corners = list(zip(front.costs, front.accuracies, strict=True))[:-1]
        rows += [(kind, "", "", cost, accuracy) for cost, accuracy in corners]
    return rows


def advantage_rows(findings: Findings) -> list[Row]:
    """Return what `advantage` shows: a heading, then a row for every matched budget."""
    shown = figure_data.compute(findings)
    heads = ("advantage_points", "low_points", "high_points", "margin_points")
    rows: list[Row] = [(f"budget_{_unit(findings)}", *heads)]
    for each in shown.advantages:
        low, high = ("" if end is None else end for end in (each.low, each.high))
        rows.append((each.budget, each.points, low, high, 100 * findings.fronts.margin))
    return rows


FIGURES: dict[str, tuple[Callable[[Findings], Figure], Callable[[Findings], list[Row]]]] = {
    "tradeoff": (tradeoff, tradeoff_rows),
    "advantage": (advantage, advantage_rows),
}


def _unit(findings: Findings) -> str:
    return findings.conditions.axis.unit.replace(" ", "_")


def _panel(shown: Tradeoff, y_label: str) -> tuple[Figure, Axes]:
    """A figure with one empty panel over costs, and room above it for two lines of a legend."""
    whole = Figure(figsize=INCHES, dpi=DPI, facecolor="white")
    FigureCanvasAgg(whole)
    axes = whole.add_axes((0.14, 0.155, 0.84, 0.7))
    style.cost_axis(axes, shown.x_range)
    style.plain(axes, SIZE, shown.x_label, y_label, more=0.5)
    return whole, axes


def _legend(whole: Figure, axes: Axes) -> None:
    """Name the kinds above the panel, in two columns and in few words."""
    handles, names = axes.get_legend_handles_labels()
    legend = whole.legend(
        handles,
        [name.split(",")[0] for name in names],
        loc="upper left",
        bbox_to_anchor=(0.125, 1.0),
        ncols=2,
        frameon=False,
        fontsize=SIZE,
        handlelength=2.0,
        columnspacing=1.2,
        borderaxespad=0.2,
        labelspacing=0.25,
    )
    # The lines of architectures are faint so that many can be drawn; their sample need not be.
    for line in legend.get_lines():
        line.set_alpha(1)
