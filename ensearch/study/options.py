"""What a person may ask of a search, as flags, as keywords in Python or in a configuration file."""

import dataclasses
import numbers
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensearch import units
from ensearch.core import Schedule
from ensearch.datasets import Arrays
from ensearch.errors import UsageError, at_least_one, invalid
from ensearch.search_space import SearchSpace, check_keys, read_toml
from ensearch.study.events import Event

# Of a study, where nobody says how many. Three seeds of every network, for the training of 40
# trials with one, narrowed the half width at the top from 3.07 to 2.23 points (CIFAR-10) and from
# 2.24 to 1.74 (digits; 60 replays each, the band of then), without visible loss in what is
# selected. 20 trials are 0.88 and 1.29 times that training. `start.trials` may ask for more.
SEEDS = 3
TRIALS = {1: 40, 2: 26, 3: 20}  # by seeds; with more of them as with the most


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of a search; None where nothing was said, and the default counts.

    Counts and times are numbers or the texts that people type: `2e6` or "2M", `90` or "1h30m".
    """

    # What the study is: stored with it, and compared when it goes on.
    study: str | None = None
    budget: float | str | None = None  # FLOPs per example of the whole ensemble
    budget_params: float | str | None = None  # its parameters
    budget_ms: str | None = None  # its milliseconds an image, and how many at a time: 2@64
    flops_per_mac: int | None = None
    dataset: str | Arrays | None = None
    limit_train: int | None = None
    val: int | None = None  # images to score on
    # A name, a file, the table of a file, or a space.
    space: str | Mapping[str, Any] | SearchSpace | None = None
    # Fields that differ from the dataset's schedule, or a whole schedule.
    schedule: Mapping[str, Any] | Schedule | None = None
    epochs: int | None = None
    optimizer: str | None = None
    seeds: int | None = None  # members that every network gets at least
    seed: int | None = None
    rule: str | None = None
    sampler: str | None = None
    # How far to go.
    trials: int | None = None
    timeout: float | str | None = None  # seconds of this run
    train_budget: float | str | None = None  # multiply-adds of training, of the study in all
    # Where members train.
    workers: int | None = None
    device: str | None = None
    launcher: str | None = None
    ray_address: str | None = None
    weights: bool | None = None
    # Where things lie.
    storage: str | Path | None = None
    data_dir: str | Path | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for the first value of a type that its option does not take."""
        for field in dataclasses.fields(self):
            value, key = getattr(self, field.name), field.name
            if isinstance(value, numbers.Integral) and not isinstance(value, bool):
                value = int(value)  # numpy's whole numbers are none that JSON knows
                object.__setattr__(self, key, value)
            if value is None or isinstance(value, _OBJECTS.get(key, ())):
                continue
            wanted = expected(key, value)
            if wanted:
                if key == "dataset":
                    wanted += " or four arrays (x_train, y_train, x_test, y_test)"
                told = repr(value)
                if len(told) > 60 or not told.isprintable():  # arrays, whole tables
                    told = f"a value of type {type(value).__name__}"
                raise invalid(key, f"must be {wanted}; got {told}.")

    def over(self, others: "RunOptions") -> "RunOptions":
        """Return these options, and those of `others` where these say nothing."""
        said = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is not None
        }
        return dataclasses.replace(others, **said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a search stops; whichever comes first. `trials` and `train_macs` count the study."""

    trials: int
    seconds: float | None = None  # of this run
    train_macs: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunControl:
    """How whoever starts a run of a search, a settlement or a confirmation goes along with it.

    A study that another process seems to run is continued with `take_over` only. Members whose
    files are gone are trained again with `retrain_missing`. `on_event` is called with every event,
    and `is_interrupted` now and then: where it is true the run ends and can be resumed.
    """

    take_over: bool = False
    retrain_missing: bool = False
    on_event: Callable[[Event], None] = lambda event: None
    is_interrupted: Callable[[], bool] = lambda: False


def usual_trials(seeds: int) -> int:
    """Return the trials of a study whose networks get so many members, where nobody says it."""
    return TRIALS[min(seeds, max(TRIALS))]


def limits(options: RunOptions, trials: int = TRIALS[SEEDS]) -> Limits:
    """Return the limits that the options set; `trials` counts where they name no number.

    Raises UsageError for the first value that is not legal.
    """
    at_least_one("trials", options.trials)
    train = options.train_budget
    return Limits(
        trials=options.trials or trials,
        seconds=units.parse_timeout(options.timeout),
        train_macs=None if train is None else units.parse_count(train, "train_budget"),
    )


# Types of the keys of a configuration file.
_KINDS: dict[str, tuple[type, ...]] = {
    "study": (str,),
    "budget": (str, int, float),
    "budget_params": (str, int, float),
    "budget_ms": (str,),
    "flops_per_mac": (int,),
    "dataset": (str,),
    "limit_train": (int,),
    "val": (int,),
    "space": (str, dict),
    "schedule": (dict,),
    "epochs": (int,),
    "optimizer": (str,),
    "seeds": (int,),
    "seed": (int,),
    "rule": (str,),
    "sampler": (str,),
    "trials": (int,),
    "timeout": (str, int, float),
    "train_budget": (str, int, float),
    "workers": (int,),
    "device": (str,),
    "launcher": (str,),
    "ray_address": (str,),
    "weights": (bool,),
    "storage": (str,),
    "data_dir": (str,),
}
# What else Python may give.
_OBJECTS: dict[str, tuple[type, ...]] = {
    "dataset": (tuple, list),
    "space": (Mapping, SearchSpace),
    "schedule": (Mapping, Schedule),
    "storage": (Path,),
    "data_dir": (Path,),
}
_WORDS = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    float: "a number",
    dict: "a table",
}


def expected(key: str, value: object) -> str:
    """Return what the option must be, in words, if the value is of no such type; else nothing."""
    kinds = _KINDS[key]
    # To Python true is a whole number too.
    fits = isinstance(value, bool) == (bool in kinds) and isinstance(value, kinds)
    return "" if fits else " or ".join(_WORDS[kind] for kind in kinds)


def read_file(path: str | Path) -> RunOptions:
    """Return the options that a TOML file sets. Raises UsageError for unknown keys and types."""
    if not os.path.isfile(path):  # unlike Path.is_file, False for a name that is too long
        raise UsageError(f"no configuration file at {str(path)!r}.")
    table: dict[str, Any] = dict(read_toml(Path(path)))
    if "family" in table and "members" in table:
        raise UsageError(f"{path} describes a search space: give it to space, not to config.")
    check_keys(table, list(_KINDS), str(path))
    for key, value in table.items():
        wanted = expected(key, value)
        if wanted:
            raise UsageError(f"{path}: {key} must be {wanted}; got {value!r}.")
    return RunOptions(**table)
