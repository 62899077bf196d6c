"""Counting what a network or an ensemble costs."""

from dataclasses import dataclass
from typing import Any

from ensearch import families, units
from ensearch.core import Architecture, Cost, Range
from ensearch.errors import UsageError, at_least_one, invalid
from ensearch.search_space import reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The cost of an ensemble of `members` networks of one architecture, per example.

    `by_thop` are the same multiply-adds as the package thop counts them, as a cross-check, and
    `disagreement` is their relative difference where it is large, else None.
    """

    architecture: Architecture
    known_as: str | None  # its name in the literature
    channels: int
    classes: int
    members: int
    cost: Cost
    by_thop: int
    disagreement: float | None
    flops_per_mac: int = 1

    @property
    def macs(self) -> int:
        """Multiply-adds of one forward pass of one example through all members."""
        return self.cost.macs

    @property
    def params(self) -> int:
        """Parameters of all members."""
        return self.cost.params

    @property
    def flops(self) -> int:
        """FLOPs of the same, `flops_per_mac` of them for a multiply-add."""
        return self.macs * self.flops_per_mac

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "architecture": self.architecture.key,
            "known_as": self.known_as,
            "channels": self.channels,
            "classes": self.classes,
            "members": self.members,
            "parameters": self.params,
            "multiply_adds_per_example": self.macs,
            "flops_per_example": self.flops,
            "flops_per_multiply_add": self.flops_per_mac,
            "multiply_adds_per_example_by_thop": self.by_thop,
        }


def count(
    family: str,
    *,
    width: float | None = None,
    depth: float | None = None,
    resolution: int | None = None,
    channels: int = 3,
    classes: int | None = None,
    members: int = 1,
    flops_per_mac: int = 1,
) -> Count:
    """Return the parameters and multiply-adds of an ensemble of `members` equal networks.

    Width and depth may be left out where the family has only one; resolution and classes are the
    published ones by default. FLOPs count `flops_per_mac` for a multiply-add.
    Raises UsageError for what is not legal.
    """
    units.check_flops_per_mac(flops_per_mac)
    at_least_one("members", members)
    at_least_one("channels", channels)
    if classes is not None and classes < 2:
        raise invalid("classes", f"must be a whole number of at least 2; got {classes}.")
    if family in reading.names() and family not in families.names():
        raise UsageError(
            f"{family} is a search space, of networks of family {reading.load(family).family}: "
            "name that one, with width and depth."
        )
    from ensearch import cost

    kind = families.get(family)
    width = _legal("width", width, family, kind.WIDTHS)
    depth = _legal("depth", depth, family, kind.DEPTHS)
    usual_resolution, usual_classes = kind.published(family, width, depth)
    classes = usual_classes if classes is None else classes
    architecture = Architecture(
        family=family,
        width=width,
        depth=depth,
        resolution=usual_resolution if resolution is None else resolution,
    )
    families.check(architecture)
    single = cost.count_operators(architecture, channels, classes)
    by_thop = cost.count_with_thop(architecture, channels, classes)
    return Count(
        architecture=architecture,
        known_as=kind.known_as(architecture),
        channels=channels,
        classes=classes,
        members=members,
        cost=single.times(members),
        by_thop=by_thop * members,
        disagreement=cost.disagreement(single.macs, by_thop),
        flops_per_mac=flops_per_mac,
    )


def _legal(option: str, value: float | None, family: str, legal: Range) -> float:
    """Return the value; the only legal one, if there is but one, may be left out."""
    if value is not None:
        return value
    if len(legal) > 1:
        raise invalid(
            option,
            f"is missing: {family} takes {legal.low:g} to {legal.high:g} in steps of "
            f"{legal.step:g}.",
        )
    return legal[0]
