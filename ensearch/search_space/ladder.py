"""The ladder: every configuration that a study may evaluate, matched in cost.

Rung j of the ladder is budget / 2**(j/4). Every second rung is a budget at which reports compare;
those between them raise the best that the ladder holds, on two tables of trained networks, from
98.0 to 99.9 % and from 89.6 to 100 % of the hypervolume of all configurations. A cell is members x
depth on a rung (x resolution, where the space has several), with the width solved so that the whole
ensemble costs as much as legal widths allow without passing the rung. Networks that a space lists
one by one have one width each: their ensembles lie on the rungs that they happen to reach.
Single models and ensembles therefore meet at equal cost; a coarse grid of widths would credit
ensembles with filling the cost axis more finely (up to 1.15 points on EfficientNets). Where the
space has axes of the schedule, every such configuration is one cell for each combination of them:
they change what a network learns and never what it costs to use.
"""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ensearch import families
from ensearch.core import (
    Architecture,
    Budget,
    Cost,
    Schedule,
    distinctions,
    full_label,
    network_key,
)
from ensearch.cost import solve_width
from ensearch.errors import BudgetError, UsageError
from ensearch.search_space.space import AXES, NetworkLine, SearchSpace, has_resolutions
from ensearch.units import format_count

_LEAST_SIDE = 8  # pixels a side of images that are proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One configuration: `size` members of one architecture; `cost` is the ensemble's."""

    rung: float  # multiply-adds, never below cost.macs
    size: int
    architecture: Architecture
    schedule: Schedule
    cost: Cost
    changes: tuple[str, ...] = ()  # its `distinctions` from others with its label

    @property
    def network(self) -> str:
        """The `network_key` that its members share."""
        return network_key(self.architecture, self.schedule)

    @property
    def is_single(self) -> bool:
        """Whether it is a single network, not an ensemble."""
        return self.size == 1

    @property
    def member_macs(self) -> int:
        return self.cost.macs // self.size

    @property
    def label(self) -> str:
        return full_label(f"{self.size} × {self.architecture.label}", self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """All cells within the budget.

    `cells` descends in rung, then ascends in size, in resolution, in depth (or in the order of the
    space's shapes) and in the axes of the schedule.
    """

    budget: Budget
    cells: tuple[Cell, ...]

    @property
    def rungs(self) -> tuple[float, ...]:
        """Rungs that hold a cell, in multiply-adds, descending."""
        return tuple(sorted({cell.rung for cell in self.cells}, reverse=True))

    def budget_of(self, cell: Cell) -> float:
        """The smallest of the `budgets` that the cell's rung does not pass."""
        step = round(4 * math.log2(self.budget.macs / cell.rung))
        return self.budget.macs / 2 ** (step // 2 / 2)

    @property
    def budgets(self) -> tuple[float, ...]:
        """Where single networks and ensembles are compared: sqrt(2) apart, descending."""
        return tuple(sorted({self.budget_of(cell) for cell in self.cells}, reverse=True))

    @property
    def schedule_axes(self) -> dict[str, tuple[float, ...]]:
        """Fields of the schedule that differ among the cells, each with its values, ascending."""
        values = {axis: {getattr(cell.schedule, axis) for cell in self.cells} for axis in AXES}
        return {
            axis: tuple(sorted(several)) for axis, several in values.items() if len(several) > 1
        }

    @property
    def shape_axes(self) -> dict[str, tuple[Any, ...]]:
        """What differs among the networks besides width and depth: resolution, family."""
        values = {
            axis: {getattr(cell.architecture, axis) for cell in self.cells}
            for axis in ("resolution", "family")
        }
        return {
            axis: tuple(sorted(several)) for axis, several in values.items() if len(several) > 1
        }

    @property
    def member_costs(self) -> dict[Architecture, Cost]:
        """What one member of each architecture costs."""
        return {
            cell.architecture: Cost(macs=cell.member_macs, params=cell.cost.params // cell.size)
            for cell in self.cells
        }

    @property
    def cheapest(self) -> Cell:
        return min(self.cells, key=lambda cell: (cell.cost.macs, len(cell.changes)))

    @property
    def most_expensive(self) -> Cell:
        return max(self.cells, key=lambda cell: (cell.cost.macs, -len(cell.changes)))

    @property
    def bounded_by_space(self) -> bool:
        """The space's largest networks are too small to use the budget."""
        return self.most_expensive.cost.macs < self.budget.macs / math.sqrt(2)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def from_dict(table: dict[str, Any]) -> Ladder:
    """Return the ladder that `Ladder.as_dict` wrote: a resumed study need not count again."""
    cells = tuple(
        Cell(
            rung=cell["rung"],
            size=cell["size"],
            architecture=Architecture(**cell["architecture"]),
            schedule=Schedule(**cell["schedule"]),
            cost=Cost(**cell["cost"]),
            changes=tuple(cell["changes"]),
        )
        for cell in table["cells"]
    )
    return Ladder(budget=Budget(**table["budget"]), cells=cells)


def build(
    space: SearchSpace,
    budget: Budget,
    schedule: Schedule,
    resolution: int,
    count: Callable[[Architecture], Cost],
) -> Ladder:
    """Return all cells of `space` within `budget`; BudgetError if even the cheapest is above it.

    `schedule` is the study's, of which the space's axes replace fields; `resolution` is that of the
    data. UsageError where the space names a network that its family cannot build, or the same
    network twice.
    """
    lines = space.lines(resolution)
    for line in lines:
        for width in line.widths:
            families.check(line.at(width))
    _refuse_twins(space, lines, count)

    def macs(line: NetworkLine, width: float) -> int:
        return count(line.at(width)).macs

    variants, several = space.schedules(schedule), has_resolutions(space.as_dict())
    cells = []
    # Every configuration is in one cell: what fits the rung below belongs there.
    for rung, below in itertools.pairwise(_rungs(space, lines, budget, macs)):
        for size, line in itertools.product(space.members, lines):
            solved = solve_width(functools.partial(macs, line), line.widths, rung / size)
            if solved is None:
                continue
            shape = line.at(solved)
            cost = count(shape).times(size)
            if cost.macs > below:
                cells += [
                    Cell(
                        rung=rung,
                        size=size,
                        architecture=shape,
                        schedule=variant,
                        cost=cost,
                        changes=distinctions(shape, variant, schedule, several),
                    )
                    for variant in variants
                ]
    return Ladder(budget=budget, cells=tuple(cells))


def _refuse_twins(
    space: SearchSpace, lines: list[NetworkLine], count: Callable[[Architecture], Cost]
) -> None:
    """Some families round their depths, EfficientNet 1.1 and 1.2 to the same layers.

    Under two names these would be two networks: trained twice, and diverse where they are not.
    What costs the same at the ends of the widths has the same layers.
    """
    distinct: dict[tuple[object, ...], NetworkLine] = {}
    twins = []
    for line in lines:
        ends = (count(line.at(line.widths[i])) for i in (0, len(line.widths) - 1))
        first = distinct.setdefault((line.family, line.resolution, line.widths, *ends), line)
        if first is not line:
            twins.append((first, line))
    if twins:
        first, other = twins[0]
        kept = sorted({line.depth for line in distinct.values() if line.family == first.family})
        raise UsageError(
            f"search space {space.name}: {first.family} of depth {first.depth:g} and of "
            f"{other.depth:g} are the same network, because it has whole blocks only. Keep one "
            f"name for each: depth {', '.join(f'{depth:g}' for depth in kept)}."
        )


def _rungs(
    space: SearchSpace,
    lines: list[NetworkLine],
    budget: Budget,
    macs: Callable[[NetworkLine, float], int],
) -> list[float]:
    """At most `space.rungs` pairs of rungs, from the highest that a configuration reaches.

    Descending, and one more below them as the lower edge of the last.
    """
    least = min(lines, key=lambda line: macs(line, line.widths[0]))
    floor = macs(least, least.widths[0]) * space.members[0]
    if floor > budget.macs:
        raise _nothing_fits(space, least, budget, floor, macs)
    widest = (macs(line, line.widths[len(line.widths) - 1]) for line in lines)
    highest = max(widest) * space.members[-1]
    first = 2 * max(0, math.floor(2 * math.log2(budget.macs / highest)))
    rungs = [budget.macs / 2 ** (j / 4) for j in range(first, first + 2 * space.rungs + 1)]
    inside = sum(rung >= floor for rung in rungs)
    return rungs[: inside + 1]


def _nothing_fits(
    space: SearchSpace,
    least: NetworkLine,
    budget: Budget,
    floor: int,
    macs: Callable[[NetworkLine, float], int],
) -> BudgetError:
    """The error that names the cheapest configuration, and fewer pixels with which it would fit."""
    name = f"{least.family.partition(':')[0]} {least.at(least.widths[0]).label}"
    says = (
        f"no configuration of search space {space.name} fits the budget of "
        f"{format_count(budget.macs)}: the cheapest, {space.members[0]} × {name}, costs "
        f"{format_count(floor, 4)}."
    )
    side = least.resolution // 2
    while side >= _LEAST_SIDE:
        smaller = replace(least, resolution=side)
        try:
            families.check(smaller.at(smaller.widths[0]))
            cost = macs(smaller, smaller.widths[0]) * space.members[0]
        except UsageError:  # the family takes no images of so few pixels
            break
        if cost <= budget.macs:
            return BudgetError(
                f"{says} On images of {side} pixels a side it costs {format_count(cost, 4)}.",
                problem="nothing_fits_but_fewer_pixels",
                pixels=side,
            )
        side //= 2
    return BudgetError(says, problem="nothing_fits")
