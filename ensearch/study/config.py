"""What a study is: everything that its results depend on, stored with it and compared on resume.

Flags and a configuration file (`--config study.toml`) say the same things with the same names;
a flag wins over the file, the file over the dataset's own defaults.
"""

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensearch import datasets, units
from ensearch.core import Budget, Schedule
from ensearch.ensembles.averaging import RULES
from ensearch.errors import UsageError, unknown
from ensearch.search_space import space
from ensearch.search_space.space import SearchSpace
from ensearch.search_space.toml import check_keys, read_toml

SAMPLERS = ("tpe", "random", "nsga2", "gp", "qmc")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """The identity of a study; resuming with another one is refused."""

    name: str
    budget: Budget
    flops_per_mac: int  # 1 or 2: how this user counts; everything is stored in multiply-adds
    dataset: str
    limit_train: int | None
    space: SearchSpace
    schedule: Schedule
    seed: int
    rule: str  # how members' probabilities are averaged
    sampler: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` makes an equal configuration of it."""
        table = dataclasses.asdict(self)
        table["budget"] = self.budget.macs
        table["schedule"] = self.schedule.content()
        table["space"] = {"name": self.space.name} | self.space.as_dict()
        return table


def from_dict(table: Mapping[str, Any]) -> StudyConfig:
    """The inverse of `StudyConfig.as_dict`; other keys in the table are left alone."""
    known = {f.name: table[f.name] for f in dataclasses.fields(StudyConfig)}
    space_table = dict(known["space"])
    known["space"] = space.from_table(space_table.pop("name"), space_table)
    known["budget"] = Budget(macs=known["budget"])
    known["schedule"] = Schedule(**known["schedule"])
    return StudyConfig(**known)


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """One line for each value that differs: `schedule.epochs: stored 10, asked 20`."""
    lines = []
    for key in sorted(stored.keys() | asked.keys()):
        a, b = stored.get(key), asked.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            lines += [f"{key}.{line}" for line in differences(a, b)]
        elif a != b:
            lines.append(f"{key}: stored {a!r}, asked {b!r}")
    return lines


# Keys of a configuration file that say what the study is, then those that say how far to go.
_STUDY_KEYS: dict[str, type | tuple[type, ...]] = {
    "study": str,
    "budget": (str, int, float),
    "flops_per_mac": int,
    "dataset": str,
    "limit_train": int,
    "space": (str, dict),
    "schedule": dict,
    "epochs": int,
    "seed": int,
    "rule": str,
    "sampler": str,
}
_LIMIT_KEYS: dict[str, type | tuple[type, ...]] = {
    "trials": int,
    "timeout": (str, int, float),
    "train_budget": (str, int, float),
    "workers": int,
    "device": str,
    "launcher": str,
    "ray_address": str,
    "weights": bool,
    "storage": str,
    "data_dir": str,
}


def read_file(path: Path) -> dict[str, Any]:
    """A configuration file as a table of flags, keys and types checked."""
    if not os.path.isfile(path):  # unlike Path.is_file, False for a name that is too long
        raise UsageError(f"no configuration file at {str(path)!r}.")
    table = read_toml(path)
    legal = _STUDY_KEYS | _LIMIT_KEYS
    check_keys(table, list(legal), str(path))
    for key, value in table.items():
        kinds = legal[key]
        wanted = kinds if isinstance(kinds, tuple) else (kinds,)
        # To Python true is a whole number too.
        if isinstance(value, bool) != (bool in wanted) or not isinstance(value, kinds):
            words = " or ".join(_KIND_WORDS[kind] for kind in wanted)
            raise UsageError(f"{path}: {key} must be {words}; got {value!r}.")
    return table


_KIND_WORDS = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    float: "a number",
    dict: "a table",
}


def resolve(settings: Mapping[str, Any]) -> StudyConfig:
    """A study from flags and file merged (absent or None = default). Touches no data.

    Raises UsageError for the first value that is not legal, before anything expensive.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    for key in ("budget", "dataset"):
        if key not in given:
            raise UsageError(
                f"--{key} is missing. Example: ensearch run --budget 5e9 --dataset cifar10"
            )
    flops_per_mac = _choice("flops-per-mac", given.get("flops_per_mac", 1), (1, 2))
    flops = units.parse_count(given["budget"], "budget")
    dataset = str(given["dataset"])
    datasets.check(dataset)
    chosen = _space(given.get("space", "wide_resnet"))
    limit = given.get("limit_train")
    if limit is not None and limit < 1:
        raise UsageError(f"--limit-train must be a number of images of at least 1; got {limit}.")
    seed = given.get("seed", 0)
    if not 0 <= seed < 2**63:
        raise UsageError(f"--seed must be a whole number from 0 to 2**63 - 1; got {seed}.")
    short = f"{datasets.short_name(dataset)}-{chosen.name}-{units.format_count(flops)}"
    return StudyConfig(
        name=check_name(given.get("study", re.sub(r"[^A-Za-z0-9._-]+", "-", short)[-100:])),
        budget=Budget(macs=flops / flops_per_mac),
        flops_per_mac=flops_per_mac,
        dataset=dataset,
        limit_train=limit,
        space=chosen,
        schedule=_schedule(dataset, chosen, given),
        seed=seed,
        rule=_choice("rule", given.get("rule", RULES[0]), RULES),
        sampler=_choice("sampler", given.get("sampler", SAMPLERS[0]), SAMPLERS),
    )


def check_name(name: str) -> str:
    """The study name if it is legal: it becomes part of file names."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"study name {name!r} is not legal: 1 to 100 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit."
        )
    return name


def _choice(what: str, value: Any, legal: tuple[Any, ...]) -> Any:
    if value not in legal:
        raise unknown(f"value for --{what}", str(value), map(str, legal))
    return value


def _space(value: str | dict[str, Any]) -> SearchSpace:
    if isinstance(value, str):
        return space.load(value)
    table = dict(value)
    return space.from_table(str(table.pop("name", "custom")), table)


def _schedule(dataset: str, chosen: SearchSpace, given: Mapping[str, Any]) -> Schedule:
    """The dataset's short schedule, changed by the file's [schedule], then by --epochs.

    A field that is an axis of the space may not be given; it has the nearest value of the axis,
    so that the study's schedule is one of those that are searched.
    """
    changes = dict(given.get("schedule", {}))
    legal = [f.name for f in dataclasses.fields(Schedule)]
    check_keys(changes, legal, "schedule")
    if "epochs" in given:
        changes["epochs"] = given["epochs"]
    for field, value in changes.items():
        if isinstance(value, list):
            raise UsageError(
                f"schedule: {field} must be one value here; got {value!r}. Values to choose from "
                "are an axis of the search space: write them into its own [schedule] table."
            )
    base = datasets.schedule(dataset)
    for axis in chosen.schedule:
        if axis.field in changes:
            raise UsageError(
                f"{axis.field} is an axis of search space {chosen.name} "
                f"({', '.join(map(str, axis.values))}): {changes[axis.field]!r} for the whole "
                "study would have no effect. Leave it out, or take the axis out of the space."
            )
        usual = getattr(base, axis.field)
        changes[axis.field] = min(axis.values, key=lambda value: abs(value - usual))
    return dataclasses.replace(base, **changes)
