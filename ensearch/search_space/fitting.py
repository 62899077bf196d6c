"""Which networks fit a budget: the widest of a line of which so many cost at most so much."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ensearch import families
from ensearch.budget import Bound, Budget, axis_of, price
from ensearch.core import Architecture, Cost
from ensearch.cost import solve_width
from ensearch.errors import BudgetError, UsageError
from ensearch.search_space.space import NetworkLine, SearchSpace
from ensearch.units import FLOPS, PARAMS, format_count

_LEAST_SIDE = 8  # pixels a side of images that are proposed

Count = Callable[[Architecture], Cost]
# Milliseconds an image of one network, by architecture: what is not in it was not measured.
Milliseconds = Mapping[Architecture, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What networks cost by the bounds of a budget.

    With `ms`, only networks that are in it are legal, so that no bound on time is guessed.
    """

    budget: Budget
    count: Count
    ms: Milliseconds | None = None

    def legal(self, lines: list[NetworkLine]) -> list[NetworkLine]:
        """Return the lines with the widths that may be taken; those without any are left out."""
        if self.ms is None:
            return lines
        measured = (
            replace(line, widths=tuple(w for w in line.widths if line.at(w) in self.ms))
            for line in lines
        )
        return [line for line in measured if len(line.widths)]

    def price(self, line: NetworkLine, width: float, unit: str | None = None) -> float:
        """What one network costs in a unit; in that of the comparison if none is said."""
        shape = line.at(width)
        ms = None if self.ms is None else self.ms[shape]
        return price(unit or self.budget.unit, self.count(shape), ms)

    def widest(self, line: NetworkLine, size: int, most: float = math.inf) -> float | None:
        """The widest network of which `size` cost at most `most` and are within all other bounds.

        `most` is in the unit of the comparison. None if even the narrowest are above.
        """
        bounds = (Bound(self.budget.unit, most), *self.budget.also)
        widths = [
            self._solved(line, bound.unit, bound.amount / size)
            for bound in bounds
            if bound.unit in (FLOPS, PARAMS)
        ]
        if None in widths:
            return None
        limit = min((width for width in widths if width is not None), default=math.inf)
        timed = [bound for bound in bounds if bound.unit not in (FLOPS, PARAMS)]
        if not timed:
            return limit
        # Time need not grow with the width: 16 channels may be faster than 15.
        fitting = (
            width
            for width in line.widths
            if width <= limit
            and all(size * self.price(line, width, b.unit) <= b.amount * (1 + 1e-12) for b in timed)
        )
        return max(fitting, default=None)

    def _solved(self, line: NetworkLine, unit: str, target: float) -> float | None:
        return solve_width(lambda width: self.price(line, width, unit), line.widths, target)


def nothing_fits(space: SearchSpace, lines: list[NetworkLine], fitting: Fitting) -> BudgetError:
    """Return the error that names the cheapest configuration, and pixels with which it fits."""
    fewest, bounds = space.members[0], fitting.budget.bounds
    for unit, amount in bounds:
        least = min(lines, key=lambda line: fitting.price(line, line.widths[0], unit))
        floor = fewest * fitting.price(least, least.widths[0], unit)
        if floor > amount:
            break
    else:
        together = " and ".join(bound.show(1) for bound in bounds)
        return BudgetError(
            f"no configuration of search space {space.name} fits {together} together.",
            problem="nothing_fits",
        )
    name = f"{least.family.partition(':')[0]} {least.at(least.widths[0]).label}"
    # The budget is in multiply-adds also where a user counts two FLOPs for each.
    called = "multiply-adds" if unit == FLOPS else axis_of(unit).unit
    says = (
        f"no configuration of search space {space.name} fits the budget of "
        f"{format_count(amount)} {called}: the cheapest, {fewest} × {name}, costs "
        f"{format_count(floor, 4)} {called}."
    )
    side = _pixels_that_fit(least, fewest, amount, fitting) if unit == FLOPS else None
    if side is None:
        return BudgetError(says, problem="nothing_fits")
    pixels, cost = side
    return BudgetError(
        f"{says} On images of {pixels} pixels a side it costs {format_count(cost, 4)}.",
        problem="nothing_fits_but_fewer_pixels",
        pixels=pixels,
    )


def _pixels_that_fit(
    least: NetworkLine, size: int, macs: float, fitting: Fitting
) -> tuple[int, int] | None:
    """Fewer pixels a side at which the narrowest fit multiply-adds, and what they cost there."""
    side = least.resolution // 2
    while side >= _LEAST_SIDE:
        smaller = replace(least, resolution=side).at(least.widths[0])
        try:
            families.check(smaller)
            cost = fitting.count(smaller).macs * size
        except UsageError:  # the family takes no images of so few pixels
            return None
        if cost <= macs:
            return side, cost
        side //= 2
    return None
