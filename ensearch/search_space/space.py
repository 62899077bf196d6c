"""What a search space holds: sizes, networks and axes of the schedule."""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ensearch.core import Architecture, Range, Schedule

# Fields of the schedule that may be searched: those whose best value depends on the width.
# The others say how images are shown, or change what a learning rate means.
AXES = ("peak_lr", "weight_decay", "epochs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A field of the schedule that is searched, and its legal values, ascending."""

    field: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A network of a space that lists its networks one by one.

    Without a resolution it is there at each of the space's. A model with a name, such as
    timm:resnet18, has width and depth 1.
    """

    family: str
    width: float = 1.0
    depth: float = 1.0
    resolution: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLine:
    """Networks that differ in their width alone, which the ladder chooses."""

    family: str
    depth: float
    widths: Range
    resolution: int

    def at(self, width: float) -> Architecture:
        return Architecture(
            family=self.family, width=width, depth=self.depth, resolution=self.resolution
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """What to search, on a ladder of costs: members x networks.

    The networks are depth x width of one family or those of `shapes`, at each resolution. With axes
    in `schedule`, every such configuration exists once for each combination of them.
    """

    name: str
    summary: str
    family: str
    members: tuple[int, ...]  # sizes of the ensembles, ascending
    depth: tuple[float, ...]  # ascending; empty where there are shapes
    width: Range | None  # None where there are shapes
    rungs: int  # pairs of rungs of the cost ladder, each pair cheaper by sqrt(2)
    schedule: tuple[Axis, ...] = ()  # in the order of AXES
    resolution: tuple[int, ...] = ()  # ascending; empty for that of the data
    shapes: tuple[Shape, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return plain data for JSON, from which `reading.from_table` makes an equal space."""
        table = dataclasses.asdict(self) | {
            "members": list(self.members),
            "depth": list(self.depth),
            "schedule": {axis.field: list(axis.values) for axis in self.schedule},
            "resolution": list(self.resolution),
            "shapes": [
                {key: value for key, value in table.items() if value is not None}
                for table in map(dataclasses.asdict, self.shapes)
            ],
        }
        del table["name"]
        # What a space does not have is left out: spaces of earlier studies are still the same.
        absent = ("depth", "width") if self.shapes else ("shapes",)
        absent = absent if self.resolution else (*absent, "resolution")
        return {key: value for key, value in table.items() if key not in absent}

    def lines(self, resolution: int) -> list[NetworkLine]:
        """Return all networks, on images of `resolution` where the space does not say another."""
        sides = self.resolution or (resolution,)
        if self.width is not None:
            return [
                NetworkLine(family=self.family, depth=depth, widths=self.width, resolution=side)
                for side, depth in itertools.product(sides, self.depth)
            ]
        return [
            NetworkLine(
                family=shape.family,
                depth=shape.depth,
                widths=Range(low=shape.width, high=shape.width, step=1),
                resolution=side,
            )
            for shape in self.shapes
            for side in ((shape.resolution,) if shape.resolution else sides)
        ]

    def schedules(self, base: Schedule) -> list[Schedule]:
        """Return `base` with every combination of the axes' values; `base` alone without axes."""
        schedules = []
        for values in itertools.product(*(axis.values for axis in self.schedule)):
            changes: dict[str, Any] = {
                axis.field: value for axis, value in zip(self.schedule, values, strict=True)
            }
            schedules.append(dataclasses.replace(base, **changes))
        return schedules


def has_resolutions(table: Mapping[str, Any]) -> bool:
    """Return whether the networks of a space have several resolutions, by `SearchSpace.as_dict`."""
    shapes = {shape.get("resolution") for shape in table.get("shapes", ())}
    return len(shapes | set(table.get("resolution", ()))) > 1
