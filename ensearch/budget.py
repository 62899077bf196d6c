"""What a study may spend on one prediction, in multiply-adds, parameters or milliseconds.

A unit is named like the axis of its numbers (`units.Axis`): flops, params, ms@64 for milliseconds
an image in batches of 64, by PyTorch, or ms@64:onnx by ONNX Runtime.
"""

from dataclasses import dataclass
from typing import NamedTuple

from ensearch.core import Cost
from ensearch.units import FLOPS, PARAMS, Axis, flops, milliseconds, parameters, parse_axis


class Bound(NamedTuple):
    """At most `amount` of a unit: multiply-adds, parameters, or milliseconds an image."""

    unit: str
    amount: float

    def show(self, flops_per_mac: int) -> str:
        """The amount with its unit, for people: 2M FLOPs, 1M parameters, 2 ms@64."""
        axis = axis_of(self.unit, flops_per_mac)
        return f"{axis.show(self.amount)} {axis.called}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Hard upper bounds on what the whole ensemble costs per example.

    Single networks and ensembles are matched and compared in what they cost in `unit`, of which
    there is `amount`. Everything fits the bounds of `also` besides, which are in other units.
    """

    amount: float
    unit: str = FLOPS
    also: tuple[Bound, ...] = ()

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """All bounds, that of the comparison first."""
        return (Bound(self.unit, self.amount), *self.also)

    @property
    def is_flops(self) -> bool:
        """Whether costs are compared in multiply-adds."""
        return self.unit == FLOPS

    @property
    def timed(self) -> str | None:
        """The unit of milliseconds, if there is a bound in them."""
        return next((b.unit for b in self.bounds if b.unit not in (FLOPS, PARAMS)), None)

    def price(self, cost: Cost, ms: float | None = None) -> float:
        """What something costs in the unit of the comparison; `ms` are its milliseconds."""
        return price(self.unit, cost, ms)

    def largest(self, member: Cost, ms: float | None = None) -> int:
        """The size of the largest ensemble of a network within all bounds."""
        # The small allowance keeps 10 members of 0.1 ms within 1 ms in spite of rounding.
        prices = ((bound.amount, price(bound.unit, member, ms)) for bound in self.bounds)
        return int(min(amount / each * (1 + 1e-12) for amount, each in prices))


def price(unit: str, cost: Cost, ms: float | None = None) -> float:
    """What something costs in a unit. ValueError for milliseconds that nobody measured."""
    if unit == FLOPS:
        return cost.macs
    if unit == PARAMS:
        return cost.params
    if ms is None:
        raise ValueError(f"no time is known for a price in {unit}.")
    return ms


def axis_of(unit: str, flops_per_mac: int = 1, timed: str = "") -> Axis:
    """The axis of the numbers of a unit; `timed` says on and by what was measured."""
    if unit == FLOPS:
        return flops(flops_per_mac)
    if unit == PARAMS:
        return parameters()
    asked = parse_axis(unit)
    assert asked is not None
    return milliseconds(asked[0], timed, asked[1])
