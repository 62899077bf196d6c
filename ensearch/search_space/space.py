"""What a search space holds: sizes, networks and axes of the schedule."""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ensearch.core import Architecture, Range, Schedule
from ensearch.errors import UsageError

# Fields of the schedule that may be searched: those whose best value depends on the width.
# The others say how images are shown, or change what a learning rate means.
AXES = ("peak_lr", "weight_decay", "epochs")
# Those whose values suit one optimizer and mean something else to another.
OF_OPTIMIZER = ("peak_lr", "weight_decay")


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
    widths: Range | tuple[float, ...]
    resolution: int

    def at(self, width: float) -> Architecture:
        return Architecture(
            family=self.family, width=width, depth=self.depth, resolution=self.resolution
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """What to search, on a ladder of costs: members x networks.

    The networks are depth x width of one family or those of `shapes`, at each resolution. With axes
    of the schedule, every such configuration exists once for each combination of them. `axes` says
    which there are: those of `schedule`, with muon those of `muon` in place of OF_OPTIMIZER.
    """

    name: str
    summary: str
    family: str
    members: tuple[int, ...]  # sizes of the ensembles, ascending
    depth: tuple[float, ...]  # ascending; empty where there are shapes
    width: Range | None  # None where there are shapes
    rungs: int  # pairs of rungs of the cost ladder, each pair cheaper by sqrt(2)
    schedule: tuple[Axis, ...] = ()  # in the order of AXES
    muon: tuple[Axis, ...] = ()  # so too
    resolution: tuple[int, ...] = ()  # ascending; empty for that of the data
    shapes: tuple[Shape, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return plain data for JSON, from which `reading.from_table` makes an equal space."""
        table = dataclasses.asdict(self) | {
            "members": list(self.members),
            "depth": list(self.depth),
            "schedule": _table(self.schedule) | ({"muon": _table(self.muon)} if self.muon else {}),
            "resolution": list(self.resolution),
            "shapes": [
                {key: value for key, value in table.items() if value is not None}
                for table in map(dataclasses.asdict, self.shapes)
            ],
        }
        del table["name"], table["muon"]
        # What a space does not have is left out: spaces of earlier studies are still the same.
        absent = ("depth", "width") if self.shapes else ("shapes",)
        absent = absent if self.resolution else (*absent, "resolution")
        return {key: value for key, value in table.items() if key not in absent}

    @property
    def has_resolutions(self) -> bool:
        """Whether its networks have several resolutions."""
        return has_resolutions(self.as_dict())

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

    def axes(self, optimizer: str) -> tuple[Axis, ...]:
        """Return what is searched of schedules with the optimizer, in the order of AXES.

        Raises UsageError where the space has values for the other optimizer only.
        """
        mine = {axis.field: axis for axis in self.schedule}
        others = {axis.field: axis for axis in self.muon}
        if optimizer == "muon":
            shared = {field: axis for field, axis in mine.items() if field not in OF_OPTIMIZER}
            mine, others = shared | others, mine
        for field, axis in others.items():
            if field not in mine:
                other, table = (
                    ("muon", "schedule") if optimizer == "sgd" else ("sgd", "schedule.muon")
                )
                raise UsageError(
                    f"search space {self.name} has values of {field} for {other} only "
                    f"({', '.join(map(str, axis.values))}), which mean something else to "
                    f"{optimizer}. Give the space a list of {field} for {optimizer} in its table "
                    f"[{table}], of one value if it is not to be searched."
                )
        return tuple(mine[field] for field in AXES if field in mine)

    def narrowed(self, optimizer: str) -> "SearchSpace":
        """Return the space with the axes of this optimizer alone. Raises as `axes` does."""
        axes = self.axes(optimizer)
        if optimizer == "sgd":
            return dataclasses.replace(self, schedule=axes, muon=())
        return dataclasses.replace(
            self,
            schedule=tuple(axis for axis in axes if axis.field not in OF_OPTIMIZER),
            muon=tuple(axis for axis in axes if axis.field in OF_OPTIMIZER),
        )

    def schedules(self, base: Schedule) -> list[Schedule]:
        """Return `base` with every combination of the axes' values; `base` alone without axes."""
        schedules, axes = [], self.axes(base.optimizer)
        for values in itertools.product(*(axis.values for axis in axes)):
            changes: dict[str, Any] = {
                axis.field: value for axis, value in zip(axes, values, strict=True)
            }
            schedules.append(dataclasses.replace(base, **changes))
        return schedules


def _table(axes: tuple[Axis, ...]) -> dict[str, object]:
    return {axis.field: list(axis.values) for axis in axes}


def has_resolutions(table: Mapping[str, Any]) -> bool:
    """Return whether the networks of a space have several resolutions, by `SearchSpace.as_dict`."""
    of_space = set(table.get("resolution") or (None,))  # that of the data
    shapes = table.get("shapes")
    if not shapes:
        return len(of_space) > 1
    own = [shape.get("resolution") for shape in shapes]
    return len(set().union(*({side} if side else of_space for side in own))) > 1
