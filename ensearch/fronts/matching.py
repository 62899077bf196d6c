"""What fits into a budget, and whether single networks and ensembles can be compared there.

Costs within 5 % are matched. Without this, 4 x EfficientNet-B2 (3.97 G) meets B3 (1.83 G), the best
single network that fits, and is credited with about 1.15 points of pure grid granularity. It holds
both ways: with ensembles at every other budget only, and no true difference, single networks seemed
clearly ahead in 60 of 60 simulated studies; matched both ways, in 4.

A cost is that of the axis on which evaluations are compared, in its unit: `Evaluation.price`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ensearch.core import Evaluation, Floats

# What costs at least this share of the other's cost is matched with it.
MATCHED_SHARE = 0.95
# Of a budget, something of both must cost more than this share: one step between budgets.
USED_SHARE = 0.5**0.5
DIGITS = 12  # of an accuracy: means of equal hits may differ by 1e-16, which is no lead


def best_within(
    evaluations: Sequence[Evaluation], budget: float, singles: bool
) -> Evaluation | None:
    """Return the most accurate single network (or ensemble) of at most `budget`, if there is one.

    The cheapest, where several are equally accurate.
    """
    fitting = [e for e in evaluations if e.is_single == singles and e.price <= budget]
    return max(fitting, key=lambda e: (e.scores.accuracy, -e.price), default=None)


def corners(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return those that are more accurate than everything cheaper, by cost."""
    found: list[Evaluation] = []
    for e in sorted(evaluations, key=lambda e: (e.price, -e.scores.accuracy)):
        if not found or e.scores.accuracy > found[-1].scores.accuracy:
            found.append(e)
    return found


def within(evaluations: Sequence[Evaluation], budget: float, singles: bool) -> npt.NDArray[np.intp]:
    """Return the indices of single networks (or ensembles) of at most `budget`, cheapest first."""
    chosen = [i for i, e in enumerate(evaluations) if e.is_single == singles]
    fitting = [i for i in chosen if evaluations[i].price <= budget]
    return np.array(sorted(fitting, key=lambda i: evaluations[i].price), np.intp)


def best_of(indices: npt.NDArray[np.intp], accuracies: Floats) -> int:
    """Return the most accurate of some indices, the first of equals."""
    return int(indices[accuracies[indices].round(DIGITS).argmax()])


def comparable(
    evaluations: Sequence[Evaluation], budget: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return what the other kind can match within the budget: single networks, and ensembles.

    The most expensive of the other kind costs at least 95 % of each.
    """
    kinds = [within(evaluations, budget, singles) for singles in (True, False)]
    most_of = [highest(evaluations, budget, singles) for singles in (True, False)]
    singles, ensembles = (
        np.array([i for i in kind if MATCHED_SHARE * evaluations[i].price <= most], np.intp)
        for kind, most in zip(kinds, most_of[::-1], strict=True)
    )
    return singles, ensembles


def is_matched(evaluations: Sequence[Evaluation], accuracies: Floats, budget: float) -> bool:
    """Return whether single networks and ensembles both had their chance at this cost.

    The best of each kind, by these accuracies, can be matched by the other kind, and something of
    either costs more than the budget over sqrt(2), so that nothing is said of budgets that nobody
    tried to use.
    """
    kinds = [within(evaluations, budget, singles) for singles in (True, False)]
    if not all(len(kind) for kind in kinds):
        return False
    single, ensemble = (evaluations[best_of(kind, accuracies)] for kind in kinds)
    return are_matched(evaluations, single, ensemble, budget)


def are_matched(
    tried: Sequence[Evaluation], single: Evaluation, ensemble: Evaluation, budget: float
) -> bool:
    """Return the same of the best of both kinds within the budget, by all that was tried."""
    most = [highest(tried, budget, singles) for singles in (True, False)]
    each = zip((single, ensemble), most[::-1], strict=True)
    return min(most) > _least(budget) and all(
        MATCHED_SHARE * best.price <= most_of_other for best, most_of_other in each
    )


def highest(evaluations: Iterable[Evaluation], budget: float, singles: bool) -> float:
    """Return the cost of the most expensive single network (or ensemble) within the budget.

    It is 0 if there is none.
    """
    costs = (e.price for e in evaluations if e.is_single == singles)
    return max((cost for cost in costs if cost <= budget), default=0)


def _least(budget: float) -> float:
    """What something must cost more than, to use the budget."""
    return USED_SHARE * budget * (1 - 1e-9)


def missing(
    evaluations: Sequence[Evaluation],
    single: Evaluation | None,
    ensemble: Evaluation | None,
    budget: float,
) -> tuple[bool, float] | None:
    """Return what would match the best of both kinds within a budget; None if both are matched.

    A single network if the first is true, else an ensemble, that costs at least the second.
    """
    for is_single, other in ((False, single), (True, ensemble)):
        least = max(MATCHED_SHARE * (other.price if other else 0), _least(budget))
        if highest(evaluations, budget, is_single) < least:
            return is_single, least
    return None
