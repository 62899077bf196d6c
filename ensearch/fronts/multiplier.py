"""The multiplier: what a single network with the ensemble's accuracy costs, over the budget."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.core import Floats

CLOSE = 1e-12  # of an accuracy: sums in another order differ by 1e-16
TAIL = 0.025  # of the replicates beyond either end of the interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """The cost of a single network with the ensemble's accuracy, over the budget B.

    rho(B) = F_S(S(B) + D(B)) / B with F_S the cost at which the front of single networks,
    interpolated in log cost, reaches an accuracy. Where it is `censored`, no single network reaches
    the accuracy, and `value` is the cost of the most expensive one over B: rho is at least that.
    `low` to `high` is its 95 % interval, inf where no single network reaches the accuracy.
    """

    value: float
    low: float | None
    high: float | None
    censored: bool


def multipliers(
    budgets: Floats, prices: Sequence[float], front: Floats, targets: Floats
) -> list[Multiplier]:
    """Return the multiplier at each of K budgets, from (1 + R) x K targets in accuracy.

    Row 0 of the targets is as measured, the others are replicates. `front` is (1 + R) x n, the
    accuracies that single networks reach at their n ascending costs `prices`.
    """
    result = []
    for k, ratios in enumerate((costs_of(prices, front, targets) / budgets).T):
        ordered = np.sort(ratios[1:])
        tail = int(TAIL * len(ordered))
        highest = float(prices[-1] / budgets[k])
        censored = bool(ratios[0] == np.inf)
        result.append(
            Multiplier(
                value=highest if censored else float(ratios[0]),
                low=min(float(ordered[tail]), highest),
                high=float(ordered[-1 - tail]),
                censored=censored,
            )
        )
    return result


def costs_of(prices: Sequence[float], front: Floats, targets: Floats) -> Floats:
    """Return the smallest cost at which the front reaches each target; inf where it never does.

    Linear in log cost between the corners of the front, where it changes. What the cheapest
    network reaches already costs as much as that.
    """
    costs = np.log(prices)
    changed = np.ones(front.shape, np.bool_)
    changed[:, 1:] = front[:, 1:] != front[:, :-1]
    corner = np.maximum.accumulate(np.where(changed, np.arange(len(costs)), 0), axis=1)
    result = np.full(targets.shape, np.inf)
    for k, target in enumerate(targets.T):
        reached = front >= target[:, None] - CLOSE
        rows = np.flatnonzero(reached.any(axis=1))
        j = reached[rows].argmax(axis=1)
        before = corner[rows, np.maximum(j - 1, 0)]
        low, high = front[rows, before], front[rows, j]
        share = (target[rows] - low) / np.where(high > low, high - low, 1.0)
        share = np.where(j > 0, np.clip(share, 0, 1), 1.0)
        result[rows, k] = np.exp(costs[before] + share * (costs[j] - costs[before]))
    return result
