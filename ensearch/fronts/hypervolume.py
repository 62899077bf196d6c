"""How good a whole front is, in one number."""

import math
from collections.abc import Sequence


def hypervolume(
    costs: Sequence[float], accuracies: Sequence[float], budget: float, low: float, reference: float
) -> float:
    """Area between the points' staircase and `reference`, over log10 cost from `low` to `budget`.

    Zitzler and Thiele 1998. Costs in multiply-adds; the unit is accuracy x decades.
    """
    area, best, at = 0.0, reference, math.log10(low)
    for cost, accuracy in sorted(zip(costs, accuracies, strict=True)):
        x = math.log10(cost)
        area += (best - reference) * (x - at)
        best, at = max(best, accuracy), x
    return area + (best - reference) * (math.log10(budget) - at)
