"""The ladder: every configuration that a study may evaluate, matched in cost.

A cost is in the unit of the budget here: multiply-adds, parameters or milliseconds.
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

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ensearch import families
from ensearch.budget import Bound, Budget
from ensearch.core import (
    Architecture,
    Cost,
    Schedule,
    distinctions,
    ensemble_label,
    full_label,
    network_key,
)
from ensearch.errors import UsageError
from ensearch.search_space.fitting import Count, Fitting, Milliseconds, nothing_fits
from ensearch.search_space.space import AXES, NetworkLine, SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One configuration: `size` members of one architecture; `cost` is the ensemble's."""

    rung: float  # in the unit of the budget, never below its price
    size: int
    architecture: Architecture
    schedule: Schedule
    cost: Cost
    changes: tuple[str, ...] = ()  # its `distinctions` from others with its label
    ms: float | None = None  # milliseconds an image, where the budget has a bound in them

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
        return full_label(ensemble_label(self.size, self.architecture.label), self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """All cells within the budget.

    `cells` descends in rung, then ascends in size, in resolution, in depth (or in the order of the
    space's shapes) and in the axes of the schedule. `timed` says on and by what milliseconds were
    measured, where the budget has a bound in them.
    """

    budget: Budget
    cells: tuple[Cell, ...]
    timed: str = ""

    def price(self, cell: Cell) -> float:
        """What a cell costs in the unit of the budget."""
        return self.budget.price(cell.cost, cell.ms)

    @property
    def rungs(self) -> tuple[float, ...]:
        """Rungs that hold a cell, descending."""
        return tuple(sorted({cell.rung for cell in self.cells}, reverse=True))

    def budget_of(self, cell: Cell) -> float:
        """The smallest of the `budgets` that the cell's rung does not pass."""
        step = round(4 * math.log2(self.budget.amount / cell.rung))
        return self.budget.amount / 2 ** (step // 2 / 2)

    @property
    def budgets(self) -> tuple[float, ...]:
        """Where single networks and ensembles are compared: sqrt(2) apart, descending."""
        return tuple(sorted({self.budget_of(cell) for cell in self.cells}, reverse=True))

    @property
    def schedule_axes(self) -> dict[str, tuple[float, ...]]:
        """Fields of the schedule that differ among the cells, each with its values, ascending."""
        return _differing([cell.schedule for cell in self.cells], AXES)

    @property
    def shape_axes(self) -> dict[str, tuple[Any, ...]]:
        """What differs among the networks besides width and depth: resolution, family."""
        return _differing([cell.architecture for cell in self.cells], ("resolution", "family"))

    @property
    def member_costs(self) -> dict[Architecture, Cost]:
        """What one member of each architecture costs."""
        return {
            cell.architecture: Cost(macs=cell.member_macs, params=cell.cost.params // cell.size)
            for cell in self.cells
        }

    @property
    def member_ms(self) -> dict[Architecture, float]:
        """Milliseconds of one member of each architecture; empty where nobody measured any."""
        return {c.architecture: c.ms / c.size for c in self.cells if c.ms is not None}

    @property
    def cheapest(self) -> Cell:
        return min(self.cells, key=lambda cell: (self.price(cell), len(cell.changes)))

    @property
    def most_expensive(self) -> Cell:
        return max(self.cells, key=lambda cell: (self.price(cell), -len(cell.changes)))

    @property
    def bounded_by_space(self) -> bool:
        """The space's largest networks are too small to use the budget."""
        unused = self.price(self.most_expensive) < self.budget.amount / math.sqrt(2)
        return unused and not self.budget.also

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _differing(some: Sequence[object], fields: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """The fields in which some differ, each with its values, ascending."""
    values = {field: {getattr(one, field) for one in some} for field in fields}
    return {field: tuple(sorted(own)) for field, own in values.items() if len(own) > 1}


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
            ms=cell.get("ms"),
        )
        for cell in table["cells"]
    )
    return Ladder(budget=_budget(table["budget"]), cells=cells, timed=table.get("timed", ""))


def _budget(table: dict[str, Any]) -> Budget:
    if "macs" in table:  # what versions wrote that knew no other unit
        return Budget(amount=table["macs"])
    also = tuple(Bound(*bound) for bound in table["also"])
    return Budget(amount=table["amount"], unit=table["unit"], also=also)


def build(
    space: SearchSpace,
    budget: Budget,
    schedule: Schedule,
    resolution: int,
    count: Count,
    ms: Milliseconds | None = None,
) -> Ladder:
    """Return all cells of `space` within `budget`; BudgetError if even the cheapest is above it.

    `schedule` is the study's, of which the space's axes replace fields; `resolution` is that of the
    data. With `ms` only networks that are in it are taken; a budget with a bound in milliseconds
    needs them. UsageError where the space names a network that its family cannot build, or the same
    network twice.
    """
    lines = space.lines(resolution)
    for line in lines:
        for width in line.widths:
            families.check(line.at(width))
    _refuse_twins(space, lines, count)
    fitting = Fitting(budget=budget, count=count, ms=ms)
    lines = fitting.legal(lines)
    variants, several = space.schedules(schedule), space.has_resolutions
    cells = []
    # Every configuration is in one cell: what fits the rung below belongs there.
    for rung, below in itertools.pairwise(_rungs(space, lines, fitting)):
        for size, line in itertools.product(space.members, lines):
            solved = fitting.widest(line, size, rung)
            if solved is None or fitting.price(line, solved) * size <= below:
                continue
            shape = line.at(solved)
            cells += [
                Cell(
                    rung=rung,
                    size=size,
                    architecture=shape,
                    schedule=variant,
                    cost=count(shape).times(size),
                    changes=distinctions(shape, variant, schedule, several),
                    ms=None if ms is None else ms[shape] * size,
                )
                for variant in variants
            ]
    return Ladder(budget=budget, cells=tuple(cells))


def _refuse_twins(space: SearchSpace, lines: list[NetworkLine], count: Count) -> None:
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


def _rungs(space: SearchSpace, lines: list[NetworkLine], fitting: Fitting) -> list[float]:
    """At most `space.rungs` pairs of rungs, from the highest that a configuration reaches.

    Descending, and one more below them as the lower edge of the last.
    """
    budget, fewest = fitting.budget.amount, space.members[0]
    fits = [line for line in lines if fitting.widest(line, fewest, budget) is not None]
    if not fits:
        raise nothing_fits(space, lines, fitting)
    floor = min(fitting.price(line, line.widths[0]) for line in fits) * fewest
    highest = max(
        size * fitting.price(line, width)
        for size, line in itertools.product(space.members, lines)
        if (width := fitting.widest(line, size)) is not None
    )
    first = 2 * max(0, math.floor(2 * math.log2(budget / highest)))
    rungs = [budget / 2 ** (j / 4) for j in range(first, first + 2 * space.rungs + 1)]
    inside = sum(rung >= floor for rung in rungs)
    return rungs[: inside + 1]
