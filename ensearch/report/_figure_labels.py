"""Where the corners of a figure's fronts are named."""

import itertools

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from ensearch.report.study.figure_data import Tradeoff

Points = npt.NDArray[np.float64]  # n x 2, in pixels
# From the corner, in points: the first for what lies above the other front, the last below it.
PLACES = (
    ((-4, 5), "right", "bottom"),
    ((0, 7), "center", "bottom"),
    ((2, 6), "left", "bottom"),
    ((-7, 0), "right", "center"),
    ((7, 0), "left", "center"),
    ((4, -7), "right", "top"),
    ((0, -7), "center", "top"),
    ((5, -5), "left", "top"),
)


def name(
    axes: Axes,
    canvas: FigureCanvasAgg,
    tradeoff: Tradeoff,
    colours: tuple[str, str],
    size: float = 7.5,
) -> None:
    """Name the front's corners, the best first, each in the first place that is free.

    No label may cover a marker, a front or another label; of the places left that which covers the
    least of the lines between members. A corner without such a place is not named: a label further
    off would pass for that of another corner. `colours` are of single networks and of ensembles.
    """
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    frame = axes.get_window_extent(renderer)
    lines, dots = _drawn(axes, tradeoff)
    taken: list[Bbox] = []
    for dot, above in tradeoff.named:
        label = axes.annotate(
            dot.label,
            (dot.cost, dot.accuracy),
            (0, 0),
            textcoords="offset points",
            size=size,
            weight="bold",
            color=colours[dot.size > 1],
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            zorder=5,
        )
        free = []
        for order, (offset, ha, va) in enumerate(PLACES if above else PLACES[::-1]):
            label.set(position=offset, ha=ha, va=va)
            box = label.get_window_extent(renderer)
            crowded = any(box.padded(6).overlaps(other) for other in taken)
            if _within(box, frame) and not crowded and not _covered(box.padded(4), dots):
                free.append((_covered(box, lines), order, (offset, ha, va), box))
        if free:
            _, _, (offset, ha, va), box = min(free, key=lambda place: place[:2])
            label.set(position=offset, ha=ha, va=va)
            taken.append(box)
        else:
            label.remove()


def _drawn(axes: Axes, tradeoff: Tradeoff) -> tuple[Points, Points]:
    """Pixels of the lines between members, and those of markers and fronts, 3 apart."""
    place = axes.transData.transform
    lines = [place([(d.cost, d.accuracy) for d in line]) for line in tradeoff.ensembles]
    every = (*tradeoff.singles, *tradeoff.predicted, *(d for e in tradeoff.ensembles for d in e))
    dots = place([(dot.cost, dot.accuracy) for dot in every]) if every else np.empty((0, 2))
    solid = []
    for front in (tradeoff.single_front, tradeoff.ensemble_front):
        if front.costs:
            corners = place(np.column_stack((front.costs, front.accuracies)))
            before = np.column_stack((corners[1:, 0], corners[:-1, 1]))
            steps = np.stack((corners[:-1], before), axis=1).reshape(-1, 2)
            solid.append(np.vstack((steps, corners[-1:])))
    return _along(lines), np.vstack((_along(solid), dots))


def _along(lines: list[Points]) -> Points:
    parts = [np.empty((0, 2))]
    for line in lines:
        for start, end in itertools.pairwise(line):
            count = 2 + int(np.abs(end - start).max() // 3)
            parts.append(np.linspace(start, end, count))
        parts.append(line[:1])
    return np.vstack(parts)


def _covered(box: Bbox, points: Points) -> int:
    """How many of the points lie in the box."""
    inside = (points > (box.x0, box.y0)) & (points < (box.x1, box.y1))
    return int(inside.all(axis=1).sum())


def _within(box: Bbox, frame: Bbox) -> bool:
    return bool(
        frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
    )
