"""Search strategies over a replay world. Each is a generator: one step after every trial.

A strategy pays `World.train_macs` for each member that it trains and believes what it has
observed of them; the ground truth is for the score alone.
"""

import math
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import optuna
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import TrialState

from ensearch.search_space import Ladder
from ensearch.seeds import derive
from ensearch.study.ladder_sampler import LadderSampler
from scripts.simulations.replay.score import Belief
from scripts.simulations.replay.world import Pick, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """After a trial: multiply-adds of training so far, and the accuracies believed in.

    Usually one belief, named ""; more where the same trials can be read in several ways. The
    beliefs are the strategy's own and change with its next step.
    """

    spent: float
    beliefs: Mapping[str, Belief]


Strategy = Callable[[World, int, float], Iterator[Step]]  # of a world, a seed and a horizon


@dataclass(slots=True, kw_only=True)
class Shared:
    """Members that all trials of one strategy share, drawn from the table without replacement.

    Of every network at least `least` are trained, if the table has as many.
    """

    world: World
    seed: int
    least: int = 1
    spent: float = 0.0
    masks: dict[int, int] = field(default_factory=dict)
    belief: dict[Pick, float] = field(default_factory=dict)

    def train(self, shape: int, size: int) -> float:
        """Train what is missing of `size` members, evaluate every size; return that of `size`.

        Larger ones, of seeds that the trial does not need, only within the budget.
        """
        trained = self._wanted(shape, size)
        if missing := self.missing(shape, size):
            self.spent += missing * self.world.train_macs(shape)
            mask = sum(1 << member for member in self._order(shape)[:trained])
            self.masks[shape] = mask
            for several in range(1, trained + 1):
                if several <= size or self.world.fits((shape, several)):
                    self.belief[shape, several] = self.world.observed(shape, mask, several)
        return self.belief[shape, size]

    def missing(self, shape: int, size: int) -> int:
        """Return how many members are still to be trained for ensembles of `size`."""
        return max(0, self._wanted(shape, size) - self.masks.get(shape, 0).bit_count())

    def _wanted(self, shape: int, size: int) -> int:
        return min(max(size, self.least), self.world.members[shape])

    def _order(self, shape: int) -> list[int]:
        """Return the members of an architecture in the order in which this strategy meets them."""
        members = list(range(self.world.members[shape]))
        random.Random(derive(self.seed, "members", shape)).shuffle(members)
        return members


@dataclass(slots=True, kw_only=True)
class Alone:
    """Members of which every trial trains its own, to score their ensemble only."""

    world: World
    seed: int
    spent: float = 0.0
    belief: dict[Pick, float] = field(default_factory=dict)

    def train(self, shape: int, size: int) -> float:
        """Train `size` members afresh; return the accuracy of their ensemble."""
        rng = random.Random(derive(self.seed, "alone", shape, size))
        mask = sum(1 << m for m in rng.sample(range(self.world.members[shape]), size))
        self.spent += size * self.world.train_macs(shape)
        self.belief[shape, size] = self.world.observed(shape, mask, size)
        return self.belief[shape, size]


def open_study(sampler: BaseSampler) -> Study:
    """Return a study in memory with the two objectives accuracy and log10 multiply-adds."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)


def by_hand(world: World, seed: int, horizon: float, sampler: BaseSampler) -> Iterator[Step]:
    """Run Optuna as a competent person would write it: members, width and depth, two objectives.

    Each trial trains its own members afresh and scores their ensemble. A proposal above the budget
    costs nothing and is told to Optuna as a violated constraint. The second belief, "parts", is the
    generous one of a script that also scores the smaller ensembles among each trial's members.
    """
    study = open_study(sampler)
    index = {(shape.width, shape.depth): i for i, shape in enumerate(world.shapes)}
    widths = sorted({shape.width for shape in world.shapes})
    depths = sorted({shape.depth for shape in world.shapes})
    rng, spent = random.Random(seed), 0.0
    own, parts = dict[Pick, float](), dict[Pick, float]()
    while spent < horizon:
        trial = study.ask()
        size = trial.suggest_categorical("members", world.sizes)
        depth = trial.suggest_categorical("depth", depths)
        width = trial.suggest_float("width", widths[0], widths[-1], step=widths[1] - widths[0])
        shape = index.get((width, depth))
        if shape is None or not world.fits((shape, size)):
            # What is not in the table is above the budget even as a single network.
            over = world.budget if shape is None else world.macs[shape] * size - world.budget
            trial.set_constraint("budget", over / world.budget)
            study.tell(trial, state=TrialState.PRUNED)
            continue
        mask = sum(1 << member for member in rng.sample(range(world.members[shape]), size))
        spent += size * world.train_macs(shape)
        for part in range(1, size + 1):
            seen = world.observed(shape, mask, part)
            parts[shape, part] = max(seen, parts.get((shape, part), 0.0))
        accuracy = world.observed(shape, mask, size)
        own[shape, size] = max(accuracy, own.get((shape, size), 0.0))
        trial.set_constraint("budget", world.macs[shape] * size / world.budget - 1)
        study.tell(trial, [accuracy, math.log10(world.macs[shape] * size)])
        yield Step(spent=spent, beliefs={"": own, "parts": parts})


def on_ladder(
    world: World, horizon: float, inner: LadderSampler, members: Shared | Alone
) -> Iterator[Step]:
    """Run ensearch's own sampler over a ladder, until every cell has been tried."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = open_study(inner)
    index = {shape: i for i, shape in enumerate(world.shapes)}
    while members.spent < horizon and inner.has_untried(study):
        trial = study.ask(inner.distributions)
        cell = inner.cell(trial.params)
        assert cell is not None
        accuracy = members.train(index[cell.architecture], cell.size)
        study.tell(trial, [accuracy, math.log10(cell.cost.macs)])
        yield Step(spent=members.spent, beliefs={"": members.belief})


def in_order(world: World, seed: int, horizon: float, picks: Sequence[Pick]) -> Iterator[Step]:
    """Evaluate the picks in their order with shared members: what any cleverness has to beat."""
    members = Shared(world=world, seed=seed)
    for pick in picks:
        if members.spent >= horizon:
            return
        members.train(*pick)
        yield Step(spent=members.spent, beliefs={"": members.belief})


def picks_of(world: World, ladder: Ladder) -> list[Pick]:
    """Return the cells of a ladder as picks."""
    index = {shape: i for i, shape in enumerate(world.shapes)}
    return [(index[cell.architecture], cell.size) for cell in ladder.cells]
