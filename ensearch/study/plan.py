"""What a study is about to do, before the first training: sizes, costs and an honest time."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.core import Architecture, full_label
from ensearch.cost import training_macs
from ensearch.search_space.ladder import Cell, Ladder
from ensearch.search_space.space import has_resolutions
from ensearch.study.config import StudyConfig
from ensearch.units import counted, format_count, format_duration, unit_name

# Random draws of trials over which the expected cost of a study is averaged.
_DRAWS = 20
_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Training time of one image on one worker: seconds = fixed + per_mac x multiply-adds."""

    fixed: float
    per_mac: float

    def seconds(self, macs: int) -> float:
        return self.fixed + self.per_mac * macs


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Expected work of `trials` new trials; `members` and below are averages over random draws."""

    trials: int
    members: float
    train_macs: float
    seconds: float
    longest: float  # seconds for the dearest single member


def measure(ladder: Ladder, seconds_per_image: Callable[[Architecture], float]) -> Speed:
    """Speed from two measurements: small networks are bound by overhead, large ones by arithmetic.

    The second network is the largest that costs at most 50 M, so that one step of it stays short
    on a CPU; beyond, time grows in proportion.
    """
    costs = {cell.architecture: cell.member_macs for cell in ladder.cells}
    small = min(costs, key=lambda a: costs[a])
    moderate = [a for a in costs if costs[a] <= 50e6] or [small]
    large = max(moderate, key=lambda a: costs[a])
    fast, slow = seconds_per_image(small), seconds_per_image(large)
    if costs[large] == costs[small] or slow <= fast:
        return Speed(fixed=0.0, per_mac=slow / costs[large])
    per_mac = (slow - fast) / (costs[large] - costs[small])
    return Speed(fixed=max(0.0, fast - per_mac * costs[small]), per_mac=per_mac)


def estimate(ladder: Ladder, images: int, trials: int, speed: Speed, workers: int) -> Plan:
    """Average over random draws of `trials` cells; a member that trials share is paid for once.

    As in a search, single networks and ensembles take turns. `images` are for training.
    """
    singles, ensembles = _kinds(ladder.cells)
    trials = min(trials, len(ladder.cells))
    # Half of the trials each, the odd one to the single networks, and what one kind lacks to the
    # other.
    share = min(len(singles), max(trials - len(ensembles), (trials + 1) // 2))
    rng = np.random.default_rng(0)
    members, macs, seconds = [], [], []
    for _ in range(_DRAWS):
        drawn = [*_draw(singles, share, rng), *_draw(ensembles, trials - share, rng)]
        largest = _largest(drawn)
        members.append(sum(cell.size for cell in largest))
        macs.append(sum(training_macs(cell.cost, images, cell.schedule) for cell in largest))
        each = [_seconds(cell, images, speed) for cell in largest]
        whole = sum(cell.size * one for cell, one in zip(largest, each, strict=True))
        # No member trains on two workers.
        seconds.append(max(whole / workers, *each, 0.0))
    return Plan(
        trials=trials,
        members=float(np.mean(members)),
        train_macs=float(np.mean(macs)),
        seconds=float(np.mean(seconds)),
        longest=max(_seconds(cell, images, speed) for cell in ladder.cells),
    )


def _kinds(cells: Iterable[Cell]) -> tuple[list[Cell], list[Cell]]:
    """Single networks and ensembles."""
    cells = list(cells)
    return [c for c in cells if c.is_single], [c for c in cells if not c.is_single]


def _draw(cells: Sequence[Cell], number: int, rng: np.random.Generator) -> list[Cell]:
    return [cells[i] for i in rng.choice(len(cells), size=number, replace=False)] if number else []


def _seconds(cell: Cell, images: int, speed: Speed) -> float:
    """To train one member of the cell on one worker."""
    return speed.seconds(cell.member_macs) * cell.schedule.epochs * images


def _largest(cells: Iterable[Cell]) -> list[Cell]:
    """Of each network the cell with most members: the others are parts of it."""
    best: dict[str, Cell] = {}
    for cell in cells:
        network = cell.network
        if network not in best or cell.size > best[network].size:
            best[network] = cell
    return list(best.values())


def describe(
    config: StudyConfig,
    ladder: Ladder,
    plan: Plan,
    speed: Speed,
    images: dict[str, int],
    workers: int,
    device: str,
) -> list[str]:
    """The plan in lines, for people."""
    scale = config.flops_per_mac

    def cost(macs: float) -> str:
        return format_count(macs * scale)

    members = sorted(cell.member_macs for cell in ladder.cells)
    rates = [
        f"{format_count(1 / speed.seconds(macs))} images/s at {cost(macs)}"
        for macs in (members[0], members[-1])
    ]
    return [
        f"study     {config.name}",
        f"data      {config.dataset}: {images['train']} train, {images['val']} val, "
        f"{images['test']} test images (test stays closed)",
        f"budget    {cost(config.budget.macs)} {unit_name(scale)} per example",
        *_choices(config, ladder, cost),
        f"speed     a worker trains {rates[0]}, {rates[1]} (measured here)",
        *_work(plan, workers, device),
        *(_notes(config, ladder, plan, cost) if plan.trials else ()),
    ]


def _choices(config: StudyConfig, ladder: Ladder, cost: Callable[[float], str]) -> list[str]:
    """What there is to choose from, how the trials are shared, and what all have in common."""
    singles, ensembles = _kinds(ladder.cells)
    sizes = ", ".join(map(str, sorted({cell.size for cell in ladder.cells})))
    epochs = sorted({cell.schedule.epochs for cell in ladder.cells})
    fewer = "".join(f"{count} or " for count in epochs[:-1])
    lines = [
        f"compare   at {len(ladder.budgets)} budgets, from {cost(ladder.budgets[0])} down to "
        f"{cost(ladder.budgets[-1])}",
        f"cheapest  {ladder.cheapest.label} at {cost(ladder.cheapest.cost.macs)}",
        f"dearest   {ladder.most_expensive.label} at {cost(ladder.most_expensive.cost.macs)}",
        f"space     {config.space.name}: {len(ladder.cells)} distinct configurations, "
        f"{len(singles)} single networks and {len(ensembles)} ensembles (sizes {sizes})",
        f"offers    single networks + ensembles: {_offers(ladder, cost)}",
        *_left_out(config, ladder),
        "trials    in turns: single networks and ensembles get equally many, while there are both",
        f"schedule  {fewer}{counted(epochs[-1], 'epoch')}, batches of {config.schedule.batch_size}",
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


def _offers(ladder: Ladder, cost: Callable[[float], str]) -> str:
    """How many configurations of both kinds each budget has: `4 + 12 at 2M to 500k, ...`."""
    counts = []
    for budget in ladder.budgets:
        inside = [cell for cell in ladder.cells if ladder.budget_of(cell) == budget]
        singles, ensembles = _kinds(inside)
        counts.append((f"{len(singles)} + {len(ensembles)}", cost(budget)))
    runs = []
    for count, group in itertools.groupby(counts, key=lambda pair: pair[0]):
        at = [budget for _, budget in group]
        runs.append(f"{count} at {at[0]}" + (f" to {at[-1]}" if len(at) > 1 else ""))
    return ", ".join(runs)


def _left_out(config: StudyConfig, ladder: Ladder) -> list[str]:
    """What the space names and no rung holds: it is too dear for the budget, or too cheap."""
    tried = {cell.architecture for cell in ladder.cells}
    kept = {(a.family, a.depth, a.resolution, a.width * bool(config.space.shapes)) for a in tried}
    several = has_resolutions(config.space.as_dict())
    names = []
    # The resolution is that of the data where the space names none.
    for line in config.space.lines(min(a.resolution for a in tried)):
        one = line.at(line.widths[0])
        if config.space.shapes:
            kind, label = (one.family, one.depth, one.resolution, one.width), one.label
        else:
            kind, label = (one.family, one.depth, one.resolution, 0.0), f"depth {one.depth:g}"
        if kind not in kept:
            names.append(full_label(label, (f"@{one.resolution}",) if several else ()))
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    listed = f"{', '.join(names[:8])}{more}"
    return (
        [f"left out  {listed}: too dear for the budget, or cheaper than the lowest"]
        if names
        else []
    )


def _work(plan: Plan, workers: int, device: str) -> list[str]:
    if plan.trials == 0:
        return ["work      nothing is left to do; a larger --trials goes on"]
    # The dearest member of all need not be among those that the trials choose.
    longest = format_duration(plan.longest)
    if plan.longest > plan.seconds:
        more = f", up to {longest} more if the dearest member is chosen"
    else:
        more = f" (the dearest member alone: {longest})"
    return [
        f"work      {counted(plan.trials, 'trial')}, up to about "
        f"{counted(round(plan.members), 'member')} and "
        f"{format_count(plan.train_macs)} multiply-adds of training",
        f"time      about {format_duration(plan.seconds)} with {counted(workers, 'worker')} on "
        f"{device}{more}",
    ]


def _notes(
    config: StudyConfig, ladder: Ladder, plan: Plan, cost: Callable[[float], str]
) -> list[str]:
    """What a user should know before the first training."""
    lines = []
    if "epochs" in ladder.schedule_axes:
        lines.append(
            "note      epochs is an axis: longer training costs nothing by the budget, which is of "
            "inference, so that the longest mostly wins. Compare kinds at equal epochs."
        )
    if ladder.bounded_by_space:
        lines.append(
            f"note      the budget is larger than anything in space {config.space.name}: its "
            f"dearest configuration costs {cost(ladder.most_expensive.cost.macs)}, so the ladder "
            "begins there. A space with wider or deeper networks would use the budget."
        )
    if plan.seconds > _DAY:
        lines.append(
            f"warning   this would take about {format_duration(plan.seconds)} here. Make it "
            "smaller with --budget, --epochs, --limit-train or --trials, stop it by --timeout "
            "(it can be resumed), or use a GPU (--device cuda)."
        )
    return lines
