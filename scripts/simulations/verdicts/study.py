"""Studies of a known world, and the truth about them.

A network is a depth at a cost. Every one that a trial asks for has max(`seeds`, largest size asked
for) members, and every size up to that is evaluated, as far as it fits the largest budget.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ensearch.core import Architecture, Cost, Evaluation, Schedule, Scores, SubsetHits
from ensearch.ensembles.averaging import subsets
from ensearch.seeds import derive
from scripts.simulations.verdicts.noise import luck_of, shift_of, threshold_of
from scripts.simulations.verdicts.worlds import World

CHEAPEST = 1e8  # multiply-adds of the smallest budget
MOST_SUBSETS = 10
BELOW = 2  # steps of sqrt(2) from a budget down to the members of a pair
SCHEDULE = Schedule(epochs=1)
TRAIN_IMAGES = 10_000
Float32s = npt.NDArray[np.float32]


class Study(NamedTuple):
    """What a report has: evaluations, and by their keys what every subset got right."""

    evaluations: list[Evaluation]
    hits: dict[str, SubsetHits]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of everything tried: exact expected accuracies, and what follows from them."""

    budgets: tuple[float, ...]
    accuracies: dict[str, float]  # by key of the evaluation
    best_singles: tuple[float, ...]  # the best accuracy of the kind within each budget
    best_ensembles: tuple[float, ...]

    @property
    def advantages(self) -> tuple[float, ...]:
        """D at each budget, without the rounding of differences of floats."""
        both = zip(self.best_ensembles, self.best_singles, strict=True)
        return tuple(round(ensemble - single, 12) for ensemble, single in both)

    @property
    def crossover(self) -> float:
        """The smallest budget from which D > 0 at all larger ones, linear in log cost between."""
        d = self.advantages
        behind = [k for k, advantage in enumerate(d) if advantage <= 0]
        if not behind or behind[-1] == len(d) - 1:
            return math.inf if behind else 0.0
        k = behind[-1]
        step = self.budgets[k + 1] / self.budgets[k]
        return self.budgets[k] * math.pow(step, -d[k] / (d[k + 1] - d[k]))


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network with everything about its evaluations that no draw changes."""

    depth: int
    members: int
    luck: float  # standard deviation of t
    shift: float  # b
    means: Float32s  # subsets x members: 1 / m for a member of the subset
    thresholds: Float32s  # subsets x 1
    sizes: tuple["Size", ...]

    @property
    def key(self) -> str:
        """The `network_key` of its evaluations."""
        return self.sizes[0].template.network

    def of_members(self, members: int) -> "Network":
        """Return the network with more members, of which other subsets are evaluated."""
        if members == self.members:
            return self
        sizes: list[Size] = []
        thresholds: list[float] = []
        means: list[list[float]] = []
        for old in self.sizes:
            most = MOST_SUBSETS if members <= MOST_SUBSETS else None
            drawn = tuple(subsets(members, old.size, most))
            rows = slice(len(means), len(means) + len(drawn))
            means += _means(drawn, old.size, members)
            thresholds += [float(self.thresholds[old.rows.start, 0])] * len(drawn)
            template = replace(old.template, trained=members, subsets=len(drawn))
            sizes.append(old._replace(rows=rows, subsets=drawn, template=template))
        return replace(
            self,
            members=members,
            means=np.array(means, np.float32),
            thresholds=np.array(thresholds, np.float32)[:, None],
            sizes=tuple(sizes),
        )


def _means(drawn: Sequence[tuple[int, ...]], size: int, members: int) -> list[list[float]]:
    """A row for each subset: 1 / size for its members."""
    return [[(member in subset) / size for member in range(members)] for subset in drawn]


class Size(NamedTuple):
    """One evaluation of a network: which rows of its subsets, and its expected accuracy."""

    size: int
    rows: slice
    subsets: tuple[tuple[int, ...], ...]
    accuracy: float
    key: str
    template: Evaluation


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Everything that a study of a world evaluates, with `seeds` members of each network."""

    world: World
    networks: tuple[Network, ...]
    truth: Truth

    @property
    def fingerprint(self) -> int:
        """A number that changes with anything that the law or the noise of the studies is made of.

        To 9 digits, because logarithms of another machine may differ in the last one.
        """
        parts: list[object] = [*self.world.errors, self.world.bad, *self.truth.budgets]
        for network in self.networks:
            parts += [network.members, f"{network.luck:.9g}", f"{network.shift:.9g}"]
            parts += [f"{threshold:.6g}" for threshold in network.thresholds[:, 0]]
        parts += [f"{key} {accuracy:.9g}" for key, accuracy in self.truth.accuracies.items()]
        return derive(*parts)

    def study(self, images: int, seed: int) -> Study:
        """Return a study with new members and new images, the same for the same seed."""
        return self.draw(images, seed).study()

    def draw(self, images: int, seed: int) -> "Drawn":
        """Return the draws that a study is made of."""
        rng = np.random.default_rng(derive("verdicts", self.world.name, images, seed))
        errors = self.world.errors
        shared = errors.shared * rng.standard_normal(images, np.float32)
        depths = {
            depth: shared + errors.depth * rng.standard_normal(images, np.float32)
            for depth in sorted({network.depth for network in self.networks})
            if errors.depth
        }
        own, common = [], []
        for network in self.networks:
            own.append(_members(network, network.members, images, rng, self.world))
            of_network = rng.standard_normal(images, np.float32)
            of_network *= np.float32(errors.network)
            of_network += depths.get(network.depth, shared)
            common.append(of_network)
        return Drawn(layout=self, seed=seed, own=own, common=common)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What decides about every hit of a study: by network, a row for each member, and the rest.

    `own` (members x images) is what a member makes of an image, `common` (images) what all members
    of its network do.
    """

    layout: Layout
    seed: int
    own: list[Float32s]
    common: list[Float32s]

    def with_more(self, more: Mapping[str, int]) -> "Drawn":
        """Return it with so many more members of networks, by their key.

        The sizes that are evaluated stay those of before, so that D is what it was.
        """
        own = list(self.own)
        for place, network in enumerate(self.layout.networks):
            count = more.get(network.key, 0)
            if count:
                members, images = own[place].shape
                world = self.layout.world
                seed = derive("more", world.name, images, self.seed, place, members)
                rng = np.random.default_rng(seed)
                new = _members(network, count, images, rng, world)
                own[place] = np.concatenate([own[place], new])
        return Drawn(layout=self.layout, seed=self.seed, own=own, common=self.common)

    def study(self) -> Study:
        """Return the evaluations, with what every subset got right."""
        evaluations: list[Evaluation] = []
        hits: dict[str, SubsetHits] = {}
        for drawn, own, common in zip(self.layout.networks, self.own, self.common, strict=True):
            network = drawn.of_members(len(own))
            level = network.means @ own
            level += common
            right = level > network.thresholds
            alone = 0.0
            for size in network.sizes:
                of_size = right[size.rows]
                accuracy = np.count_nonzero(of_size) / of_size.size
                alone = alone or accuracy
                hits[size.key] = SubsetHits(subsets=size.subsets, hits=of_size)
                evaluations.append(_scored(size.template, accuracy, alone))
        return Study(evaluations, hits)


def _members(
    network: Network, count: int, images: int, rng: np.random.Generator, world: World
) -> Float32s:
    """What `count` new members make of every image, with how good each turned out."""
    luck = network.luck * rng.standard_normal(count)
    luck -= network.shift * (rng.random(count) < world.bad)
    own = rng.standard_normal((count, images), np.float32)
    own *= np.float32(world.errors.member)
    own += luck.astype(np.float32)[:, None]
    return own


@functools.cache
def layout(world: World, seeds: int = 3) -> Layout:
    """Return what a study of the world evaluates, and the truth about it."""
    counts: dict[tuple[int, int], int] = {}
    for trial in world.trials:
        steps = math.log2(trial.size) * 2
        place = (trial.rung * world.step - round(steps), trial.depth)
        counts[place] = max(counts.get(place, seeds), trial.size)
    budgets = tuple(CHEAPEST * 2 ** (k * world.step / 2) for k in range(world.rungs))
    networks = tuple(
        _network(world, level, depth, members, budgets[-1])
        for (level, depth), members in sorted(counts.items())
    )
    tried = [size for network in networks for size in network.sizes]

    def best(budget: float, singles: bool) -> float:
        within = (s for s in tried if s.template.cost.macs <= budget)
        return max(s.accuracy for s in within if (s.size == 1) == singles)

    truth = Truth(
        budgets=budgets,
        accuracies={size.key: size.accuracy for size in tried},
        best_singles=tuple(best(budget, True) for budget in budgets),
        best_ensembles=tuple(best(budget, False) for budget in budgets),
    )
    return Layout(world=world, networks=networks, truth=truth)


def _network(world: World, level: int, depth: int, members: int, budget: float) -> Network:
    # Rounded down, so that no ensemble is above the budget that it was made for.
    macs = math.floor(CHEAPEST * 2 ** (level / 2))
    middle = (world.rungs - 1) * world.step / 4
    place = max(0.0, (level + BELOW) / (4 * middle + BELOW))
    alone = min(1.0, world.law(level / 2 - middle, 1, depth))
    luck = luck_of(world, alone, world.spread(place))
    shift = shift_of(world, alone, luck)
    sizes: list[Size] = []
    thresholds: list[float] = []
    means: list[list[float]] = []
    for size in (m for m in range(1, members + 1) if m * macs <= budget):
        accuracy = min(1.0, world.law(level / 2 + math.log2(size) - middle, size, depth))
        drawn = tuple(subsets(members, size, MOST_SUBSETS))
        rows = slice(len(means), len(means) + len(drawn))
        means += _means(drawn, size, members)
        thresholds += [threshold_of(world, accuracy, size, luck, shift)] * len(drawn)
        template = _template(level, depth, size, members, len(drawn), macs)
        sizes.append(Size(size, rows, drawn, accuracy, template.key, template))
    return Network(
        depth=depth,
        members=members,
        luck=luck,
        shift=shift,
        means=np.array(means, np.float32),
        thresholds=np.array(thresholds, np.float32)[:, None],
        sizes=tuple(sizes),
    )


def _template(level: int, depth: int, size: int, members: int, drawn: int, macs: int) -> Evaluation:
    """An evaluation that lacks its scores."""
    width = 100 + level
    return Evaluation(
        architecture=Architecture(family="world", width=width, depth=1 + depth, resolution=8),
        schedule=SCHEDULE,
        size=size,
        trained=members,
        subsets=drawn,
        split="val",
        cost=Cost(macs=macs, params=1).times(size),
        train_macs=3.0 * macs * size * TRAIN_IMAGES,
        scores=_scores(0.0, 0.0),
    )


def _scored(template: Evaluation, accuracy: float, alone: float) -> Evaluation:
    return Evaluation(
        architecture=template.architecture,
        schedule=template.schedule,
        size=template.size,
        trained=template.trained,
        subsets=template.subsets,
        split=template.split,
        cost=template.cost,
        train_macs=template.train_macs,
        scores=_scores(accuracy, alone),
    )


def _scores(accuracy: float, alone: float) -> Scores:
    return Scores(
        accuracy=accuracy,
        nll=0.0,
        nll_scaled=0.0,
        brier=0.0,
        ece=0.0,
        disagreement=0.0,
        member_accuracy=alone,
    )
