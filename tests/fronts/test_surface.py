"""Surfaces fitted to points of the law itself, and to points of none."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensearch.core import Evaluation, Floats
from ensearch.fronts.surface import Fitted, fit
from tests.advantages import evaluation

COSTS = [2**k for k in range(-3, 5)]  # giga multiply-adds of a member
BUDGETS = np.array([1e9, 2e9, 4e9, 8e9, 16e9])


def law(cost: float, size: int, gain: float = 0.05) -> float:
    return float(0.95 - 0.15 * cost**-0.3 + gain * cost**0.2 * (1 - 1 / size))


def points(gain: float = 0.05, sizes: tuple[int, ...] = (1, 2, 4)) -> list[Evaluation]:
    return [
        evaluation(cost, size, law(cost, size, gain))
        for cost in COSTS
        for size in sizes
        if 1 <= cost * size <= 16
    ]


def noisy(rows: list[Evaluation], sd: float, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    exact = np.array([e.scores.accuracy for e in rows])
    measured = exact + sd * rng.standard_normal(len(rows))
    return np.vstack([measured, measured + sd * rng.standard_normal((200, len(rows)))])


def crossover(gain: float, sizes: tuple[int, ...] = (2, 4)) -> float:
    """The crossover of the law, found by bisection."""
    low, high = 1e-3, 1e3
    while high / low > 1.0001:
        middle = math.sqrt(low * high)
        ahead = max(law(middle / m, m, gain) for m in sizes) > law(middle, 1)
        low, high = (low, middle) if ahead else (middle, high)
    return high * 1e9


@pytest.mark.parametrize("gain", [0.05, 0.06])
def test_points_of_the_law_give_its_crossover(gain: float) -> None:
    rows = points(gain)
    found = fit(rows, noisy(rows, 1e-4), BUDGETS)
    assert isinstance(found, Fitted)
    assert found.budget == pytest.approx(crossover(gain), rel=0.05)
    assert found.residual < 2e-4
    assert "puts the crossover at about" in found.sentence


def test_the_interval_holds_the_crossover_of_the_law() -> None:
    """40 studies: at least 34 with probability 0.99 if 95 % do."""
    rows, truth = points(), crossover(0.05)
    held = 0
    for seed in range(40):
        found = fit(rows, noisy(rows, 0.004, seed), BUDGETS)
        assert isinstance(found, Fitted)
        held += found.low <= truth <= found.high
    assert held >= 34


@pytest.mark.parametrize(
    ("gain", "crossing", "words"), [(0.2, 0.0, "below 1G"), (0.0, math.inf, "beyond 16G")]
)
def test_a_crossover_outside_the_budgets_is_not_extrapolated(
    gain: float, crossing: float, words: str
) -> None:
    rows = points(gain)
    found = fit(rows, noisy(rows, 1e-3), BUDGETS)
    assert isinstance(found, Fitted)
    assert (found.crossing, found.budget) == (crossing, None)
    assert f"puts the crossover {words} (95 % interval: {words})" in found.sentence


def test_points_that_miss_the_law_widen_the_interval() -> None:
    rows = points()
    bent = noisy(rows, 0.001)
    bent = bent + 0.02 * (np.arange(len(rows)) % 2)
    straight, other = fit(rows, noisy(rows, 0.001), BUDGETS), fit(rows, bent, BUDGETS)
    assert isinstance(straight, Fitted)
    assert isinstance(other, Fitted)
    assert other.residual > 5 * straight.residual
    assert other.low < straight.low < straight.high < other.high


@pytest.mark.parametrize("sizes", [(1,), (2, 4)])
def test_one_kind_alone_is_no_surface(sizes: tuple[int, ...]) -> None:
    rows = points(sizes=sizes)
    found = fit(rows, noisy(rows, 0.001), BUDGETS)
    assert isinstance(found, str)
    assert "needs 4 costs of single networks and of ensembles" in found


tables = st.lists(
    st.tuples(st.sampled_from(COSTS), st.integers(1, 5), st.floats(0, 1)), min_size=8, max_size=30
)


@settings(max_examples=25, deadline=None)
@given(tables)
def test_nothing_measured_breaks_the_fit(table: list[tuple[float, int, float]]) -> None:
    rows = [evaluation(*entry) for entry in table]
    accuracies = np.repeat([[entry[2] for entry in table]], 41, axis=0)
    found = fit(rows, accuracies, BUDGETS)
    if isinstance(found, Fitted):
        assert found.low <= found.crossing <= found.high
        assert np.isfinite(list(found.parameters.values())).all()
