"""Search strategies over a replay world. Each is a generator: one step after every trial.

A strategy pays `World.train_macs` for each member that it trains and believes what it has
observed of them; the ground truth is for the score alone.
"""

import math
import random
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import optuna
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import Trial, TrialState

from ensearch.search_space.ladder import Cell, Ladder
from ensearch.seeds import derive
from ensearch.study.sampler import _LadderSampler
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

    With a `margin` a member that is hopeless after a third of its epochs stops there, and its
    architecture is tried no more.
    """

    world: World
    seed: int
    margin: float | None = None
    spent: float = 0.0
    masks: dict[int, int] = field(default_factory=dict)
    belief: dict[Pick, float] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)

    def order(self, shape: int) -> list[int]:
        """The members of an architecture in the order in which this strategy meets them."""
        members = list(range(self.world.members[shape]))
        random.Random(derive(self.seed, "members", shape)).shuffle(members)
        return members

    def trained(self, shape: int) -> int:
        return self.masks.get(shape, 0).bit_count()

    def train(self, shape: int, size: int) -> float | None:
        """Train what is missing of `size` members and evaluate every size; accuracy of `size`.

        None if the architecture's first member was stopped early.
        """
        if shape in self.stopped:
            return None
        missing = size - self.trained(shape)
        if missing <= 0:
            return self.belief[shape, size]
        order = self.order(shape)
        if self.margin is not None and not self.trained(shape):
            losses = self.world.losses[shape][order[0]]
            early = math.ceil(len(losses) / 3)
            if is_hopeless(losses[early - 1], self._peers(shape, early), self.margin):
                self.spent += early / len(losses) * self.world.train_macs(shape)
                self.stopped.add(shape)
                return None
        self.spent += missing * self.world.train_macs(shape)
        mask = sum(1 << member for member in order[:size])
        self.masks[shape] = mask
        for smaller in range(1, size + 1):
            self.belief[shape, smaller] = self.world.observed(shape, mask, smaller)
        return self.belief[shape, size]

    def _peers(self, shape: int, epoch: int) -> list[float]:
        """Training losses after `epoch` epochs of the members that cost no more than this one."""
        macs = self.world.macs
        return [
            float(self.world.losses[other][self.order(other)[0], epoch - 1])
            for other in self.masks
            if macs[other] <= macs[shape]
        ]


def is_hopeless(loss: float, peers: Sequence[float], margin: float) -> bool:
    """A member is stopped if a cheaper one had a training loss lower by more than `margin`."""
    return bool(peers) and loss > (1 + margin) * min(peers)


def open_study(sampler: BaseSampler) -> Study:
    """A study in memory with the two objectives accuracy and log10 multiply-adds."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)


def by_hand(world: World, seed: int, horizon: float, sampler: BaseSampler) -> Iterator[Step]:
    """Optuna as a competent person would write it: raw members, width and depth, two objectives.

    Each trial trains its own members afresh and scores their ensemble. A proposal above the budget
    costs nothing and is told to Optuna as a violated constraint. Generous is the second belief,
    "parts", of a script that also scores the smaller ensembles among each trial's members.
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


@dataclass(slots=True, kw_only=True)
class Alone:
    """Members of which every trial trains its own, to score their ensemble only."""

    world: World
    seed: int
    spent: float = 0.0
    belief: dict[Pick, float] = field(default_factory=dict)

    def train(self, shape: int, size: int) -> float | None:
        rng = random.Random(derive(self.seed, "alone", shape, size))
        mask = sum(1 << m for m in rng.sample(range(self.world.members[shape]), size))
        self.spent += size * self.world.train_macs(shape)
        self.belief[shape, size] = self.world.observed(shape, mask, size)
        return self.belief[shape, size]


def ours(
    world: World,
    horizon: float,
    inner: _LadderSampler,
    pool: Shared | Alone,
    window: int = 1,
) -> Iterator[Step]:
    """ensearch's own sampler over a ladder, until every cell has been tried.

    Trials are told in the order in which they were asked, `window` asks ahead, as in
    ensearch/driver.py.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = open_study(inner)
    index = {shape: i for i, shape in enumerate(world.shapes)}
    asked = deque[tuple[Trial, Cell]]()
    while pool.spent < horizon:
        while len(asked) < window and inner.unseen(study, None):
            trial = study.ask(inner.distributions)
            cell = inner.cell(trial.params)
            assert cell is not None
            asked.append((trial, cell))
        if not asked:
            return
        trial, cell = asked.popleft()
        shape = index[cell.architecture]
        accuracy = pool.train(shape, cell.size)
        # What a choice by gain needs beyond the trial's own value, see gain.py.
        trial.set_user_attr("parts", {str(m): v for (a, m), v in pool.belief.items() if a == shape})
        if accuracy is None:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, [accuracy, math.log10(cell.cost.macs)])
        yield Step(spent=pool.spent, beliefs={"": pool.belief})


def in_order(world: World, seed: int, horizon: float, picks: list[Pick]) -> Iterator[Step]:
    """Fixed order, members shared: the null model of every cleverness."""
    pool = Shared(world=world, seed=seed)
    for pick in picks:
        if pool.spent >= horizon:
            return
        pool.train(*pick)
        yield Step(spent=pool.spent, beliefs={"": pool.belief})


def in_pairs(world: World, seed: int, horizon: float, picks: Sequence[Pick]) -> Iterator[Step]:
    """Two members of each architecture from the cheapest on; larger sizes where they promise gain.

    Accuracy is taken to be linear in 1/size, as in ensearch/sizes.py. A size is measured only if
    its prediction would be on the believed front.
    """
    pool = Shared(world=world, seed=seed)
    most: dict[int, int] = {}
    for shape, size in picks:
        most[shape] = max(size, most.get(shape, 1))
    for shape in sorted(most, key=lambda shape: world.macs[shape]):
        if pool.spent >= horizon:
            return
        pool.train(shape, min(2, most[shape]))
        yield Step(spent=pool.spent, beliefs={"": pool.belief})
        while promising := _promising(world, pool, picks):
            pool.train(*promising)
            yield Step(spent=pool.spent, beliefs={"": pool.belief})


def _promising(world: World, pool: Shared, picks: Sequence[Pick]) -> Pick | None:
    """The cheapest unmeasured pick that is predicted to be better than all that costs no more."""
    found: dict[Pick, float] = dict(pool.belief)
    for shape, size in picks:
        trained = pool.trained(shape)
        if trained > 1 and size > trained:
            one, last = pool.belief[shape, 1], pool.belief[shape, trained]
            slope = (one - last) / (1 - 1 / trained)
            found[shape, size] = last + slope * (1 / size - 1 / trained)
    best = -math.inf
    for pick in sorted(found, key=lambda pick: world.macs[pick[0]] * pick[1]):
        if found[pick] > best:
            best = found[pick]
            if pick not in pool.belief:
                return pick
    return None


def picks_of(world: World, ladder: Ladder) -> list[Pick]:
    """The cells of a ladder as picks."""
    index = {shape: i for i, shape in enumerate(world.shapes)}
    return [(index[cell.architecture], cell.size) for cell in ladder.cells]


def all_picks(world: World) -> list[Pick]:
    """Every architecture of the table at every size of the space that fits the budget."""
    every = [(shape, size) for shape in range(len(world.macs)) for size in world.sizes]
    return [pick for pick in every if world.fits(pick)]
