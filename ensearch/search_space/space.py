"""Search spaces: TOML files of what a study may choose from.

A space is found by its name among those that ship with ensearch (`search_spaces/`) or by the
path of a .toml file. The legal keys are those of `SearchSpace`; see search_spaces/wide_resnet.toml
and, for networks that are listed one by one, search_spaces/efficientnet.toml. `timm:NAME,NAME,...`
is a space of named models without a file.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensearch.core import Architecture, Range, Schedule
from ensearch.errors import UsageError, unknown
from ensearch.search_space.toml import Reader, check_keys, is_number, is_whole, read_toml

# Fields of the schedule that may be searched: those that the best value of depends on the width.
# The others say how images are shown, or change what a learning rate means.
AXES = ("peak_lr", "weight_decay", "epochs")
# Each is a copy of the whole ladder, which a study stores.
MOST_SCHEDULES = 100
# Each is built and counted before a study begins, up to a second for the largest.
MOST_SHAPES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A field of the schedule that is searched, and its legal values, ascending."""

    field: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One network of a space that lists its networks; without a resolution, at each of the space's.

    A model with a name, such as timm:resnet18, has width and depth 1.
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
        """Plain data for JSON, from which `from_table` makes an equal space."""
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
        # What a space does not have is left out: those of earlier studies are still the same.
        absent = ("depth", "width") if self.shapes else ("shapes",)
        absent = absent if self.resolution else (*absent, "resolution")
        return {key: value for key, value in table.items() if key not in absent}

    def lines(self, resolution: int) -> list[NetworkLine]:
        """All networks, on images of `resolution` where the space does not say another."""
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
        """`base` with every combination of the axes' values; `base` alone without axes."""
        made = []
        for values in itertools.product(*(axis.values for axis in self.schedule)):
            changes: dict[str, Any] = {
                axis.field: value for axis, value in zip(self.schedule, values, strict=True)
            }
            made.append(dataclasses.replace(base, **changes))
        return made


