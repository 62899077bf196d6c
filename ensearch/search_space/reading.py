"""Search spaces as people write them: by the name of a shipped one, a TOML file or timm:NAME,...

A space is found by its name among those that ship with ensearch (`search_spaces/`) or by the path
of a .toml file. The legal keys are those of `SearchSpace`; see search_spaces/wide_resnet.toml and,
for networks that are listed one by one, search_spaces/efficientnet.toml. `timm:NAME,NAME,...` is a
space of named models without a file. For a value that is not legal, UsageError names the key, what
it takes and what it is.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ensearch.core import Range, Schedule
from ensearch.errors import UsageError, unknown
from ensearch.search_space.space import AXES, OF_OPTIMIZER, Axis, SearchSpace, Shape
from ensearch.search_space.toml import Reader, check_keys, is_number, is_whole, read_toml

# Each combination of axes is a copy of the whole ladder, which a study stores.
MOST_SCHEDULES = 100
# Each network is checked and each configuration kept as 250 bytes of text.
MOST_CELLS = 200_000
# Each is built and counted before a study begins, up to a second for the largest.
MOST_SHAPES = 200
_Axes = tuple[Axis, ...]
TIMM = "timm:"  # what the name of a space of models begins with


def folder() -> Path:
    """Return where the shipped spaces lie: inside the installed package, or beside a checkout's."""
    package = Path(__file__).parents[1]
    inside = package / "search_spaces"
    return inside if inside.is_dir() else package.parent / "search_spaces"


