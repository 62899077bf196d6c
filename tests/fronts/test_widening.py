"""The slope of the advantage over budgets, against values on paper and brute force."""

import itertools

import numpy as np
import pytest

from ensearch.fronts import FrontRow
from ensearch.fronts.widening import slope


def row(budget: float, advantage: float | None, half: float | None = None) -> FrontRow:
    known = half is not None and advantage is not None
    return FrontRow(
        budget=budget,
        single=None,
        ensemble=None,
        advantage=advantage,
        low=advantage - half if known else None,  # type: ignore[operator]
        high=advantage + half if known else None,  # type: ignore[operator]
        matched=advantage is not None,
    )


def test_a_point_more_with_every_doubling() -> None:
    found = slope([row(1e6, 0.0), row(1.5e6, None), row(2e6, 0.01), row(4e6, 0.02)])
    assert found is not None
    assert found.value == pytest.approx(0.01)
    assert (found.low, found.high, found.budgets) == (None, None, 3)
    assert found.at(8e6) == pytest.approx(0.03)


def test_two_budgets_have_no_slope() -> None:
    assert slope([row(1e6, 0.0), row(2e6, 0.01), row(4e6, None)]) is None


def test_the_interval_holds_every_line_through_the_intervals() -> None:
    budgets, advantages, halves = (1e6, 2e6, 4e6, 9e6), (0.0, 0.02, 0.01, 0.03), (10, 20, 5, 10)
    given = list(zip(budgets, advantages, (half / 1000 for half in halves), strict=True))
    found = slope([row(*each) for each in given])
    assert found is not None
    assert found.low is not None
    x = np.log2(budgets)
    corners = itertools.product(*((d - half, d + half) for _, d, half in given))
    slopes = [float(np.polyfit(x, corner, 1)[0]) for corner in corners]
    assert found.low == pytest.approx(min(slopes))
    assert found.high == pytest.approx(max(slopes))
    assert found.value == pytest.approx(float(np.polyfit(x, advantages, 1)[0]))
