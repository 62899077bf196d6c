"""Advantages with made errors whose band, interval and status are known on paper."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensearch.core import Floats
from ensearch.fronts.crossover import band, crossings, interval, judge, span

BUDGETS = np.array([1e9, 2e9, 4e9, 8e9])


def errors(sd: float, columns: int = 4, n: int = 4000, seed: int = 0) -> Floats:
    drawn = sd * np.random.default_rng(seed).standard_normal((n, columns))
    return np.asarray((drawn - drawn.mean(axis=0)) / drawn.std(axis=0, ddof=1) * sd)


def test_band_widens_with_the_number_of_independent_budgets() -> None:
    """Max of 4 independent |t|: the 95 % quantile is 2.49, against 1.96 for one."""
    made = errors(1, n=20_000) * [1, 2, 3, 4]
    low, high = band(np.zeros(4), made)
    np.testing.assert_allclose(high, 2.49 * np.array([1, 2, 3, 4]), rtol=0.03)
    np.testing.assert_allclose(low, -high)


def test_crossings_on_paper() -> None:
    budgets = np.array([1.0, 10.0, 100.0])
    advantages = np.array(
        [
            [1.0, 2.0, 3.0],  # ahead at the smallest already
            [1.0, 2.0, 0.0],  # not ahead at the largest
            [-1.0, 1.0, 1.0],  # half way from 1 to 10 on the log axis
            [1.0, -1.0, 3.0],  # the last change counts: a quarter of the way from 10 to 100
            [-1.0, 0.0, 1.0],  # level at 10
        ]
    )
    expected = [0, math.inf, 10**0.5, 10**1.25, 10]
    np.testing.assert_allclose(crossings(budgets, advantages), expected)


curves = st.lists(st.floats(-1, 1), min_size=4, max_size=4).map(np.array)


@given(curves, st.floats(0, 1))
def test_ensembles_that_gain_everywhere_never_cross_later(curve: Floats, gain: float) -> None:
    """Why the ends of an interval can be read off the ends of the curve's own."""
    later, earlier = crossings(BUDGETS, np.stack([curve, curve + gain]))
    assert earlier <= later * (1 + 1e-12)


@given(curves, st.floats(1e-6, 1))
def test_the_crossover_is_in_its_interval(curve: Floats, sd: float) -> None:
    low, high = interval(BUDGETS, curve, errors(sd, n=50))
    found = crossings(BUDGETS, curve[None])[0]
    # Ends are searched in 32 steps between two budgets: 2.2 % of a doubling.
    assert low <= found * 1.025
    assert high >= found / 1.025


def test_interval_of_a_straight_advantage_on_paper() -> None:
    """Errors common to all budgets shift the line by 1.96 sd: 0.49 budgets of slope 0.02."""
    common = np.repeat(errors(0.005, 1), 4, axis=1)
    low, high = interval(BUDGETS, np.array([-0.03, -0.01, 0.01, 0.03]), common)
    assert math.log2(low / 1e9) == pytest.approx(1.5 - 0.49, abs=0.001)
    assert math.log2(high / 1e9) == pytest.approx(1.5 + 0.49, abs=0.001)


def test_between_two_budgets_independent_errors_average() -> None:
    """The upper end t solves -0.01 + 0.02 t = 1.96 * 0.0035 sqrt((1 - t)^2 + t^2): 0.777.

    Between the ends of the band at the two budgets a straight line would reach 0 at 0.843.
    """
    _, high = interval(BUDGETS, np.array([-0.03, -0.01, 0.01, 0.03]), errors(0.0035, n=20_000))
    assert math.log2(high / 1e9) == pytest.approx(1.777, abs=0.015)


@pytest.mark.parametrize(
    ("point", "status", "low", "high"),
    [
        ([-0.02, -0.01, 0.01, 0.02], "crossed", 2e9, 4e9),
        ([0.01, 0.02, 0.02, 0.02], "ensembles always", 0, 0),
        ([-0.01, -0.02, -0.02, -0.02], "singles always", math.inf, math.inf),
        ([-0.02, 0.02, 0.02, -0.02], "crosses back", math.inf, math.inf),
        ([0.02, 0.02, -0.02, 0.02], "crosses back", 4e9, 8e9),
        # A lead within the noise at one budget is no claim about all of them.
        ([0.01, 0.02, 0.02, 0.0005], "not identifiable", 0, math.inf),
        ([-0.02, -0.02, -0.02, -0.0005], "not identifiable", 4e9, math.inf),
        ([-0.02, -0.01, 0.02, 0.0005], "not identifiable", 2e9, math.inf),
        ([-0.0005, 0.0005, 0.001, 0.0005], "not identifiable", 0, math.inf),
    ],
)
def test_a_status_is_claimed_only_where_the_noise_allows_no_other(
    point: list[float], status: str, low: float, high: float
) -> None:
    found = judge(BUDGETS, np.array(point), errors(0.0022), "all noise")
    assert found.status == status
    assert (found.budget is not None) == (status == "crossed")
    assert found.low is not None
    assert found.high is not None
    assert low <= found.low <= found.high <= high
    assert found.sentence.endswith("all noise.")


def test_a_lead_at_every_budget_that_is_not_clear_is_told() -> None:
    found = judge(BUDGETS, np.array([0.01, 0.02, 0.02, 0.0005]), errors(0.0022), "all noise")
    assert "clearly ahead at 1G, 2G, 4G, but elsewhere" in found.sentence
    assert "(ensembles lead at every matched budget, but not clearly)" in found.sentence


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1.5e9, 3e9, "1.5G to 3G"),
        (0.0, 3e9, "below 1G to 3G"),
        (1.5e9, math.inf, "1.5G to beyond 8G"),
        (0.0, math.inf, "below 1G to beyond 8G"),
        (0.0, 0.0, "below 1G"),
        (math.inf, math.inf, "beyond 8G"),
    ],
)
def test_spans_in_words(low: float, high: float, words: str) -> None:
    assert span(BUDGETS, low, high) == words


def test_exact_advantages_have_an_exact_crossover() -> None:
    """Errors of 0: the two kinds hit the same images in every replicate."""
    low, high = interval(BUDGETS, np.array([-0.01, -0.01, 0.01, 0.01]), np.zeros((50, 4)))
    assert low == high == pytest.approx(2e9 * 2**0.5)
