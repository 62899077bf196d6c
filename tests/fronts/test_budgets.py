"""Budgets for an axis on which nobody searched."""

from dataclasses import replace

import numpy as np
import pytest

from ensearch.core import AxisCost, Evaluation
from ensearch.fronts.budgets import compared
from ensearch.fronts.matching import is_matched
from tests.worlds import evaluation


def priced(**prices: float) -> list[Evaluation]:
    """Single networks s0, s1, ... and ensembles e0, e1, ... at these prices."""
    found = []
    for number, (name, price) in enumerate(prices.items()):
        size = 1 if name.startswith("s") else 2
        one = evaluation(size, 10, 1 + number / 16, 1_000_000, 0.8 + number / 1000)
        found.append(replace(one, on_axis=AxisCost(value=price)))
    return found


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ({"s0": 1.0, "e0": 0.98}, (1.0,)),
        ({"s0": 0.98, "e0": 1.0}, (1.0,)),
        # What takes longer than everything of the other kind is in no comparison.
        ({"s0": 1.0, "e0": 0.98, "e1": 3.0}, (1.0,)),
        # Of a half octave the largest matched price; of one without a match the largest.
        ({"s0": 1.0, "e0": 1.0, "s1": 0.6, "e1": 0.58, "s2": 0.4}, (0.4, 0.6, 1.0)),
        ({"s0": 1.0, "e0": 1.0, "s1": 0.65, "s2": 0.6, "e1": 0.58}, (0.6, 1.0)),
        # Nothing is matched anywhere.
        ({"s0": 1.0, "e0": 2.0}, (1.0, 2.0)),
        ({"s0": 1.0}, (1.0,)),
        ({}, ()),
    ],
)
def test_budgets_lie_where_both_kinds_cost_the_same(
    prices: dict[str, float], expected: tuple[float, ...]
) -> None:
    assert compared(priced(**prices)) == pytest.approx(expected)


def test_accuracies_move_no_budget() -> None:
    some = priced(s0=1.0, e0=1.0, s1=0.6, e1=0.58, s2=0.4)
    others = [replace(e, scores=replace(e.scores, accuracy=0.5)) for e in some]
    assert compared(some) == compared(others)


def test_costs_at_the_largest_budget_are_matched() -> None:
    some = priced(s0=0.97, s1=0.4, e0=1.0, e1=0.7, e2=5.0)
    accuracies = np.array([e.scores.accuracy for e in some])
    assert is_matched(some, accuracies, compared(some)[-1])
    assert not is_matched(some, accuracies, 5.0)
