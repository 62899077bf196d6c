"""Budgets for an axis on which nobody searched, such as milliseconds.

A search makes configurations that meet at the rungs of its ladder of multiply-adds. In milliseconds
the same configurations lie anywhere, and a budget at an arbitrary place would hardly ever have a
single network and an ensemble of equal cost. So budgets are laid where there are both. They are
chosen by costs alone, never by accuracies: what is claimed at them holds as at any others.
"""

from collections.abc import Sequence

from ensearch.core import Evaluation
from ensearch.fronts.matching import MATCHED_SHARE, highest

MOST = 8  # budgets, one in each half octave


def compared(evaluations: Sequence[Evaluation]) -> tuple[float, ...]:
    """Return ascending budgets at which evaluations are compared, by their prices.

    The largest is the largest price at which the most expensive single network and ensemble within
    are matched. Below, each half octave has the largest such price in it, or the largest price if
    none is such. Where nothing is matched anywhere, the largest is the largest price. Empty without
    evaluations.
    """
    prices = sorted({e.price for e in evaluations}, reverse=True)
    matched = [price for price in prices if _is_matched(evaluations, price)]
    if not prices:
        return ()
    top = matched[0] if matched else prices[0]
    budgets = []
    for step in range(MOST):
        high, low = top / 2 ** (step / 2), top / 2 ** ((step + 1) / 2)
        inside = [price for price in prices if low < price <= high * (1 + 1e-9)]
        both = [price for price in inside if price in matched]
        budgets += both[:1] or inside[:1]
    return tuple(reversed(budgets))


def _is_matched(evaluations: Sequence[Evaluation], budget: float) -> bool:
    """Whether the most expensive of both kinds within the budget cost the same."""
    both = [highest(evaluations, budget, singles) for singles in (True, False)]
    return min(both) >= MATCHED_SHARE * max(both)
