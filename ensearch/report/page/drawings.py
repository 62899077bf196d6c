"""The figures of a page, from its data."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ensearch.report.page import svg  # before matplotlib itself

# isort: split

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ensearch.report import _axes as style
from ensearch.report import _figure_labels as figure_labels
from ensearch.report._palette import ENSEMBLE, GREY, INK, SINGLE
from ensearch.report.page.advantages import Advantages
from ensearch.report.page.charts import Chart, Line
from ensearch.report.page.evaluations import Dot
from ensearch.report.study import figure
from ensearch.report.study.figure_data import Advantage, Tradeoff
from ensearch.units import format_count

WIDTH = 560  # on a phone it is two thirds as wide, and letters of 11 pixels can still be read
SIZE = 11  # of letters
MANY = 1500  # dots


class Mark(NamedTuple):
    """A dot of the page: where, of which kind, and of which row of the table."""

    x: str
    y: str
    kind: str  # single, ensemble or predicted
    row: int


class Drawing(NamedTuple):
    """A figure of a page: `label` says what it shows to whoever cannot see it."""

    name: str
    width: int
    height: int
    label: str
    parts: svg.Svg
    marks: tuple[Mark, ...]
    table: int = 0  # of the page, whose rows the dots are
    covered: int = 0  # dots that others would cover, and that are not drawn


def tradeoff(
    shown: Tradeoff, dots: Sequence[Dot], name: str = "tradeoff", table: int = 0
) -> Drawing:
    """Draw accuracy against cost; `dots` are those of the rows of a table of the page."""
    height, marks = 380, []

    def paint(canvas: Figure) -> None:
        axes = panel(canvas, WIDTH, height)
        style.cost_axis(axes, shown.x_range)
        axes.set_ylim(*shown.y_range)
        style.plain(axes, SIZE, shown.x_label, shown.y_label)
        _zone(axes, shown.crossing)
        _lines(axes, shown)
        svg.mark_here(axes, zorder=3)
        figure.fronts(axes, shown, width=2, size=6)
        agg = FigureCanvasAgg(canvas)
        figure_labels.name(axes, agg, shown, (SINGLE, ENSEMBLE), size=9)
        for text in axes.texts:  # outlines of the page's own, by its style sheet
            text.set_path_effects([])
        marks.extend(_marks(axes, height, shown, dots))

    parts = svg.draw(WIDTH, height, paint, name)
    label = f"{shown.y_label} against {shown.x_label}. {shown.title}."
    return _drawing(name, WIDTH, height, label, parts, marks, table)


def advantage(shown: Advantages, name: str = "advantage") -> Drawing:
    """Draw ensemble minus single by budget, with its band and the margin that does not matter."""
    height = 230
    matched = [each for each in shown.by_budget if each is not None]

    def paint(canvas: Figure) -> None:
        axes = panel(canvas, WIDTH, height)
        style.cost_axis(axes, shown.x_range)
        ends = [end for a in matched for end in (a.low, a.high, a.points) if end is not None]
        reach = 1.15 * max((abs(end) for end in (*ends, 1.5 * shown.margin)), default=1.0)
        axes.set_ylim(-reach, reach)
        style.plain(axes, SIZE, shown.x_label, "ensemble minus single")
        axes.axhspan(-shown.margin, shown.margin, color=svg.STRIP, linewidth=0, zorder=0.5)
        _zone(axes, shown.zone)
        axes.axhline(0, color=INK, linewidth=0.8, zorder=2)
        for run in _runs(shown.by_budget):
            x = [each.budget for each in run]
            low, high = ([pick(each) for each in run] for pick in (_low, _high))
            axes.fill_between(x, low, high, color=GREY, alpha=0.18, linewidth=0, zorder=1.5)
        for each in matched:
            style.advantage(axes, each.budget, each.points, (each.low, each.high), size=6)
        if not matched:
            says = "at no budget do a single network and an ensemble have matched costs"
            axes.text(0.5, 0.6, says, transform=axes.transAxes, ha="center", color=GREY, size=10)

    label = "Accuracy of the best ensemble minus that of the best single network, by budget."
    return Drawing(name, WIDTH, height, label, svg.draw(WIDTH, height, paint, name), ())


def panel(canvas: Figure, width: int, height: int) -> Axes:
    """Return the axes of a figure of so many pixels.

    Their labels stand at its edges, so that a page may enlarge letters on a small screen.
    """
    left, bottom, wide, high = 56, 48, width - 74, height - 60
    place = (left / width, bottom / height, wide / width, high / height)
    axes = canvas.add_axes(place, facecolor="none")
    axes.yaxis.set_label_coords(-42 / wide, 0.5)
    axes.xaxis.set_label_coords(0.5, -26 / high)
    return axes


def chart(shown: Chart) -> Drawing:
    """Draw a chart with linear axes that hold all its dots and lines."""
    width, height, marks = 420, 270, list[Mark]()  # two stand side by side

    def paint(canvas: Figure) -> None:
        axes = panel(canvas, width, height)
        style.plain(axes, SIZE, shown.x_label, shown.y_label)
        x = [s.x for s in shown.spots] + [x for line in shown.lines for x in line.x]
        y = [s.y for s in shown.spots] + [y for line in shown.lines for y in line.y]
        axes.set_xlim(*_around(x))
        axes.set_ylim(*_around(y))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        write = format_count if shown.counts else "{:g}".format
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
        if shown.ticks:
            axes.set_xticks([at for at, _ in shown.ticks], [name for _, name in shown.ticks])
        for line in _joined(shown.lines):
            color, dashes, thick, alpha = _LINES[line.style]
            axes.plot(line.x, line.y, color=color, linestyle=dashes, linewidth=thick, alpha=alpha)
        svg.mark_here(axes, zorder=3)
        places = axes.transData.transform([(s.x, s.y) for s in shown.spots] or [(0.0, 0.0)])
        for spot, (at, up) in zip(shown.spots, places, strict=False):
            marks.append(Mark(f"{at:.1f}", f"{height - up:.1f}", spot.kind, spot.row))

    label = f"{shown.heading}: {shown.y_label} against {shown.x_label}."
    parts = svg.draw(width, height, paint, shown.name)
    return _drawing(shown.name, width, height, label, parts, marks, shown.table)


def _drawing(
    name: str,
    width: int,
    height: int,
    label: str,
    parts: svg.Svg,
    marks: Sequence[Mark],
    table: int,
) -> Drawing:
    """The drawing with its dots; of many, only those that can be told apart."""
    kept = tuple(marks)
    if len(marks) > MANY:  # 20,000 in every figure take a browser half a minute
        places = {(int(float(m.x) / 3), int(float(m.y) / 3), m.kind): m for m in marks}
        kept = tuple(places.values())
    return Drawing(name, width, height, label, parts, kept, table, len(marks) - len(kept))


def _joined(lines: Sequence[Line]) -> list[Line]:
    """The lines, and all thin ones as a single path with gaps: there may be thousands."""
    thin = [line for line in lines if line.style == "thin"]
    x = tuple(x for line in thin for x in (*line.x, math.nan))
    y = tuple(y for line in thin for y in (*line.y, math.nan))
    return [Line(x, y, "thin"), *(line for line in lines if line.style != "thin")]


# Colour, style, width and opacity of a line.
_LINES = {
    "thin": (ENSEMBLE, "-", 0.8, 0.35),
    "law": (INK, "--", 1.2, 1.0),
    "single": (SINGLE, "-", 1.8, 1.0),
    "ensemble": (ENSEMBLE, "-", 1.8, 1.0),
    "both": (GREY, "-", 1.8, 1.0),
}


def _around(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis that holds these values with some room."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room


def _zone(axes: Axes, ends: tuple[float, float] | None) -> None:
    if ends is None:
        return
    axes.axvspan(*ends, color=svg.ZONE, linewidth=0, zorder=0)
    middle = math.sqrt(ends[0] * ends[1])
    place = axes.get_xaxis_transform()
    axes.text(middle, 0.02, "crossover", transform=place, ha="center", size=9.5, color=GREY)


def _lines(axes: Axes, shown: Tradeoff) -> None:
    """One line for each architecture, through 1, 2, ... members: a single path with gaps."""
    x, y = [], []
    for line in shown.ensembles:
        x += [*(dot.cost for dot in line), math.nan]
        y += [*(dot.accuracy for dot in line), math.nan]
    faint = min(0.6, max(0.15, 15 / max(len(shown.ensembles), 1)))
    if x:
        axes.plot(x, y, color=ENSEMBLE, linewidth=0.9, alpha=faint, zorder=2)


def _marks(axes: Axes, height: int, shown: Tradeoff, dots: Sequence[Dot]) -> list[Mark]:
    """The dots on the axes, the best last, so that these lie on top."""
    inside = [
        dot
        for dot in dots
        if shown.y_range[0] <= dot.accuracy <= shown.y_range[1]
        and shown.x_range[0] <= dot.cost <= shown.x_range[1]
    ]
    inside.sort(key=lambda dot: (dot.kind != "predicted", dot.accuracy))
    if not inside:
        return []
    pixels = axes.transData.transform([place[:2] for place in inside])
    return [
        Mark(f"{x:.1f}", f"{height - y:.1f}", place.kind, place.row)
        for place, (x, y) in zip(inside, pixels, strict=True)
    ]


def _runs(by_budget: Sequence[Advantage | None]) -> list[list[Advantage]]:
    """Neighbouring budgets with an interval: nothing is drawn across those without."""
    runs: list[list[Advantage]] = [[]]
    for each in by_budget:
        if each is None or each.low is None or each.high is None:
            runs.append([])
        else:
            runs[-1].append(each)
    return [run for run in runs if len(run) > 1]


def _low(one: Advantage) -> float:
    return one.points if one.low is None else one.low


def _high(one: Advantage) -> float:
    return one.points if one.high is None else one.high
