"""Findings of a pool -> a figure: accuracy against cost, one step line for each front."""

from collections.abc import Sequence
from pathlib import Path

from ensearch.report import _matplotlib  # before matplotlib itself

# isort: split

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import offset_copy

from ensearch.pool.results import (
    CASCADE,
    FRONTS,
    GREEDY,
    MIXED,
    RANDOM,
    SAME,
    SINGLE,
    Estimate,
    FrontPoint,
    PoolFindings,
)
from ensearch.report import _axes as style
from ensearch.report import _palette as palette
from ensearch.report._axes import DASHED, LEFT, Dashes
from ensearch.report._palette import GREY
from ensearch.report.pool import text
from ensearch.report.study.files import write_file
from ensearch.units import Axis

_LOOKS: dict[str, tuple[str, str, Dashes]] = {
    SINGLE: (palette.SINGLE, "o", DASHED),
    SAME: (palette.ENSEMBLE, "D", "-"),
    MIXED: (palette.MIXED, "s", (0, (6, 1, 1, 1))),
    CASCADE: (palette.CASCADE, "^", "-"),
}

_WIDTHS = (1.2, 2.0, 2.9, 3.8)  # of the lines of fronts: where they are equal all can be seen
_SIZES = (3.5, 5.0, 6.5, 8.0)  # of markers
_THIN: dict[str, Dashes] = {GREEDY: "-", RANDOM: (0, (1, 1.5))}


def draw(findings: PoolFindings, axis: Axis) -> Figure:
    """A figure of 1200 x 800 pixels; costs are shown as the axis says."""
    return _matplotlib.drawn(lambda: _draw(findings, axis))


def _draw(findings: PoolFindings, axis: Axis) -> Figure:
    first, *others = text.verdict(findings, axis)
    figure, top = style.titled(first.removesuffix("."), " ".join(others))
    axes = figure.add_axes((LEFT, 0.105, 0.98 - LEFT, top - 0.105))
    for front in FRONTS:
        _front(axes, findings, front, axis)
    for front, dashes in _THIN.items():
        _baseline(axes, findings, front, dashes, axis)
    _style(axes, findings, axis)
    figure.legend(
        loc="lower left",
        bbox_to_anchor=(LEFT - 0.009, top + 0.005),
        ncols=len(FRONTS) + len(_THIN),
        frameon=False,
        fontsize=7.5,
        handlelength=2.6,
        columnspacing=1.2,
    )
    return figure


def write_png(findings: PoolFindings, axis: Axis, path: Path) -> Path:
    """Write the figure of `draw`; returns the path.

    Raises EnsearchError if it cannot be drawn, StorageError if it cannot be written.
    """
    return write_file(path, _matplotlib.image(path.name, lambda: _draw(findings, axis)))


def _points(findings: PoolFindings, rows: Sequence[FrontPoint]) -> list[tuple[float, Estimate]]:
    """What was selected for each budget, by ascending cost; the accuracy may fall.

    One selection at two budgets is one point, unless halves of val that selected otherwise gave it
    two accuracies: then the line goes from that of the smaller budget to that of the larger.
    """
    descending = sorted(rows, key=lambda row: (-row.cost, -row.budget))
    unique = {(row.cost, row.shown.accuracy): row.shown for row in descending}
    points = [(cost, score) for (cost, _), score in reversed(unique.items())]
    # What is best at its own cost stays so up to the edge of the figure.
    last = max(findings.budgets[-1], points[-1][0]) if points else 0.0
    return [*points, (last, points[-1][1])] if points else []


def _baseline(axes: Axes, findings: PoolFindings, front: str, dashes: Dashes, axis: Axis) -> None:
    points = _points(findings, [row for row in findings.baselines if row.front == front])
    style.steps(
        axes,
        [cost * axis.factor for cost, _ in points],
        [100 * score.accuracy for _, score in points],
        color=GREY,
        dashes=dashes,
        width=0.8,
        label=front,
        zorder=8,
    )


def _front(axes: Axes, findings: PoolFindings, front: str, axis: Axis) -> None:
    rows = [row for row in text.shown_rows(findings) if row.front == front]
    points = _points(findings, rows)
    if not points:
        return
    color, marker, dashes = _LOOKS[front]
    level = FRONTS.index(front)
    costs = [cost * axis.factor for cost, _ in points]
    told = {(row.cost, row.shown.accuracy) for row in rows if text.side(findings, row) > 0}
    for cost, score in points[:-1]:
        is_told = (cost, score.accuracy) in told
        _bar(axes, cost * axis.factor, score, color, dots=4 * level - 6, is_told=is_told)
    style.steps(
        axes,
        costs,
        [100 * score.accuracy for _, score in points],
        color=color,
        dashes=dashes,
        width=_WIDTHS[level],
        marker=marker,
        size=_SIZES[level],
        label=front,
        zorder=3 + len(FRONTS) - level,
    )


def _bar(
    axes: Axes, cost: float, score: Estimate, color: str, *, dots: float, is_told: bool
) -> None:
    """The interval, a few dots aside: four bars over each other are one grey one."""
    low, high = 100 * score.low, 100 * score.high
    aside = offset_copy(axes.transData, axes.get_figure(root=True), x=dots, units="dots")
    axes.plot([cost] * 2, [low, high], color=color, linewidth=1, transform=aside)
    axes.update_datalim([(cost, low), (cost, high)])
    if is_told:
        axes.annotate(
            text.AHEAD,
            (cost, 100 * score.accuracy),
            (0, 1),
            textcoords="offset points",
            ha="center",
            size=15,
            weight="bold",
            color=color,
            path_effects=[withStroke(linewidth=2, foreground="white")],
            zorder=8,
        )


def _style(axes: Axes, findings: PoolFindings, axis: Axis) -> None:
    split = "test" if findings.has_test else "val"
    costs = [row.cost for row in findings.points] or [1.0]
    low, high = min(costs) * axis.factor, max(findings.budgets[-1], *costs) * axis.factor
    style.cost_axis(axes, (low / 1.1, high * 1.1))
    is_told = any(text.side(findings, row) > 0 for row in findings.points)
    told = f"{text.AHEAD} beats the single network within its budget. " * is_told
    costs_of = (
        f"{axis.title.partition(',')[0]}, mean over images\nBars: 95 %. {told}Grey: baselines, "
        "which the search of cascades should beat."
    )
    how = "selected on val" if split == "test" else "by halves that did not select"
    style.plain(axes, 7.5, costs_of, f"accuracy on {split} (%), {how}", more=0.5)
