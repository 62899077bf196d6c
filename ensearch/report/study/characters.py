"""Both fronts of a search drawn in characters, for a terminal."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text

from ensearch.report.study.standing import Point, Standing
from ensearch.units import format_count

LEAST_WIDTH, LEAST_HEIGHT = 40, 4  # of the field that fronts are drawn in, without its labels
LABELS = 7  # characters to the left of the field: 99.40 and a line


class Marks(NamedTuple):
    """The characters of a plot."""

    single: str
    ensemble: str
    single_line: str
    ensemble_line: str
    side: str
    floor: str
    corner: str


UNICODE = Marks("○", "◆", "·", "─", "│", "─", "└")
ASCII = Marks("o", "#", ".", "-", "|", "-", "+")
SINGLE, ENSEMBLE = "blue", "dark_orange"  # as in figures; shapes say the same without colours


def plot(standing: Standing, unit: str, width: int, height: int, marks: Marks) -> list[Text]:
    """Return lines of at most `width` characters: a field of `height` lines, an axis, a legend.

    Nothing where there is no room, or nothing to draw.
    """
    points = (*standing.single_front, *standing.ensemble_front)
    columns = width - LABELS - 1
    if not points or columns < LEAST_WIDTH or height < LEAST_HEIGHT:
        return []
    low, high = min(p.cost for p in points), max(standing.budget, *(p.cost for p in points))
    bottom, top = _range(standing)
    place = _Place(low, max(high, low * 1.01), bottom, top, columns, height)
    field = [[" "] * columns for _ in range(height)]
    kinds = (
        (standing.single_front, marks.single, marks.single_line),
        (standing.ensemble_front, marks.ensemble, marks.ensemble_line),
    )
    # All lines before all corners, so that no line covers a corner.
    for front, _, line in kinds:
        _draw_lines(field, front, line, place)
    for front, mark, _ in kinds:
        for point in front:
            if point.accuracy >= bottom:
                field[place.row(point.accuracy)][place.column(point.cost)] = mark
    labels = {0: f"{top:.2f}", height - 1: f"{bottom:.2f}"}
    lines = [
        _coloured(f"{labels.get(k, ''):>{LABELS - 1}} {marks.side}{''.join(row)}", marks)
        for k, row in enumerate(field)
    ]
    lines.append(Text(f"{' ' * LABELS}{marks.corner}{marks.floor * columns}"))
    lines.append(Text(f"{' ' * LABELS} {_scale(low, place, columns)}"))
    lines.append(_coloured(_legend(marks, unit), marks))
    return [_stripped(line) for line in lines]


class _Place(NamedTuple):
    """Where costs and accuracies lie in the field; costs on a logarithmic scale."""

    low: float
    high: float
    bottom: float
    top: float
    columns: int
    height: int

    def column(self, cost: float) -> int:
        share = math.log(cost / self.low) / math.log(self.high / self.low)
        return min(max(round(share * (self.columns - 1)), 0), self.columns - 1)

    def row(self, accuracy: float) -> int:
        share = (self.top - accuracy) / (self.top - self.bottom)
        return min(max(round(share * (self.height - 1)), 0), self.height - 1)


def _range(standing: Standing) -> tuple[float, float]:
    """The accuracies that the field shows, in percent."""
    fronts = [front for front in (standing.single_front, standing.ensemble_front) if front]
    top = max(front[-1].accuracy for front in fronts)
    # What is far below presses both fronts into a strip at the top: a third of the corners at most
    # is left out for that.
    ends = [front[-1].accuracy for front in fronts]
    corners = sorted(point.accuracy for front in fronts for point in front)
    near = min(ends) - 3 * max(top - min(ends), 1.0)
    bottom = max(corners[0], min(near, corners[len(corners) // 3]))
    return (bottom, top) if top - bottom >= 0.1 else (top - 0.1, top)


def _draw_lines(field: list[list[str]], front: Sequence[Point], line: str, place: _Place) -> None:
    """From each corner its accuracy holds up to the next, and from the last one to the edge."""
    for k, point in enumerate(front):
        end = place.columns if k + 1 == len(front) else place.column(front[k + 1].cost)
        if point.accuracy < place.bottom:
            continue
        for column in range(place.column(point.cost), end):
            field[place.row(point.accuracy)][column] = line


def _scale(low: float, place: _Place, columns: int) -> str:
    """Costs below the axis: the least, the largest, and one in the middle where it has room."""
    first, last = format_count(low), format_count(place.high)
    middle = format_count(math.sqrt(low * place.high), 2)
    line = first.ljust(columns - len(last)) + last
    start = (columns - len(middle)) // 2
    if first != last and start > len(first) + 2:
        line = line[:start] + middle + line[start + len(middle) :]
    return line


def _legend(marks: Marks, unit: str) -> str:
    kinds = f"{marks.single} single network  {marks.ensemble} ensemble"
    return f"{' ' * LABELS} {kinds}; val % over {unit}"


def _coloured(line: str, marks: Marks) -> Text:
    shown = Text(line)
    for kind, style in (
        (marks.single + marks.single_line, SINGLE),
        (marks.ensemble + marks.ensemble_line, ENSEMBLE),
    ):
        # Not in numbers: a full stop is a line of single networks where there is ASCII only.
        for column, character in enumerate(line[LABELS + 1 :], LABELS + 1):
            if character in kind:
                shown.stylize(style, column, column + 1)
    return shown


def _stripped(line: Text) -> Text:
    line.rstrip()
    return line
