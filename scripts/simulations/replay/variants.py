"""Every strategy that the benchmark compares, by the name under which the README lists it."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

from optuna.samplers import RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from ensearch.core import Cost
from ensearch.fronts.analysis import MATCHED_SHARE
from ensearch.search_space.ladder import Cell, Ladder
from ensearch.seeds import derive
from ensearch.study.sampler import _LadderSampler
from scripts.simulations.replay.gain import GainSampler, Options
from scripts.simulations.replay.strategies import (
    Alone,
    Shared,
    Step,
    Strategy,
    all_picks,
    by_hand,
    in_order,
    in_pairs,
    ours,
    picks_of,
)
from scripts.simulations.replay.world import Pick, World


def hand_tpe(world: World, seed: int, horizon: float) -> Iterator[Step]:
    return by_hand(world, seed, horizon, TPESampler(seed=seed))


def hand_multivariate(world: World, seed: int, horizon: float) -> Iterator[Step]:
    return by_hand(world, seed, horizon, TPESampler(seed=seed, multivariate=True))


def hand_random(world: World, seed: int, horizon: float) -> Iterator[Step]:
    return by_hand(world, seed, horizon, RandomSampler(seed=seed))


class Unstratified(_LadderSampler):
    """Without the first trials on every rung; single networks and ensembles still take turns."""

    def _candidates(self, study: Study, trial: FrozenTrial) -> list[Cell]:
        untried, tried = self._halves(study, trial)
        single = 2 * sum(cell.is_single for cell in tried) <= len(tried)
        return [cell for cell in untried if cell.is_single == single] or untried

    def _halves(self, study: Study, trial: FrozenTrial) -> tuple[list[Cell], list[Cell]]:
        untried = self.unseen(study, trial)
        ids = {id(cell) for cell in untried}
        return untried, [cell for cell in self._ladder.cells if id(cell) not in ids]


class Ascending(Unstratified):
    """The first trials climb the rungs from the cheapest."""

    def _candidates(self, study: Study, trial: FrozenTrial) -> list[Cell]:
        candidates = super()._candidates(study, trial)
        single = candidates[0].is_single
        tried = self._halves(study, trial)[1]
        visited = {cell.rung for cell in tried if cell.is_single == single}
        for rung in self._order():
            inside = [cell for cell in candidates if cell.rung == rung and rung not in visited]
            if inside:
                return [cell for cell in inside if cell.cost.macs >= MATCHED_SHARE * rung] or inside
        return candidates

    def _order(self) -> list[float]:
        return list(self._ladder.rungs[::-1])


class Shuffled(Ascending):
    """The first trials visit the rungs in random order, as ensearch did before these replays."""

    def _order(self) -> list[float]:
        rungs = list(self._ladder.rungs)
        random.Random(derive(self._seed, "strata")).shuffle(rungs)
        return rungs


class Free(_LadderSampler):
    """Without the first trials on every rung, and without turns."""

    def _candidates(self, study: Study, trial: FrozenTrial) -> list[Cell]:
        return self.unseen(study, trial)


def finer(world: World, steps: int) -> Ladder:
    """A ladder with `steps` rungs for every factor sqrt(2) of cost; 0 for ensearch's own."""
    if not steps:
        return world.ladder
    cells: dict[Pick, Cell] = {}
    depths = sorted({shape.depth for shape in world.shapes})
    for j in range(steps * len(world.ladder.budgets)):
        rung = world.budget / 2 ** (j / (2 * steps))
        for size, depth in itertools.product(world.sizes, depths):
            within = [
                (macs, i)
                for i, macs in enumerate(world.macs)
                if world.shapes[i].depth == depth and size * macs <= rung
            ]
            if within:
                macs, i = max(within)
                # The lowest rung that holds a configuration is its own.
                cells[i, size] = Cell(
                    rung=rung,
                    size=size,
                    architecture=world.shapes[i],
                    schedule=world.ladder.cells[0].schedule,
                    cost=Cost(macs=size * macs, params=0),
                )
    return Ladder(budget=world.ladder.budget, cells=tuple(cells.values()))


