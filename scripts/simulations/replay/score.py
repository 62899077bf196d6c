"""What a strategy's belief is worth: hypervolume and crossover, by the table's ground truth.

A belief maps picks to the accuracies that the strategy has observed. Its front are the picks that
no cheaper one is believed to equal; they are scored by their ground truth, never by what was seen.
"""

import itertools
import math
from collections.abc import Mapping

import numpy as np

from ensearch.core import Floats
from ensearch.fronts import MATCHED_SHARE
from ensearch.fronts.hypervolume import hypervolume
from scripts.simulations.replay.world import Pick, World

Belief = Mapping[Pick, float]


def matrix(world: World, belief: Belief) -> Floats:
    """Return the believed accuracies, A x S; -inf for what is not believed in."""
    result = np.full(world.cost.shape, -np.inf)
    column = {size: k for k, size in enumerate(world.sizes)}
    for (shape, size), accuracy in belief.items():
        if size in column:
            result[shape, column[size]] = accuracy
    return result


def known(world: World) -> Floats:
    """Return the belief of who knows the whole table."""
    return np.where(world.truth > 0, world.truth, -np.inf)


def front(world: World, believed: Floats) -> list[int]:
    """Return the flat indices of the believed joint front by cost; of equals the cheapest."""
    indices, best = [], -math.inf
    for index in np.argsort(world.cost, axis=None, kind="stable"):
        accuracy = believed.flat[index]
        if accuracy > best:
            indices.append(int(index))
            best = accuracy
    return indices


def front_hypervolume(world: World, believed: Floats, reference: float) -> float:
    """Return the hypervolume of the believed front by the ground truth of its picks."""
    indices = front(world, believed)
    costs, truths = world.cost.flat[indices].tolist(), world.truth.flat[indices].tolist()
    return hypervolume(costs, truths, world.budget, float(world.cost.min()), reference)


def regret(world: World, believed: Floats) -> float:
    """Return the accuracy lost to the table's best by who takes the belief's pick at each budget.

    It is a mean over log budgets. Unlike the hypervolume it holds a wrong pick against the strategy
    even where a cheaper pick happens to be better. Below its first pick the strategy has nothing:
    its accuracy is chance.
    """
    low, area = float(world.cost.min()), 0.0
    for sign, accuracies in ((1.0, known(world)), (-1.0, believed)):
        at, value = math.log10(low), 1 / world.classes
        for index in front(world, accuracies):
            x = math.log10(world.cost.flat[index])
            area += sign * value * (x - at)
            value, at = float(world.truth.flat[index]), x
        area += sign * value * (math.log10(world.budget) - at)
    return area / math.log10(world.budget / low)


def crossover(world: World, believed: Floats) -> float | None:
    """Return the smallest budget from which the believed ensemble front leads at every larger rung.

    Of the ladder's budgets those count at which a single network and an ensemble meet within 5 % of
    cost as in `ensearch.fronts.analysis`. Linear over log cost between two rungs; 0 if ensembles
    lead at all, infinite if not at the last; None with fewer than 2 such rungs.
    """
    points = []
    for rung in sorted(world.ladder.budgets):
        advantage = _advantage(world, believed, rung)
        if advantage is not None:
            points.append((rung, advantage))
    if len(points) < 2:
        return None
    if points[-1][1] <= 0:
        return math.inf
    result = 0.0
    for (budget, below), (upper, above) in itertools.pairwise(points):
        if below <= 0 < above:
            result = budget * (upper / budget) ** (-below / (above - below))
    return result


def _advantage(world: World, believed: Floats, rung: float) -> float | None:
    """Return best ensemble minus best single network within the rung; None where not matched."""
    single = np.array(world.sizes) == 1
    seen = (world.cost <= rung) & np.isfinite(believed)
    best, most = [], []
    for columns in (single, ~single):
        inside = np.where(seen[:, columns], believed[:, columns], -np.inf)
        cost = world.cost[:, columns]
        if not np.isfinite(inside).any():
            return None
        best.append((float(inside.max()), float(cost.flat[int(inside.argmax())])))
        most.append(float(np.where(np.isfinite(inside), cost, 0).max()))
    matched = all(
        MATCHED_SHARE * cost <= other for (_, cost), other in zip(best, most[::-1], strict=True)
    )
    used = min(most) > rung * math.sqrt(0.5) * (1 - 1e-9)
    return best[1][0] - best[0][0] if matched and used else None