def folder() -> Path:
    """Where the shipped spaces lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "search_spaces"
    return inside if inside.is_dir() else package.parent / "search_spaces"


def names() -> list[str]:
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name: str) -> SearchSpace:
    """The shipped space `name`, the one in the file `name` if it ends in .toml, or timm:NAME,..."""
    if name.startswith(TIMM):
        return _of_models(name)
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"no search space at {name!r}: the file does not exist.")
    elif name in names():
        path = folder() / f"{name}.toml"
    else:
        raise unknown("search space", name, names())
    return from_table(path.stem, read_toml(path))


TIMM = "timm:"


def _of_models(spec: str) -> SearchSpace:
    """The space `timm:resnet18,resnet34`: up to 8 members of each model."""
    models = [part.strip() for part in spec.removeprefix(TIMM).split(",")]
    if not all(models):
        raise UsageError(
            f"a space of named models is timm:NAME,NAME,..., such as timm:resnet18,resnet34; "
            f"got {spec!r}."
        )
    others = models[1:] if len(models) < 3 else ["and", str(len(models) - 1), "more"]
    table = {
        "summary": f"models of timm by name: {', '.join(models)}",
        "family": "timm",
        "members": [1, 2, 4, 8],
        "shapes": [{"family": f"{TIMM}{model}"} for model in models],
    }
    return from_table("-".join(["timm", models[0], *others]), table)


def from_table(name: str, table: Mapping[str, object]) -> SearchSpace:
    """A space from plain data; UsageError names the key, what it takes and what was found."""
    where = f"search space {name}"
    check_keys(table, [f.name for f in dataclasses.fields(SearchSpace) if f.name != "name"], where)
    get = Reader(table, where)
    family = get("family", "the name of a family", lambda v: isinstance(v, str), str)
    shapes: tuple[Shape, ...] = get(
        "shapes", _SHAPES, _is_tables, _shapes(where, family), default=()
    )
    for key in ("depth", "width"):
        if shapes and key in table:
            raise UsageError(
                f"{where}: shapes lists the networks one by one, so that {key!r} has no place "
                "beside it. Leave one of the two away."
            )
    return SearchSpace(
        name=name,
        summary=get("summary", "a text", lambda v: isinstance(v, str), str, default=""),
        family=family,
        members=get("members", _WHOLES, _is_wholes, _wholes),
        depth=() if shapes else get("depth", _NUMBERS, _is_numbers, _numbers(where)),
        width=None if shapes else get("width", _GRID, _is_grid, _grid(where)),
        rungs=get("rungs", "a whole number from 1 to 60", _is_rungs, int, default=12),
        schedule=get("schedule", _TABLE, lambda v: isinstance(v, dict), _axes(where), default=()),
        resolution=get("resolution", _WHOLES, _is_wholes, _wholes, default=()),
        shapes=shapes,
    )


def has_resolutions(table: Mapping[str, Any]) -> bool:
    """Whether the networks of a space, as `SearchSpace.as_dict` writes it, have more than one."""
    shapes = {shape.get("resolution") for shape in table.get("shapes", ())}
    return len(shapes | set(table.get("resolution", ()))) > 1


_TABLE = "a table of lists, such as { peak_lr = [0.1, 0.4] }"
_WHOLES = "a list of whole numbers of at least 1, such as [1, 2, 4], or { low, high, step }"
_NUMBERS = "a list of positive numbers, such as [10, 16] or [1.0, 1.4], or { low, high, step }"
_GRID = "a table { low = ..., high = ..., step = ... }"
_SHAPES = "a list of tables, such as [{ width = 1.0, depth = 1.1, resolution = 240 }]"


def _is_rungs(value: object) -> bool:
    return is_whole(value) and 1 <= int(str(value)) <= 60


def _is_grid(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"low", "high", "step"}:
        return False
    return all(is_number(v) for v in value.values())


def _is_wholes(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(is_whole(v) for v in value)
    return _is_grid(value) and isinstance(value, dict) and all(map(is_whole, value.values()))


def _wholes(value: list[int] | dict[str, int]) -> tuple[int, ...]:
    numbers = value if isinstance(value, list) else [round(v) for v in Range(**value)]
    return tuple(sorted(set(numbers)))


def _is_numbers(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(is_number(v) and 0 < v < math.inf for v in value)
    return _is_grid(value)


def _numbers(where: str) -> Callable[[Any], tuple[float, ...]]:
    """Ascending; whole ones as int, so that 10 and 10.0 are the same depth in keys."""

    def convert(value: list[float] | dict[str, float]) -> tuple[float, ...]:
        numbers = value if isinstance(value, list) else list(_grid(where)(value))
        return tuple(sorted({int(v) if v == int(v) else float(v) for v in numbers}))

    return convert


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _shapes(where: str, family: str) -> Callable[[list[dict[str, object]]], tuple[Shape, ...]]:
    def convert(tables: list[dict[str, object]]) -> tuple[Shape, ...]:
        if len(tables) > MOST_SHAPES:
            raise UsageError(f"{where}: at most {MOST_SHAPES} shapes are allowed.")
        found = []
        for at, table in enumerate(tables):
            here = f"{where}: shapes[{at}]"
            check_keys(table, [f.name for f in dataclasses.fields(Shape)], here)
            get = Reader(table, here)
            one = "a positive number"
            shape = Shape(
                family=get("family", "a text", lambda v: isinstance(v, str), str, default=family),
                width=get("width", one, lambda v: _is_numbers([v]), float, default=1.0),
                depth=get("depth", one, lambda v: _is_numbers([v]), float, default=1.0),
                resolution=get("resolution", "a whole number", is_whole, int, default=0) or None,
            )
            if shape in found:
                raise UsageError(f"{here} is there already: {table}.")
            found.append(shape)
        return tuple(found)

    return convert


def _grid(where: str) -> Callable[[dict[str, float]], Range]:
    def convert(value: dict[str, float]) -> Range:
        try:
            return Range(**value)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None

    return convert


def _axes(where: str) -> Callable[[dict[str, object]], tuple[Axis, ...]]:
    def convert(table: dict[str, object]) -> tuple[Axis, ...]:
        for key in table:
            if key not in AXES and key in {f.name for f in dataclasses.fields(Schedule)}:
                raise UsageError(
                    f"{where}: schedule: {key} is the same for every configuration and can be no "
                    f"axis of a space (those are {', '.join(AXES)}). Set it in the [schedule] "
                    "table of a study's configuration file."
                )
        check_keys(table, list(AXES), f"{where}: schedule")
        axes = tuple(
            Axis(field=field, values=_values(field, table[field], where))
            for field in AXES
            if field in table
        )
        combinations = math.prod(len(axis.values) for axis in axes)
        if combinations > MOST_SCHEDULES:
            raise UsageError(
                f"{where}: schedule: the axes make {combinations} combinations, each of which "
                f"every network may be tried with; at most {MOST_SCHEDULES} are allowed. "
                "Give fewer values."
            )
        return axes

    return convert


def _values(field: str, values: object, where: str) -> tuple[float, ...]:
    """The values of an axis, ascending, each legal for a Schedule."""
    if not isinstance(values, list) or not values:
        raise UsageError(
            f"{where}: schedule: {field} must be a list of the values to choose from, such as "
            f"{'[6, 12]' if field == 'epochs' else '[0.1, 0.4]'}; got {values!r}. One value for "
            "every configuration belongs in the [schedule] table of a study's configuration file."
        )
    for value in values:
        try:
            Schedule(**{"epochs": 1, field: value})
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None
    # 1 and 1.0 are equal but would be written differently into keys of members.
    number = int if field == "epochs" else float
    return tuple(sorted({number(value) for value in values}))