def searched(
    name: str = "tpe",
    sampler: type[_LadderSampler] = Shuffled,
    share: bool = True,
    steps: int = 1,
    margin: float | None = None,
    window: int = 1,
) -> Strategy:
    """ensearch with an Optuna sampler, a rule for the first trials and a ladder of choice."""

    def strategy(world: World, seed: int, horizon: float) -> Iterator[Step]:
        inner = sampler(finer(world, steps), name, seed)
        pool = (
            Shared(world=world, seed=seed, margin=margin)
            if share
            else Alone(world=world, seed=seed)
        )
        return ours(world, horizon, inner, pool, window)

    return strategy


def gained(
    steps: int = 1, margin: float | None = None, window: int = 1, **options: Any
) -> Strategy:
    """The next cell by expected gain per multiply-add; `options` are those of `gain.Options`."""

    def strategy(world: World, seed: int, horizon: float) -> Iterator[Step]:
        inner = GainSampler(finer(world, steps), seed, Options(**options))
        pool = Shared(world=world, seed=seed, margin=margin)
        return ours(world, horizon, inner, pool, window)

    return strategy


def ascending(grid: bool) -> Strategy:
    """The cheapest ensemble next, whatever has been seen."""

    def strategy(world: World, seed: int, horizon: float) -> Iterator[Step]:
        picks = all_picks(world) if grid else picks_of(world, world.ladder)
        picks.sort(key=lambda pick: (world.macs[pick[0]] * pick[1], pick[1]))
        return in_order(world, seed, horizon, picks)

    return strategy


def pairs(world: World, seed: int, horizon: float) -> Iterator[Step]:
    return in_pairs(world, seed, horizon, picks_of(world, world.ladder))


MAIN: dict[str, Strategy] = {
    "ensearch": searched(sampler=_LadderSampler, steps=0),
    "ensearch, nothing shared": searched(sampler=_LadderSampler, steps=0, share=False),
    "before": searched(),
    "before, nothing shared": searched(share=False),
    "by hand, TPE": hand_tpe,
    "by hand, TPE multivariate": hand_multivariate,
    "by hand, random": hand_random,
}
SAMPLERS: dict[str, Strategy] = {
    f"sampler {name}": searched(name) for name in ("random", "nsga2", "qmc", "gp")
}
FIRST: dict[str, Strategy] = {
    "no strata": searched(sampler=Unstratified),
    "strata from the cheapest": searched(sampler=Ascending),
    "no strata, no turns": searched(sampler=Free),
}
NEXT: dict[str, Strategy] = {
    "cheapest first": ascending(grid=False),
    "cheapest first, grid": ascending(grid=True),
    "pairs first": pairs,
    "rungs x2": searched(steps=2),
    "rungs x2, no strata": searched(steps=2, sampler=Unstratified),
    "rungs x2, strata from the cheapest": searched(steps=2, sampler=Ascending),
    "gain": gained(),
    "gain, rungs x2": gained(steps=2),
    "gain, rungs x4": gained(steps=4),
    "rungs x2, 4 in flight": searched(steps=2, window=4),
    "gain, rungs x2, 4 in flight": gained(steps=2, window=4),
    "gain, rungs x2, no turns": gained(steps=2, turns=False),
    "gain, rungs x2, strata": gained(steps=2, strata=True),
    "gain, rungs x2, strata from the cheapest": gained(steps=2, climb=1.0),
    "gain, rungs x2, strata to 1/2": gained(steps=2, climb=0.5),
    "gain, rungs x2, strata to 1/4": gained(steps=2, climb=0.25),
    "gain, rungs x2, start": gained(steps=2, start=True),
    "gain, rungs x2, kinds": gained(steps=2, kinds=True),
    "gain, rungs x2, every size": gained(steps=2, parts=True),
    "gain, rungs x2, by trial": gained(steps=2, power=0.0),
    "gain, rungs x2, square root": gained(steps=2, power=0.5),
}
STOPPING: dict[str, Strategy] = {
    f"{name}, stop at {margin:.0%}": strategy
    for margin in (0.05, 0.1, 0.2)
    for name, strategy in {
        "before": searched(margin=margin),
        "gain, rungs x2": gained(steps=2, margin=margin),
    }.items()
}
VARIANTS = MAIN | SAMPLERS | FIRST | NEXT | STOPPING
