"""Search spaces: TOML files of what a study may choose from.

A space is found by its name among those that ship with ensearch (`search_spaces/`) or by the
path of a .toml file. The legal keys are those of `SearchSpace`; see search_spaces/wide_resnet.toml.
"""

import dataclasses
import itertools
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ensearch.core import Grid, Schedule
from ensearch.errors import UsageError, unknown

T = TypeVar("T")

# Fields of the schedule that may be searched: those that the best value of depends on the width.
# The others say how images are shown, or change what a learning rate means.
AXES = ("peak_lr", "weight_decay", "epochs")
# Each is a copy of the whole ladder, which a study stores.
MOST_SCHEDULES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A field of the schedule that is searched, and its legal values, ascending."""

    field: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """What to search: members x depth x width of one family, on a ladder of costs.

    With axes in `schedule`, every such configuration exists once for each combination of them.
    """

    name: str
    summary: str
    family: str
    members: tuple[int, ...]  # sizes of the ensembles, ascending
    depth: tuple[int, ...]  # ascending
    width: Grid
    rungs: int  # pairs of rungs of the cost ladder, each pair cheaper by sqrt(2)
    schedule: tuple[Axis, ...] = ()  # in the order of AXES

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON, from which `from_table` makes an equal space."""
        table = dataclasses.asdict(self) | {
            "members": list(self.members),
            "depth": list(self.depth),
            "schedule": {axis.field: list(axis.values) for axis in self.schedule},
        }
        del table["name"]
        return table

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
    inside = Path(__file__).parent / "search_spaces"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "search_spaces"


def names() -> list[str]:
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name: str) -> SearchSpace:
    """The shipped space `name`, or the one in the file `name` if it ends in .toml."""
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"no search space at {name!r}: the file does not exist.")
    elif name in names():
        path = folder() / f"{name}.toml"
    else:
        raise unknown("search space", name, names())
    return from_table(path.stem, read_toml(path))


def read_toml(path: Path) -> dict[str, object]:
    """The file's table; UsageError with the place of the mistake if it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    # ValueError: not TOML, not UTF-8, or a number of thousands of digits.
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def from_table(name: str, table: Mapping[str, object]) -> SearchSpace:
    """A space from plain data; UsageError names the key, what it takes and what was found."""
    where = f"search space {name}"
    check_keys(table, [f.name for f in dataclasses.fields(SearchSpace) if f.name != "name"], where)
    get = _Reader(table, where)
    return SearchSpace(
        name=name,
        summary=get("summary", "a text", lambda v: isinstance(v, str), str, default=""),
        family=get("family", "the name of a family", lambda v: isinstance(v, str), str),
        members=get("members", _WHOLES, _is_wholes, _wholes),
        depth=get("depth", _WHOLES, _is_wholes, _wholes),
        width=get("width", "a table { low = ..., high = ..., step = ... }", _is_grid, _grid(where)),
        rungs=get("rungs", "a whole number from 1 to 60", _is_rungs, int, default=12),
        schedule=get("schedule", _TABLE, lambda v: isinstance(v, dict), _axes(where), default=()),
    )


def check_keys(table: Mapping[str, object], known: list[str], where: str) -> None:
    """Raise UsageError for the first key that does not exist, naming the nearest that does."""
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {unknown('key', key, known)}")


_TABLE = "a table of lists, such as { peak_lr = [0.1, 0.4] }"
_WHOLES = "a list of whole numbers of at least 1, such as [1, 2, 4], or { low, high, step }"


class _Reader:
    """Takes one key at a time out of a table, checked and converted."""

    def __init__(self, table: Mapping[str, object], where: str) -> None:
        self.table, self.where = table, where

    def __call__(
        self,
        key: str,
        expected: str,
        is_legal: Callable[[object], bool],
        convert: Callable[..., T],
        default: T | None = None,
    ) -> T:
        if key not in self.table:
            if default is not None:
                return default
            raise UsageError(f"{self.where}: the key {key!r} is missing; it must be {expected}.")
        value = self.table[key]
        if not is_legal(value):
            raise UsageError(f"{self.where}: {key} must be {expected}; got {value!r}.")
        return convert(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_rungs(value: object) -> bool:
    return _is_whole(value) and 1 <= int(str(value)) <= 60


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_grid(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"low", "high", "step"}:
        return False
    return all(_is_number(v) for v in value.values())


def _is_wholes(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_whole(v) for v in value)
    return _is_grid(value) and isinstance(value, dict) and all(map(_is_whole, value.values()))


def _wholes(value: list[int] | dict[str, int]) -> tuple[int, ...]:
    numbers = value if isinstance(value, list) else [round(v) for v in Grid(**value)]
    return tuple(sorted(set(numbers)))


def _grid(where: str) -> Callable[[dict[str, float]], Grid]:
    def convert(value: dict[str, float]) -> Grid:
        try:
            return Grid(**value)
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
                    "table of a study's configuration file (--config)."
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
