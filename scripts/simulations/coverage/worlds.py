"""Studies of worlds whose accuracies are known, made without training a network.

A ladder of budgets, each sqrt(2) above the last. At each budget stand single networks and
ensembles of 2, 4 and 8 of two depths, all of exactly that cost; the second depth is nearly as good
as the first, so that there is something to select. A network has as many members as its largest
ensemble on the ladder needs, as a study would have.

A subset of m members gets an image right where

    (SHARED u + OTHER g + mean of (OWN n + t)) / sd > threshold,

u the image's own difficulty, g the network's difference on it, n the member's, and t how good the
member turned out, the same on all images; each is normal, and sd the standard deviation
of the numerator. So the accuracy expected over images and members is Phi(-threshold) exactly,
and any law of accuracy over cost and size can be imposed by the threshold.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from ensearch.core import Architecture, Cost, Evaluation, Schedule, Scores, SubsetHits
from ensearch.ensembles.averaging import subsets

SHARED, OTHER, OWN = 0.75, 0.3, 0.6
SIZES = (1, 2, 4, 8)
DEPTHS = (0, 1)
RUNGS = 9
BUDGETS = tuple(1e8 * 2 ** (k / 2) for k in range(RUNGS))
CENTRE = math.sqrt(BUDGETS[0] * BUDGETS[-1])
Law = Callable[[float, int], float]  # cost of a member over CENTRE, size -> error of depth 0


@dataclass(frozen=True, kw_only=True)
class KnownWorld:
    """A law of accuracy over cost and size, and what follows from it.

    `law` gives the expected error. `seed_noise` is the standard deviation of t, so that one
    member's accuracy varies by about 0.3 times as much between seeds.
    """

    name: str
    law: Law
    status: str  # the true one
    seed_noise: float = 0.0
    near: float = 0.004  # how much worse the second depth is, as a fraction of images

    def accuracy(self, level: int, depth: int, size: int) -> float:
        """Return the expected accuracy of `size` members of the cost of rung `level`, maybe < 0."""
        cost = BUDGETS[0] * 2 ** (level / 2) / CENTRE
        return 1 - self.law(cost, size) - self.near * depth

    def best(self, rung: int, singles: bool) -> float:
        """Return the best true accuracy of singles or ensembles within the budget of `rung`."""
        return max(
            self.accuracy(level, depth, size)
            for size in SIZES
            for depth in DEPTHS
            for level in range(-2 * (len(SIZES) - 1), rung + 1 - _steps(size))
            if (size == 1) == singles and _trained(level) >= size
        )

    @cached_property
    def advantages(self) -> tuple[float, ...]:
        """The true advantage at each budget."""
        return tuple(self.best(k, False) - self.best(k, True) for k in range(RUNGS))

    def multiplier(self, rung: int) -> float:
        """Return the cost of a single network as accurate as the best ensemble, over the budget."""
        levels = range(-2 * (len(SIZES) - 1), RUNGS)
        front = np.array([self.best(level, True) for level in levels])
        target = self.best(rung, False)
        if target > front[-1] + 1e-12:
            return math.inf
        level = float(np.interp(target, front, levels))
        return math.pow(2, (level - rung) / 2)

    def crossover(self) -> float:
        """Return the crossover, read off true advantages as ensearch reads it off measured ones."""
        behind = [k for k, d in enumerate(self.advantages) if d <= 1e-12]
        if not behind or behind[-1] == RUNGS - 1:
            return math.inf if behind else 0.0
        k = behind[-1]
        low, high = self.advantages[k : k + 2]
        return float(BUDGETS[k] * math.sqrt(2) ** (-low / (high - low)))


def _steps(size: int) -> int:
    """Return the rungs between a member and an ensemble of `size` of them."""
    return round(2 * math.log2(size))


def _trained(level: int) -> int:
    """Return the members of a network: as many as its largest ensemble on the ladder has."""
    return max(m for m in SIZES if level + _steps(m) <= RUNGS - 1)


def study(
    world: KnownWorld, images: Mapping[str, int], rng: np.random.Generator
) -> dict[str, tuple[list[Evaluation], dict[str, SubsetHits]]]:
    """Return, for each split, evaluations and outcomes of the same members on so many images."""
    result: dict[str, tuple[list[Evaluation], dict[str, SubsetHits]]] = {
        s: ([], {}) for s in images
    }
    shared = {split: rng.standard_normal(n, np.float32) for split, n in images.items()}
    for level, depth in itertools.product(range(-2 * (len(SIZES) - 1), RUNGS), DEPTHS):
        members = _trained(level)
        seeds = rng.standard_normal(members).astype(np.float32)
        for split, n in images.items():
            common = SHARED * shared[split] + OTHER * rng.standard_normal(n, np.float32)
            own = OWN * rng.standard_normal((members, n), np.float32)
            own += world.seed_noise * seeds[:, None]
            for size in (m for m in SIZES if m <= members):
                drawn = subsets(members, size)
                mean = np.zeros((len(drawn), members), np.float32)
                for row, subset in enumerate(drawn):
                    mean[row, list(subset)] = 1 / size
                variance = SHARED**2 + OTHER**2 + (OWN**2 + world.seed_noise**2) / size
                error = 1 - world.accuracy(level, depth, size)
                threshold = NormalDist().inv_cdf(error) * math.sqrt(variance)
                hits = mean @ own > np.float32(threshold) - common
                evaluation = _evaluation(level, depth, size, members, split, float(hits.mean()))
                result[split][0].append(evaluation)
                result[split][1][evaluation.key] = SubsetHits(subsets=tuple(drawn), hits=hits)
    return result


def _evaluation(
    level: int, depth: int, size: int, members: int, split: str, accuracy: float
) -> Evaluation:
    return Evaluation(
        architecture=Architecture(
            family="world", width=1 + level + 2 * len(SIZES), depth=1 + depth, resolution=8
        ),
        schedule=Schedule(epochs=1),
        size=size,
        trained=members,
        subsets=math.comb(members, size),
        split=split,
        cost=Cost(macs=round(BUDGETS[0] * 2 ** (level / 2)), params=1).times(size),
        train_macs=0.0,
        scores=Scores(
            accuracy=accuracy,
            nll=0,
            nll_scaled=0,
            brier=0,
            ece=0,
            disagreement=0,
            member_accuracy=accuracy,
        ),
    )


def _fitted(gain: float) -> Law:
    """Return e_inf + A f^-a - V f^b (1 - 1 / m), the law of the fitted surface; V is `gain`."""

    def law(cost: float, size: int) -> float:
        return 0.06 + 0.14 * math.pow(cost, -0.22) - gain * math.pow(cost, 0.25) * (1 - 1 / size)

    return law


def _shaped(shape: Callable[[float], float]) -> Law:
    """Return errors that fall with the total cost, less an advantage of any shape over its log2."""
    share = {1: 0.0, 2: 1.0, 4: 0.9, 8: 0.7}

    def law(cost: float, size: int) -> float:
        doublings = math.log2(cost * size)  # -2 to 2 on the ladder
        lead = shape(doublings)
        # A deficit grows where a lead shrinks, so that 2 members are the best ensemble everywhere.
        part = share[size] if lead > 0 else (2 - share[size]) * (size > 1)
        return 0.2 - 0.03 * doublings - lead * part

    return law


WORLDS = {
    world.name: world
    for world in (
        KnownWorld(name="inside, right law", law=_fitted(0.065), status="crossed"),
        KnownWorld(
            name="inside, wrong law",
            law=_shaped(lambda x: 0.02 * math.tanh(1.5 * (x - 0.3))),
            status="crossed",
        ),
        KnownWorld(
            name="near the top",
            law=_shaped(lambda x: 0.02 * math.tanh(1.5 * (x - 1.8))),
            status="crossed",
        ),
        KnownWorld(
            name="inside, seeds vary",
            law=_shaped(lambda x: 0.02 * math.tanh(1.5 * (x - 0.3))),
            status="crossed",
            seed_noise=0.015,
        ),
        KnownWorld(name="below, right law", law=_fitted(0.15), status="ensembles always"),
        KnownWorld(name="above, right law", law=_fitted(0.0), status="singles always"),
        KnownWorld(name="none: all equal", law=_shaped(lambda x: 0.0), status="not identifiable"),
        KnownWorld(
            name="crossing back",
            law=_shaped(lambda x: 0.025 * math.cos(math.pi * x / 2)),
            status="crosses back",
        ),
    )
}
