"""Costs at which a front reaches an accuracy, on paper."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensearch.fronts.multiplier import costs_of, multipliers

MACS = [1e9, 2e9, 4e9, 8e9]
FRONT = np.array([[0.5, 0.6, 0.6, 0.8]])


@pytest.mark.parametrize(
    ("target", "cost"),
    [
        (0.6, 2e9),
        (0.55, 1e9 * 2**0.5),  # half way on the log axis
        (0.7, 4e9),  # half way from the corner at 2 G to that at 8 G: 4 G lies on a step
        (0.8, 8e9),
        (0.81, math.inf),
        (0.4, 1e9),  # the cheapest is better already
    ],
)
def test_costs_on_paper(target: float, cost: float) -> None:
    assert costs_of(MACS, FRONT, np.array([[target]]))[0, 0] == pytest.approx(cost)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(0, 1), st.floats(0, 1))
def test_more_accuracy_never_costs_less(steps: list[float], one: float, other: float) -> None:
    front = np.maximum.accumulate(np.array([steps]), axis=1)
    macs = [1e9 * 2**k for k in range(len(steps))]
    less, more = costs_of(macs, front, np.array([sorted((one, other))]))[0]
    assert macs[0] * (1 - 1e-12) <= less <= more * (1 + 1e-9)
    assert more == math.inf or more <= macs[-1] * (1 + 1e-12)


def test_a_multiplier_with_its_interval() -> None:
    """Replicates on a straight front of 0.1 a doubling: 1.96 x 0.01 is 0.196 doublings."""
    front = np.repeat(np.array([[0.5, 0.6, 0.7, 0.8]]), 4001, axis=0)
    noise = 0.01 * np.random.default_rng(0).standard_normal((4001, 1))
    noise[0] = 0
    (found,) = multipliers(np.array([2e9]), MACS, front, 0.65 + noise)
    assert found.value == pytest.approx(2**0.5)
    assert not found.censored
    assert found.low == pytest.approx(2 ** (0.5 - 0.196), rel=0.01)
    assert found.high == pytest.approx(2 ** (0.5 + 0.196), rel=0.01)


def test_what_no_single_network_reaches_is_at_least_the_dearest() -> None:
    front = np.repeat(FRONT, 101, axis=0)
    (found,) = multipliers(np.array([2e9]), MACS, front, np.full((101, 1), 0.9))
    assert (found.value, found.low, found.high, found.censored) == (4, 4, math.inf, True)
