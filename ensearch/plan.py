"""What a study is about to do, before the first training: sizes, costs and an honest time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ensearch.config import StudyConfig
from ensearch.core import Architecture, Cost, Schedule
from ensearch.cost import training_macs
from ensearch.ladder import Cell, Ladder
from ensearch.units import format_count, format_duration, unit_name

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


def estimate(
    ladder: Ladder, schedule: Schedule, images: int, trials: int, speed: Speed, workers: int
) -> Plan:
    """Average over random draws of `trials` cells; a member that trials share is paid for once."""
    trials = min(trials, len(ladder.cells))
    epochs_images = schedule.epochs * images
    rng = np.random.default_rng(0)
    members, macs, seconds = [], [], []
    for _ in range(_DRAWS):
        drawn = rng.choice(len(ladder.cells), size=trials, replace=False)
        largest = _largest(ladder.cells[i] for i in drawn)
        single = [(cell.member_macs, cell.size) for cell in largest]
        members.append(sum(size for _, size in single))
        macs.append(
            sum(n * training_macs(Cost(macs=m, params=0), images, schedule) for m, n in single)
        )
        seconds.append(sum(n * speed.seconds(m) * epochs_images for m, n in single) / workers)
    dearest = max(cell.member_macs for cell in ladder.cells)
    return Plan(
        trials=trials,
        members=float(np.mean(members)),
        train_macs=float(np.mean(macs)),
        seconds=float(np.mean(seconds)),
        longest=speed.seconds(dearest) * epochs_images,
    )


def _largest(cells: Iterable[Cell]) -> list[Cell]:
    """Of each architecture the cell with most members: the others are parts of it."""
    best: dict[Architecture, Cell] = {}
    for cell in cells:
        if cell.architecture not in best or cell.size > best[cell.architecture].size:
            best[cell.architecture] = cell
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

    rungs = [cost(rung) for rung in ladder.rungs]
    sizes = sorted({cell.size for cell in ladder.cells})
    singles = sum(cell.size == 1 for cell in ladder.cells)
    members = sorted(cell.member_macs for cell in ladder.cells)
    rates = [
        f"{format_count(1 / speed.seconds(macs))} images/s at {cost(macs)}"
        for macs in (members[0], members[-1])
    ]
    lines = [
        f"study     {config.name}",
        f"data      {config.dataset}: {images['train']} train, {images['val']} val, "
        f"{images['test']} test images (test stays closed)",
        f"budget    {cost(config.budget.macs)} {unit_name(scale)} per example",
        f"rungs     {len(rungs)}, from {rungs[0]} down to {rungs[-1]}",
        f"cheapest  {ladder.cheapest.label} at {cost(ladder.cheapest.cost.macs)}",
        f"dearest   {ladder.dearest.label} at {cost(ladder.dearest.cost.macs)}",
        f"space     {config.space.name}: {len(ladder.cells)} distinct configurations, {singles} "
        f"single models and {len(ladder.cells) - singles} ensembles (sizes "
        f"{', '.join(map(str, sizes))})",
        f"schedule  {config.schedule.epochs} epochs, batches of {config.schedule.batch_size}",
        f"speed     a worker trains {rates[0]}, {rates[1]} (measured here)",
    ]
    if plan.trials == 0:
        return [*lines, "work      nothing is left to do; a larger --trials goes on"]
    lines += [
        f"work      {plan.trials} {'trial' if plan.trials == 1 else 'trials'}, up to about "
        f"{plan.members:.0f} members and "
        f"{format_count(plan.train_macs)} multiply-adds of training",
        f"time      about {format_duration(plan.seconds)} with {workers} "
        f"{'worker' if workers == 1 else 'workers'} on {device} "
        f"(the dearest member alone: {format_duration(plan.longest)})",
    ]
    if ladder.bounded_by_space:
        lines.append(
            f"note      the budget is larger than anything in space {config.space.name}: its "
            f"dearest configuration costs {cost(ladder.dearest.cost.macs)}, so the ladder begins "
            "there. A space with wider or deeper networks would use the budget."
        )
    if plan.seconds > _DAY:
        lines.append(
            f"warning   this would take about {format_duration(plan.seconds)} here. Make it "
            "smaller with --budget, --epochs, --limit-train or --trials, stop it by --timeout "
            "(it can be resumed), or use a GPU (--device cuda)."
        )
    return lines
