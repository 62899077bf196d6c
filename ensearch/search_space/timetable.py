"""How long the networks of a space take: as few measured as a ladder over milliseconds needs.

First, of every line of networks, widths that double, up to the first that is above the budget.
Between these, times are interpolated for a ladder, and what that selects is measured, until it
selects nothing else. What is selected then was the widest that seemed fast enough, some of it by
luck of the measurement: so it is measured again, together, and these times count.
"""

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from ensearch.budget import Budget
from ensearch.core import Architecture, Schedule
from ensearch.errors import BudgetError
from ensearch.search_space import ladder
from ensearch.search_space.fitting import Count
from ensearch.search_space.space import NetworkLine, SearchSpace

# Networks -> milliseconds an image of each, alone.
Measure = Callable[[Sequence[Architecture]], Mapping[Architecture, float]]

_PASSES = 2  # of ladders over interpolated times, and of those over measured ones
_STEP = 4.0  # multiply-adds of what is measured together are at most so many times apart
# Of multiply-adds that were above the budget once, so many times as many are not even tried.
_HOPELESS = 8.0


def measured(
    space: SearchSpace,
    budget: Budget,
    schedule: Schedule,
    resolution: int,
    count: Count,
    measure: Measure,
) -> dict[Architecture, float]:
    """Return milliseconds an image by network, of those that a ladder may take.

    The arguments are those of `ladder.build`, whose errors are raised where a space is not legal.
    """
    limit = next(b.amount for b in budget.bounds if b.unit == budget.timed) / space.members[0]
    lines = space.lines(resolution)

    def in_order(networks: Collection[Architecture]) -> Mapping[Architecture, float]:
        return measure(sorted(networks, key=lambda shape: (count(shape).macs, shape.key)))

    known = _anchors(lines, limit, count, measure)
    for _ in range(_PASSES):
        guessed = {shape: ms for line in lines for shape, ms in _interpolated(line, known)}
        try:
            steps = ladder.build(space, budget, schedule, resolution, count, guessed)
        except BudgetError:  # told by the ladder of what was measured
            break
        new = {cell.architecture for cell in steps.cells} - known.keys()
        if not new:
            break
        known |= in_order(new)
    again: set[Architecture] = set()
    for _ in range(_PASSES):
        try:
            steps = ladder.build(space, budget, schedule, resolution, count, known)
        except BudgetError:
            break
        once = {cell.architecture for cell in steps.cells} - again
        if not once:
            break
        known |= in_order(once)
        again |= once
    return known


def _anchors(
    lines: list[NetworkLine], limit: float, count: Count, measure: Measure
) -> dict[Architecture, float]:
    """Times of widths that double, of each line up to the first above the limit."""
    waiting = sorted(
        (count(line.at(width)).macs, number, width)
        for number, line in enumerate(lines)
        for width in _doubling(line)
    )
    known: dict[Architecture, float] = {}
    over: dict[int, int] = {}  # the multiply-adds at which a line was above the limit first
    while waiting:
        most = min(_STEP * waiting[0][0], _HOPELESS * min(over.values(), default=math.inf))
        group = [each for each in waiting if each[0] <= most]
        if not group:
            break
        known |= measure([lines[number].at(width) for _, number, width in group])
        for macs, number, width in group:
            if known[lines[number].at(width)] > limit:
                over.setdefault(number, macs)
        waiting = [each for each in waiting if each not in group and each[1] not in over]
    return known


def _doubling(line: NetworkLine) -> list[float]:
    """The narrowest width, about twice that, and so on, and the widest."""
    found = [line.widths[0]]
    for width in line.widths:
        if width >= 2 * found[-1]:
            found.append(width)
    return sorted({*found, line.widths[len(line.widths) - 1]})


def _interpolated(
    line: NetworkLine, known: Mapping[Architecture, float]
) -> Iterator[tuple[Architecture, float]]:
    """Every network of a line between those that were measured, by a line in both logarithms."""
    own = [(width, known[line.at(width)]) for width in line.widths if line.at(width) in known]
    for (low, fast), (high, slow) in itertools.pairwise(own):
        slope = math.log(slow / fast) / math.log(high / low)
        for width in line.widths:
            if low < width < high:
                yield line.at(width), fast * (width / low) ** slope
    for width, ms in own:
        yield line.at(width), ms