def names() -> list[str]:
    """Return the names of the shipped spaces."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name: str) -> SearchSpace:
    """Return the shipped space `name`, the space in the file `name`.toml, or that of timm:NAME,...

    UsageError if there is none, or where it is not legal.
    """
    if name.startswith(TIMM):
        return _of_models(name)
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            what = "that is no file" if path.exists() else "the file does not exist"
            raise UsageError(f"no search space at {name!r}: {what}.")
    elif name in names():
        path = folder() / f"{name}.toml"
    else:
        raise unknown("search space", name, names())
    return from_table(path.stem, read_toml(path))


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
    """Return a space from plain data. UsageError where it is not legal."""
    where = f"search space {name}"
    known = [f.name for f in dataclasses.fields(SearchSpace) if f.name not in ("name", "muon")]
    check_keys(table, known, where)
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
    nothing: tuple[_Axes, _Axes] = ((), ())
    schedule, muon = get(
        "schedule", _TABLE, lambda v: isinstance(v, dict), _axes(where), default=nothing
    )
    space = SearchSpace(
        name=name,
        summary=get("summary", "a text", lambda v: isinstance(v, str), str, default=""),
        family=family,
        members=get("members", _WHOLES, _is_wholes, _wholes),
        depth=() if shapes else get("depth", _NUMBERS, _is_numbers, _numbers(where)),
        width=None if shapes else get("width", _RANGE, _is_range, _range(where)),
        rungs=get("rungs", "a whole number from 1 to 60", _is_rungs, int, default=12),
        schedule=schedule,
        muon=muon,
        resolution=get("resolution", _WHOLES, _is_wholes, _wholes, default=()),
        shapes=shapes,
    )
    _check_size(space, where)
    return space


def _check_size(space: SearchSpace, where: str) -> None:
    """Raise UsageError for a space that takes hours to look through, and gigabytes to keep."""
    schedules = max(math.prod(len(a.values) for a in axes) for axes in (space.schedule, space.muon))
    lines = space.lines(1)
    networks = sum(len(line.widths) for line in lines)
    cells = len(space.members) * len(lines) * 2 * space.rungs * schedules
    for count, what in ((networks, "networks"), (cells, "configurations")):
        if count > MOST_CELLS:
            raise UsageError(
                f"{where}: it has up to {count:,} {what}, and at most {MOST_CELLS:,} are allowed. "
                "Give fewer members, depths, resolutions or values of the schedule, or larger "
                "steps."
            )


_TABLE = "a table of lists, such as { peak_lr = [0.1, 0.4] }"
_WHOLES = "a list of whole numbers of at least 1, such as [1, 2, 4], or { low, high, step }"
_NUMBERS = "a list of positive numbers, such as [10, 16] or [1.0, 1.4], or { low, high, step }"
_RANGE = "a table { low = ..., high = ..., step = ... }"
_SHAPES = "a list of tables, such as [{ width = 1.0, depth = 1.1, resolution = 240 }]"


def _is_rungs(value: object) -> bool:
    return is_whole(value) and 1 <= int(str(value)) <= 60


def _is_range(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"low", "high", "step"}:
        return False
    return all(is_number(v) for v in value.values())


def _is_wholes(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(is_whole(v) for v in value)
    return _is_range(value) and isinstance(value, dict) and all(map(is_whole, value.values()))


def _wholes(value: list[int] | dict[str, int]) -> tuple[int, ...]:
    numbers = value if isinstance(value, list) else [round(v) for v in Range(**value)]
    return tuple(sorted(set(numbers)))


def _is_numbers(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(is_number(v) and 0 < v < math.inf for v in value)
    return _is_range(value)


def _numbers(where: str) -> Callable[[Any], tuple[float, ...]]:
    """Numbers ascend; whole ones are int, so that 10 and 10.0 are the same depth in keys."""

    def convert(value: list[float] | dict[str, float]) -> tuple[float, ...]:
        numbers = value if isinstance(value, list) else list(_range(where)(value))
        return tuple(sorted({int(v) if v == int(v) else float(v) for v in numbers}))

    return convert


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _shapes(where: str, family: str) -> Callable[[list[dict[str, object]]], tuple[Shape, ...]]:
    def convert(tables: list[dict[str, object]]) -> tuple[Shape, ...]:
        if len(tables) > MOST_SHAPES:
            raise UsageError(f"{where}: at most {MOST_SHAPES} shapes are allowed.")
        shapes: list[Shape] = []
        for at, table in enumerate(tables):
            here = f"{where}: shapes[{at}]"
            check_keys(table, [f.name for f in dataclasses.fields(Shape)], here)
            get = Reader(table, here)
            positive = "a positive number"
            shape = Shape(
                family=get("family", "a text", lambda v: isinstance(v, str), str, default=family),
                width=get("width", positive, lambda v: _is_numbers([v]), float, default=1.0),
                depth=get("depth", positive, lambda v: _is_numbers([v]), float, default=1.0),
                resolution=get("resolution", "a whole number", is_whole, int, default=0) or None,
            )
            if shape in shapes:
                raise UsageError(f"{here} is there already: {table}.")
            shapes.append(shape)
        return tuple(shapes)

    return convert


def _range(where: str) -> Callable[[dict[str, float]], Range]:
    def convert(value: dict[str, float]) -> Range:
        try:
            return Range(**value)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None

    return convert


def _axes(where: str) -> Callable[[dict[str, object]], tuple[_Axes, _Axes]]:
    """Axes of a [schedule] table, and those of its table [schedule.muon]."""

    def convert(table: dict[str, object]) -> tuple[_Axes, _Axes]:
        plain = {key: value for key, value in table.items() if key != "muon"}
        muon = table.get("muon", {})
        if not isinstance(muon, dict):
            raise UsageError(
                f"{where}: schedule: muon must be a table of what is searched with that optimizer, "
                f"such as {{ peak_lr = [0.12, 0.24] }}; got {muon!r}."
            )
        axes = _axes_of(plain, AXES, f"{where}: schedule")
        with_muon = _axes_of(muon, OF_OPTIMIZER, f"{where}: schedule.muon")
        shared = [axis for axis in axes if axis.field not in OF_OPTIMIZER]
        most = max(math.prod(len(axis.values) for axis in a) for a in (axes, [*shared, *with_muon]))
        if most > MOST_SCHEDULES:
            raise UsageError(
                f"{where}: schedule: the axes make {most} combinations, each of which every "
                f"network may be tried with; at most {MOST_SCHEDULES} are allowed. Give fewer "
                "values."
            )
        return axes, with_muon

    return convert


def _axes_of(table: Mapping[str, object], fields: tuple[str, ...], where: str) -> _Axes:
    """The axes of a table that may have these fields, in their order."""
    for key in table:
        if key in AXES and key not in fields:
            raise UsageError(
                f"{where}: {key} means the same to every optimizer. Write it into [schedule]."
            )
        if key not in fields and key in {f.name for f in dataclasses.fields(Schedule)}:
            raise UsageError(
                f"{where}: {key} is the same for every configuration and can be no "
                f"axis of a space (those are {', '.join(AXES)}). Set it in the [schedule] "
                "table of a study's configuration file."
            )
    check_keys(table, list(fields), where)
    return tuple(
        Axis(field=field, values=_values(field, table[field], where))
        for field in fields
        if field in table
    )


def _values(field: str, values: object, where: str) -> tuple[float, ...]:
    """The values of an axis, ascending, each legal for a Schedule."""
    if not isinstance(values, list) or not values:
        raise UsageError(
            f"{where}: {field} must be a list of the values to choose from, such as "
            f"{'[6, 12]' if field == 'epochs' else '[0.1, 0.4]'}; got {values!r}. One value for "
            "every configuration belongs in the [schedule] table of a study's configuration file."
        )
    for value in values:
        try:
            Schedule(**{"epochs": 1, field: value})
        except UsageError as error:
            raise UsageError(f"{where.partition(': ')[0]}: {error}") from None
    # 1 and 1.0 are equal but would be written differently into keys of members.
    number = int if field == "epochs" else float
    return tuple(sorted({number(value) for value in values}))
