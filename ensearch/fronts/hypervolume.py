"""How good a whole front is, in one number: the area under it."""

import math
from collections.abc import Sequence


def hypervolume(
    costs: Sequence[float], accuracies: Sequence[float], budget: float, low: float, reference: float
) -> float:
    """Return the area between the points' staircase and `reference`, over log10 of the cost.

    It reaches from `low` to `budget`, within which all costs, in any unit, must lie. The area is in
    accuracy x decades. Zitzler and Thiele 1998.
    """
    area, best, at = 0.0, reference, math.log10(low)
    for cost, accuracy in sorted(zip(costs, accuracies, strict=True)):
        x = math.log10(cost)
        area += (best - reference) * (x - at)
        best, at = max(best, accuracy), x
    return area + (best - reference) * (math.log10(budget) - at)
