"""What a study is about to do, before the first training: decisions, costs, an honest time."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ensearch.core import Architecture, full_label
from ensearch.search_space import Ladder
from ensearch.study import matches, picks, prospects
from ensearch.study.config import StudyConfig
from ensearch.study.matches import Obstacle, Remedy
from ensearch.study.precision import Precision
from ensearch.study.speed import Speed
from ensearch.study.work import SearchWork, by_kind
from ensearch.units import counted, few, format_count, format_duration, unit_name

_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """What a search is about to do here; `str()` gives it in lines, for people.

    `images` counts them by split. `told` trials are over and `kept` members trained already.
    `precision` says what the study can tell apart at its budget. Where single networks and
    ensembles cannot be compared, `remedies` would mend it.
    """

    config: StudyConfig
    ladder: Ladder
    work: SearchWork
    speed: Speed
    images: Mapping[str, int]
    workers: int
    device: str
    notes: tuple[str, ...] = ()  # about the dataset's files, and a study of that name
    told: int = 0
    kept: int = 0
    precision: Precision | None = None
    remedies: tuple[Remedy, ...] = ()

    @property
    def matched(self) -> tuple[float, ...]:
        """The compared budgets at which both kinds can be had at equal cost."""
        return matches.matched(self.ladder)

    @property
    def obstacle(self) -> Obstacle | None:
        """Why the study cannot compare single networks and ensembles; None where it can."""
        return matches.obstacle(self.ladder)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; budgets in their unit, times in seconds."""
        return {
            "study": self.config.name,
            "images": dict(self.images),
            "axis": self.config.axis.name,
            f"budgets_{self.config.axis.key}": list(self.ladder.budgets),
            f"matched_budgets_{self.config.axis.key}": list(self.matched),
            "obstacle": self.obstacle,
            "remedies": [dataclasses.asdict(remedy) for remedy in self.remedies],
            "precision": self.precision and dataclasses.asdict(self.precision),
            "configurations": len(self.ladder.cells),
            "single_networks": len(by_kind(self.ladder.cells)[0]),
            "seeds": self.config.seeds,
            "trials": self.work.trials,
            "members": self.work.members,
            "train_macs_estimate": self.work.train_macs,
            "seconds": self.work.seconds,
            "longest_member_seconds": self.work.longest,
            "workers": self.workers,
            "device": self.device,
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Return the plan as lines of a label and what it says."""
        config, show = self.config, self.config.axis.show
        unit = "" if config.budget.is_flops else " FLOPs"
        members = sorted(cell.member_macs for cell in self.ladder.cells)
        rates = [
            f"{format_count(1 / self.speed.seconds(macs))} images/s at {self._flops(macs)}{unit}"
            for macs in (members[0], members[-1])
        ]
        return [
            *self._head(),
            *_choices(config, self.ladder, show),
            *self._prospects(),
            f"speed     a worker trains {rates[0]}, {rates[1]} (measured here)",
            *_work(self.work, self.workers, self.device),
            *self._tail(),
        ]

    def brief(self) -> list[str]:
        """Return the few lines of it that a person should read before a run."""
        return [
            *self._head(),
            _space(self.config, self.ladder),
            *self._prospects(),
            *_work(self.work, self.workers, self.device),
            *self._tail(),
        ]

    def _flops(self, macs: float) -> str:
        return format_count(macs * self.config.flops_per_mac)

    def _head(self) -> list[str]:
        config, images = self.config, self.images
        return [
            f"study     {config.name}",
            f"data      {config.dataset}: {images['train']:,} train, {images['val']:,} val, "
            f"{images['test']:,} test images (test stays closed)",
            f"budget    {_budget(config)}",
            *([f"times     {self.ladder.timed}"] if self.ladder.timed else []),
        ]

    def _prospects(self) -> list[str]:
        return prospects.lines(
            self.ladder, self.precision, self.remedies, self.images["val"], self.config.axis.show
        )

    def _tail(self) -> list[str]:
        notes = _notes(self.config, self.ladder, self.work) if self.work.trials else []
        return [*notes, *(f"note      {note}" for note in self.notes), *self._resumes()]

    def _resumes(self) -> list[str]:
        if not (self.kept or self.told):
            return []
        are = "is" if self.told == 1 else "are"
        done = f"{counted(self.told, 'trial')} {are} done already"
        return [f"resume    {done}, {counted(self.kept, 'member')} kept"]


def _budget(config: StudyConfig) -> str:
    """All bounds: `2M FLOPs (multiply-adds) per example, and at most 1M parameters`."""
    first, *others = config.budget.bounds
    said = first.show(config.flops_per_mac)
    if config.budget.is_flops:
        said = f"{config.axis.show(first.amount)} {unit_name(config.flops_per_mac)} per example"
    return " and ".join([said, *(f"at most {b.show(config.flops_per_mac)}" for b in others)])


def _choices(config: StudyConfig, ladder: Ladder, cost: Callable[[float], str]) -> list[str]:
    """What there is to choose from, how the trials are shared, and what all have in common."""
    epochs = sorted({cell.schedule.epochs for cell in ladder.cells})
    fewer = "".join(f"{count} or " for count in epochs[:-1])
    lines = [
        f"compare   at {counted(len(ladder.budgets), 'budget')}, from {cost(ladder.budgets[0])} "
        f"down to {cost(ladder.budgets[-1])}",
        f"cheapest  {ladder.cheapest.label} at {cost(ladder.price(ladder.cheapest))}",
        f"costliest {ladder.most_expensive.label} at {cost(ladder.price(ladder.most_expensive))}",
        _space(config, ladder),
        f"offers    single networks + ensembles: {_offers(ladder, cost)}",
        *_left_out(config, ladder),
        "trials    single networks and ensembles take turns, as long as there are both",
        *_seeds(config),
        f"schedule  {fewer}{counted(epochs[-1], 'epoch')}, batches of "
        f"{config.schedule.batch_size}, {config.schedule.optimizer}",
        *_picks(config),
    ]
    sides = ladder.shape_axes.get("resolution", ())
    if sides:
        lines.append(
            f"images    are resized to {', '.join(map(str, sides))} pixels a side to be read"
        )
    if ladder.schedule_axes:
        axes = "; ".join(
            f"{axis} {', '.join(map(str, v))}" for axis, v in ladder.schedule_axes.items()
        )
        lines.append(f"axes      of the schedule, for single networks and ensembles alike: {axes}")
    return lines


def _picks(config: StudyConfig) -> list[str]:
    """How well the schedule chooses, where that is known."""
    found = picks.known(config.dataset, config.space.family, config.schedule)
    return [] if found is None else [f"measured  {picks.sentence(found)}"]


def _space(config: StudyConfig, ladder: Ladder) -> str:
    singles, ensembles = map(len, by_kind(ladder.cells))
    sizes = sorted({cell.size for cell in ladder.cells})
    of_sizes = f" (sizes {', '.join(map(str, sizes))})" if len(sizes) > 1 else ""
    return (
        f"space     {config.space.name}: {counted(len(ladder.cells), 'distinct configuration')}, "
        f"{counted(singles, 'single network')} and {counted(ensembles, 'ensemble')}{of_sizes}"
    )


def _seeds(config: StudyConfig) -> list[str]:
    if config.seeds == 1:
        return []
    return [
        f"seeds     every network trains at least {config.seeds} times, from different seeds, also "
        "where it is tried as a single network"
    ]


def _offers(ladder: Ladder, cost: Callable[[float], str]) -> str:
    """How many configurations of both kinds each budget has: `4 + 12 at 2M to 500k, ...`."""
    counts = []
    for budget in ladder.budgets:
        inside = [cell for cell in ladder.cells if ladder.budget_of(cell) == budget]
        singles, ensembles = by_kind(inside)
        counts.append((f"{len(singles)} + {len(ensembles)}", cost(budget)))
    runs = []
    for count, group in itertools.groupby(counts, key=lambda pair: pair[0]):
        at = [budget for _, budget in group]
        runs.append(f"{count} at {at[0]}" + (f" to {at[-1]}" if len(at) > 1 else ""))
    return ", ".join(runs)


def _left_out(config: StudyConfig, ladder: Ladder) -> list[str]:
    """What the space names and no rung holds: it is too expensive for the budget, or too cheap."""
    listed, tried = bool(config.space.shapes), {cell.architecture for cell in ladder.cells}

    def kind(a: Architecture) -> tuple[object, ...]:
        return a.family, a.depth, a.resolution, a.width if listed else None

    kept = {kind(a) for a in tried}
    several = config.space.has_resolutions
    names = []
    # The resolution is that of the data where the space names none.
    for line in config.space.lines(min(a.resolution for a in tried)):
        example = line.at(line.widths[0])
        if kind(example) not in kept:
            label = example.label if listed else f"depth {example.depth:g}"
            names.append(full_label(label, (f"@{example.resolution}",) if several else ()))
    says = "too expensive for the budget, or cheaper than its lowest rung"
    return [f"left out  {few(names, shown=8)}: {says}"] if names else []


def _work(work: SearchWork, workers: int, device: str) -> list[str]:
    if work.trials == 0:
        return ["work      nothing is left to do; ask for more trials to go on"]
    # The most expensive member of all need not be among those that the trials select.
    longest = format_duration(work.longest)
    if work.longest > work.seconds:
        more = f", up to {longest} more if the most expensive member is selected"
    else:
        more = f" (the most expensive member alone: {longest})"
    return [
        f"work      {counted(work.trials, 'trial')}, up to about "
        f"{counted(round(work.members), 'member')} and "
        f"{format_count(work.train_macs)} multiply-adds of training",
        f"time      about {format_duration(work.seconds)} with {counted(workers, 'worker')} on "
        f"{device}{more}",
    ]


def _notes(config: StudyConfig, ladder: Ladder, work: SearchWork) -> list[str]:
    """What a user should know before the first training."""
    lines = []
    if "epochs" in ladder.schedule_axes:
        lines.append(
            "note      this study searches epochs: the budget counts inference only, so that the "
            "longest training mostly wins. Compare kinds at equal epochs."
        )
    if ladder.bounded_by_space:
        most = ladder.price(ladder.most_expensive)
        lines.append(
            f"note      the budget is larger than anything in space {config.space.name}: its "
            f"most expensive configuration costs {config.axis.show(most)}, so the "
            "ladder begins there. A space with wider or deeper networks would use the budget."
        )
    if work.seconds > _DAY:
        lines.append(
            f"warning   this would take about {format_duration(work.seconds)} here. A smaller "
            "budget, fewer epochs, training images or trials make it shorter, a time limit stops "
            "it (it can be resumed), and a GPU is faster."
        )
    return lines
