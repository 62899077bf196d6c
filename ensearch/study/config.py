"""What a study is: everything that its results depend on, stored with it and compared on resume.

Options win over a configuration file, and the file over the dataset's own defaults.
"""

import contextlib
import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ensearch import datasets, units
from ensearch.budget import Bound, Budget, axis_of
from ensearch.core import Schedule
from ensearch.ensembles import RULES
from ensearch.errors import UsageError, at_least_one, invalid, unknown
from ensearch.schedule import OPTIMIZERS
from ensearch.search_space import SearchSpace, check_keys, reading
from ensearch.study.options import SEEDS, RunOptions

SAMPLERS = ("tpe", "random", "nsga2", "gp", "qmc")
# What studies have that began before their configuration said so.
_BEFORE: Mapping[str, Any] = {"seeds": 1, "val": None}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """The identity of a study; resuming with another one is refused."""

    name: str
    budget: Budget
    flops_per_mac: int  # 1 or 2: how this user counts; everything is stored in multiply-adds
    dataset: str
    limit_train: int | None
    val: int | str | None  # as that of `datasets.Source`
    space: SearchSpace
    schedule: Schedule
    seeds: int  # members that every network gets at least, also a single one
    seed: int
    rule: str  # how members' probabilities are averaged
    sampler: str

    @property
    def axis(self) -> units.Axis:
        """What costs are compared by, and how this user reads them."""
        return axis_of(self.budget.unit, self.flops_per_mac)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` makes an equal configuration of it."""
        table = dataclasses.asdict(self)
        table["budget"] = self.budget.amount
        # Left out where they say what was the only way once: such studies are still the same.
        if not self.budget.is_flops:
            table["unit"] = self.budget.unit
        if self.budget.also:
            table["also"] = dict(self.budget.also)
        table["schedule"] = self.schedule.content()
        table["space"] = {"name": self.space.name} | self.space.as_dict()
        return table


def from_dict(table: Mapping[str, Any]) -> StudyConfig:
    """The inverse of `StudyConfig.as_dict`; other keys in the table are left alone."""
    whole = completed(table)
    known = {f.name: whole[f.name] for f in dataclasses.fields(StudyConfig)}
    space_table = dict(known["space"])
    known["space"] = reading.from_table(space_table.pop("name"), space_table)
    known["budget"] = budget_of(whole)
    known["schedule"] = Schedule(**known["schedule"])
    return StudyConfig(**known)


def budget_of(table: Mapping[str, Any]) -> Budget:
    """Return the budget of a stored table."""
    return Budget(
        amount=table["budget"],
        unit=table.get("unit", units.FLOPS),
        also=tuple(Bound(*pair) for pair in table.get("also", {}).items()),
    )


def asked_for(budget: Budget, flops_per_mac: int) -> dict[str, float | str | None]:
    """Return the options that ask for a budget; None for those that are not needed."""
    asked: dict[str, float | str | None] = {"budget": None}
    for unit, amount in budget.bounds:
        if unit == units.FLOPS:
            asked["budget"] = amount * flops_per_mac
        elif unit == units.PARAMS:
            asked["budget_params"] = amount
        else:
            asked["budget_ms"] = f"{amount:g}@{unit.removeprefix('ms@')}"
    return asked


def completed(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored table with what its study has that began before tables said it."""
    return {**_BEFORE, **table}


def going_on(
    config: StudyConfig, options: RunOptions, stored: Mapping[str, Any] | None
) -> StudyConfig:
    """Return the configuration, with what a stored study of that name began with.

    That counts where the options do not say it: the defaults are those of new studies.
    """
    if stored is None:
        return config
    whole, asked = completed(stored), _asked(options)
    began = Schedule(**whole["schedule"])
    if "optimizer" not in asked and began.optimizer != config.schedule.optimizer:
        config = resolve(dataclasses.replace(options, optimizer=began.optimizer))
    kept: dict[str, Any] = {key: whole[key] for key in _BEFORE if getattr(options, key) is None}
    if began.optimizer == config.schedule.optimizer:
        # A whole `Schedule` names fields of which an axis decides: see `_schedule`.
        axes = {axis.field for axis in config.space.axes(began.optimizer)}
        said = {field: value for field, value in asked.items() if field not in axes}
        kept["schedule"] = _written_alike(began.changed(**said))
    return dataclasses.replace(config, **kept)


class Mismatch(NamedTuple):
    """A value of a configuration that is stored otherwise than it is asked for."""

    key: str  # schedule.epochs for a value of a table
    stored: object
    asked: object

    def __str__(self) -> str:
        return f"{self.key}: stored {self.stored!r}, asked {self.asked!r}"


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> list[Mismatch]:
    """Return every value that differs, by key; one that is missing counts as None."""
    differing: list[Mismatch] = []
    for key in sorted(stored.keys() | asked.keys()):
        a, b = stored.get(key), asked.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            differing += [d._replace(key=f"{key}.{d.key}") for d in differences(a, b)]
        elif a != b:
            differing.append(Mismatch(key, a, b))
    return differing


def resolve(options: RunOptions) -> StudyConfig:
    """Return the study that the options describe. Touches no data.

    Raises UsageError for the first value that is not legal, before anything expensive.
    """
    bounds = _bounds(options)
    if not bounds or options.dataset is None:
        missing = "dataset" if bounds else "budget"
        raise UsageError(f"{missing} is missing.", problem="option_missing", option=missing)
    if not isinstance(options.dataset, str):
        raise TypeError("arrays are kept by `datasets.keep_arrays` first, which names them")
    flops_per_mac = _flops_per_mac(options)
    datasets.check(options.dataset)
    space_searched = _space("wide_resnet" if options.space is None else options.space)
    schedule = _schedule(options.dataset, space_searched, options)
    limit, val = options.limit_train, options.val
    at_least_one("limit_train", limit, "number of images")
    at_least_one("val", val, "number of images")
    seed = 0 if options.seed is None else options.seed
    if not 0 <= seed < 2**63:
        raise invalid("seed", f"must be a whole number from 0 to 2**63 - 1; got {seed}.")
    seeds = SEEDS if options.seeds is None else options.seeds
    at_least_one("seeds", seeds)
    name = options.study
    if name is None:
        cost = "-".join(_short(bound, flops_per_mac) for bound in bounds)
        whole = f"{datasets.short_name(options.dataset)}-{space_searched.name}-{cost}"
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", whole)[-100:].lstrip("._-")
    return StudyConfig(
        name=check_name(name),
        budget=Budget(amount=bounds[0].amount, unit=bounds[0].unit, also=bounds[1:]),
        flops_per_mac=flops_per_mac,
        dataset=options.dataset,
        limit_train=limit,
        val=datasets.LEFT_OVER if val is None and limit is not None else val,
        space=space_searched.narrowed(schedule.optimizer),
        schedule=schedule,
        seeds=seeds,
        seed=seed,
        rule=_choice("rule", options.rule, RULES),
        sampler=_choice("sampler", options.sampler, SAMPLERS),
    )


def _flops_per_mac(options: RunOptions) -> int:
    return units.check_flops_per_mac(1 if options.flops_per_mac is None else options.flops_per_mac)


def _bounds(options: RunOptions) -> tuple[Bound, ...]:
    """What the options bound: costs are compared in the unit of the first."""
    bounds = []
    if options.budget is not None:
        flops = units.parse_count(options.budget, "budget")
        bounds.append(Bound(units.FLOPS, flops / _flops_per_mac(options)))
    if options.budget_ms is not None:
        ms, unit = units.parse_time_bound(options.budget_ms, "budget_ms")
        bounds.append(Bound(unit, ms))
    if options.budget_params is not None:
        params = units.parse_count(options.budget_params, "budget_params")
        bounds.append(Bound(units.PARAMS, params))
    return tuple(bounds)


def _short(bound: Bound, flops_per_mac: int) -> str:
    """A bound in the name of a study: 2M, 1M-params, 2-ms@64."""
    shown = axis_of(bound.unit, flops_per_mac).show(bound.amount)
    return shown if bound.unit == units.FLOPS else f"{shown}-{bound.unit}"


def check_name(name: str) -> str:
    """The study name if it is legal: it becomes part of file names."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"study name {name!r} is not legal: 1 to 100 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit."
        )
    return name


def _choice(option: str, value: str | None, legal: tuple[str, ...]) -> str:
    """Return the value, or the first legal one where nothing was said."""
    if value is None:
        return legal[0]
    if value not in legal:
        raise unknown(f"value for {option}", value, legal)
    return value


def _space(value: str | Mapping[str, Any] | SearchSpace) -> SearchSpace:
    if isinstance(value, SearchSpace):
        return value
    if isinstance(value, str):
        return reading.load(value)
    table = dict(value)
    return reading.from_table(str(table.pop("name", "custom")), table)


def _asked(options: RunOptions) -> dict[str, Any]:
    """Return the fields of the schedule that the options name; of a whole `Schedule` all."""
    if not isinstance(options.schedule, Schedule):
        changes = dict(options.schedule or {})
        check_keys(changes, [f.name for f in dataclasses.fields(Schedule)], "schedule")
    elif options.optimizer is None:
        changes = dataclasses.asdict(options.schedule)
    else:
        changes = dataclasses.asdict(options.schedule.changed(optimizer=options.optimizer))
    given = {"epochs": options.epochs, "optimizer": options.optimizer}
    changes |= {field: value for field, value in given.items() if value is not None}
    for field, value in changes.items():
        if isinstance(value, list):
            raise UsageError(
                f"schedule: {field} must be one value here; got {value!r}. Values to choose from "
                "are an axis of the search space: write them into its own [schedule] table."
            )
    return changes


def _usual_optimizer(optimizer: str, chosen: SearchSpace) -> str:
    """Return the dataset's optimizer, or the other one where the space has values for it alone."""
    for one in (optimizer, *OPTIMIZERS):
        with contextlib.suppress(UsageError):
            chosen.axes(one)
            return one
    return optimizer


def _schedule(dataset: str, chosen: SearchSpace, options: RunOptions) -> Schedule:
    """Return the dataset's short schedule, changed by `schedule`, then by `epochs`, `optimizer`.

    A field that is an axis of the space may not be given; it has the nearest value of the axis,
    so that the study's schedule is one of those that are searched.
    """
    base, changes = datasets.schedule(dataset), _asked(options)
    changes.setdefault("optimizer", _usual_optimizer(base.optimizer, chosen))
    base = base.changed(optimizer=changes["optimizer"])
    for axis in chosen.axes(base.optimizer):
        if isinstance(options.schedule, Schedule) and not (
            axis.field == "epochs" and options.epochs is not None
        ):
            changes.pop(axis.field)  # of these the axis decides
        if axis.field in changes:
            raise UsageError(
                f"{axis.field} is an axis of search space {chosen.name} "
                f"({', '.join(map(str, axis.values))}): {changes[axis.field]!r} for the whole "
                "study would have no effect. Leave it out, or take the axis out of the space."
            )
        usual = getattr(base, axis.field)
        changes[axis.field] = min(axis.values, key=lambda value: abs(value - usual))
    return _written_alike(base.changed(**changes))


def _written_alike(schedule: Schedule) -> Schedule:
    """Return the schedule with 1 as 1.0 where a field may be a fraction, as axes have it.

    They are equal, but would be written differently into keys: the same member would exist twice.
    """
    fractions: dict[str, Any] = {
        field.name: float(getattr(schedule, field.name))
        for field in dataclasses.fields(schedule)
        if field.type is float
    }
    return dataclasses.replace(schedule, **fractions)
