"""Whether the gap between ensembles and single networks widens as budgets grow.

Kondratyuk et al. 2020 (arXiv:2005.00570) found that it does. The slope of D(B) over log2 B is that
of least squares, a weighted sum of the D(B): with the ends of intervals that hold at all budgets at
once in their place, the same sum bounds the slope with the same confidence, whatever ties the D(B)
of neighbouring budgets together.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ensearch.fronts.rows import FrontRow

FEWEST = 3  # matched budgets: through two there is always a line


class Slope(NamedTuple):
    """How the advantage changes with every doubling of the budget, a fraction of accuracy.

    `low` and `high` bound it where the intervals of the advantages are known. The line is at
    `middle` where the budget is `center`. `budgets` counts those it goes through.
    """

    value: float
    low: float | None
    high: float | None
    center: float
    middle: float
    budgets: int

    def at(self, budget: float) -> float:
        """Return the advantage on the line."""
        return self.middle + self.value * math.log2(budget / self.center)


def slope(rows: Sequence[FrontRow]) -> Slope | None:
    """Return the slope of the advantage at matched budgets; None with fewer than three."""
    matched = [(row, row.advantage) for row in rows if row.matched and row.advantage is not None]
    if len(matched) < FEWEST:
        return None
    x = np.log2([row.budget for row, _ in matched])
    d = np.array([advantage for _, advantage in matched])
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    ends = [(row.low, row.high) for row, _ in matched]
    low = high = None
    known = [(a, b) for a, b in ends if a is not None and b is not None]
    if len(known) == len(matched):
        lows, highs = np.array(known).T
        low = float(np.sum(weights * np.where(weights > 0, lows, highs)))
        high = float(np.sum(weights * np.where(weights > 0, highs, lows)))
    return Slope(
        value=float(np.sum(weights * d)),
        low=low,
        high=high,
        center=float(2 ** x.mean()),
        middle=float(d.mean()),
        budgets=len(matched),
    )
