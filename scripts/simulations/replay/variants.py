"""Every strategy that the benchmark compares, by the name under which the README lists it."""

import itertools
import random
from collections.abc import Callable, Iterator

import numpy as np
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from ensearch.core import Cost
from ensearch.fronts import MATCHED_SHARE
from ensearch.search_space import Cell, Ladder
from ensearch.seeds import derive
from ensearch.study.cell_rows import Rows
from ensearch.study.ladder_sampler import LadderSampler
from scripts.simulations.replay.gain import GainSampler
from scripts.simulations.replay.orders import AskedSecond, CheapestFirst
from scripts.simulations.replay.strategies import (
    Alone,
    Shared,
    Step,
    Strategy,
    by_hand,
    in_order,
    on_ladder,
    picks_of,
)
from scripts.simulations.replay.world import Pick, World


class FromTheCheapest(LadderSampler):
    """First one single network and one ensemble on every rung, from the cheapest rung up."""

    def _candidates(self, study: Study, trial: FrozenTrial) -> Rows:
        seen, cells = self._seen(study, trial), self._ladder.cells
        rows = self._table.of_turn(seen)
        is_single = cells[rows[0]].is_single
        visited = {cells[row].rung for row in seen if cells[row].is_single == is_single}
        for rung in self._order():
            inside = [row for row in rows if cells[row].rung == rung not in visited]
            if inside:
                near = [row for row in inside if cells[row].cost.macs >= MATCHED_SHARE * rung]
                return np.array(near or inside)
        return rows

    def _order(self) -> list[float]:
        return list(self._ladder.rungs[::-1])


class InRandomOrder(FromTheCheapest):
    """The same with the rungs in random order, as ensearch did before these replays."""

    def _order(self) -> list[float]:
        rungs = list(self._ladder.rungs)
        random.Random(derive(self._seed, "strata")).shuffle(rungs)
        return rungs


def finer(world: World, steps: int) -> Ladder:
    """Return a ladder with `steps` rungs for every factor sqrt(2) of cost; 0 for ensearch's own."""
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


def hand(sampler: Callable[[int], BaseSampler]) -> Strategy:
    """Return the search by hand with an Optuna sampler, which is made from the seed."""

    def strategy(world: World, seed: int, horizon: float) -> Iterator[Step]:
        return by_hand(world, seed, horizon, sampler(seed))

    return strategy


def searched(
    name: str = "tpe",
    sampler: type[LadderSampler] = InRandomOrder,
    share: bool = True,
    steps: int = 1,
    seeds: int = 1,
) -> Strategy:
    """Return ensearch with an Optuna sampler, a rule for its first trials, and a ladder.

    Shared members are at least `seeds` of every network.
    """

    def strategy(world: World, seed: int, horizon: float) -> Iterator[Step]:
        inner = sampler(finer(world, steps), name, seed)
        members: Shared | Alone = Alone(world=world, seed=seed)
        if share:
            members = Shared(world=world, seed=seed, least=seeds)
        return on_ladder(world, horizon, inner, members)

    return strategy


def gained(steps: int) -> Strategy:
    """Return the strategy whose next cell is the one of largest expected gain per multiply-add."""

    def strategy(world: World, seed: int, horizon: float) -> Iterator[Step]:
        inner = GainSampler(finer(world, steps), seed)
        return on_ladder(world, horizon, inner, Shared(world=world, seed=seed))

    return strategy


def cheapest_first(world: World, seed: int, horizon: float) -> Iterator[Step]:
    """Take the cheapest ensemble next, whatever has been seen."""
    picks = picks_of(world, world.ladder)
    picks.sort(key=lambda pick: (world.macs[pick[0]] * pick[1], pick[1]))
    return in_order(world, seed, horizon, picks)


VARIANTS: dict[str, Strategy] = {
    "ensearch": searched(sampler=LadderSampler, steps=0),
    "ensearch, 3 seeds": searched(sampler=LadderSampler, steps=0, seeds=3),
    "budgets from the cheapest": searched(sampler=CheapestFirst, steps=0),
    "asked budget second": searched(sampler=AskedSecond, steps=0),
    "ensearch, nothing shared": searched(sampler=LadderSampler, steps=0, share=False),
    "by hand, TPE": hand(lambda seed: TPESampler(seed=seed)),
    "by hand, TPE multivariate": hand(lambda seed: TPESampler(seed=seed, multivariate=True)),
    "by hand, random": hand(lambda seed: RandomSampler(seed=seed)),
    "before": searched(),
    "before, nothing shared": searched(share=False),
    **{f"sampler {name}": searched(name) for name in ("random", "nsga2", "qmc", "gp")},
    "strata from the cheapest": searched(sampler=FromTheCheapest),
    "rungs x2": searched(steps=2),
    "rungs x2, strata from the cheapest": searched(sampler=FromTheCheapest, steps=2),
    "cheapest first": cheapest_first,
    "gain": gained(steps=1),
    "gain, rungs x2": gained(steps=2),
}
