"""The two figures of several studies: their fronts, and their advantages by budget."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ensearch.report import _axes as style
from ensearch.report._palette import CASCADE, ENSEMBLE, INK, MIXED, SINGLE
from ensearch.report.page import svg
from ensearch.report.page.drawings import SIZE, WIDTH, Drawing, panel
from ensearch.report.page.several import Several, Side

COLOURS = (SINGLE, ENSEMBLE, MIXED, CASCADE)
MARKERS = ("o", "D", "s", "^")
HEIGHT = 360


def fronts(shown: Several) -> Drawing:
    """Draw the fronts of all studies: dashed for single networks, solid for ensembles."""

    def paint(canvas: Figure) -> None:
        axes = _axes(canvas, shown)
        axes.set_ylim(*shown.y_range)
        style.plain(axes, SIZE, shown.x_label, "measured accuracy (%)")
        for side in shown.sides:
            color = COLOURS[side.colour]
            for front, dashes in ((side.single_front, style.DASHED), (side.ensemble_front, "-")):
                style.steps(
                    axes, front.costs, front.accuracies, color=color, dashes=dashes, width=1.8
                )

    label = f"Fronts of {shown.title}: accuracy against cost."
    return Drawing("fronts", WIDTH, HEIGHT, label, svg.draw(WIDTH, HEIGHT, paint, "fronts"), ())


def advantages(shown: Several) -> Drawing:
    """Draw ensemble minus single by budget of all studies, with the line through each."""
    matched = [each for side in shown.sides for each in side.advantages if each is not None]
    ends = [end for a in matched for end in (a.low, a.high, a.points) if end is not None]
    reach = 1.15 * max(abs(end) for end in (*ends, 1.5 * shown.margin))

    def paint(canvas: Figure) -> None:
        axes = _axes(canvas, shown)
        axes.set_ylim(-reach, reach)
        style.plain(axes, SIZE, f"budget: {shown.x_label}", "ensemble minus single (points)")
        axes.axhspan(-shown.margin, shown.margin, color=svg.STRIP, linewidth=0, zorder=0.5)
        axes.axhline(0, color=INK, linewidth=0.8, zorder=2)
        for number, side in enumerate(shown.sides):
            # Budgets of several studies are often the same: side by side, nothing is covered.
            _side(axes, side, 1.035 ** (number - (len(shown.sides) - 1) / 2))

    label = f"Accuracy of ensembles minus that of single networks, of {shown.title}, by budget."
    parts = svg.draw(WIDTH, HEIGHT, paint, "advantages")
    return Drawing("advantages", WIDTH, HEIGHT, label, parts, ())


def _axes(canvas: Figure, shown: Several) -> Axes:
    axes = panel(canvas, WIDTH, HEIGHT)
    style.cost_axis(axes, shown.x_range)
    return axes


def _side(axes: Axes, side: Side, beside: float) -> None:
    color = COLOURS[side.colour]
    for each in side.advantages:
        if each is None:
            continue
        at, look = each.budget * beside, (color, MARKERS[side.colour])
        style.advantage(axes, at, each.points, (each.low, each.high), size=6, look=look)
    if side.line:
        budgets, points = zip(*side.line, strict=True)
        axes.plot(budgets, points, color=color, linewidth=1.2, linestyle="--", zorder=2.2)
