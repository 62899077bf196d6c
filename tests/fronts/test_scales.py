"""Covariances of the pooled model: slopes against differences, and what is alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensearch.core import Evaluation
from ensearch.fronts.scales import HIGH, LOW, MIDDLE, RANGES, WIDTHS, Kernels, scales_of
from tests.advantages import evaluation


def rows() -> list[Evaluation]:
    """Two groups of three networks each, sizes 1, 2 and 4."""
    found = [evaluation(2.0**k, size, 0.8) for k in range(3) for size in (1, 2, 4)]
    deeper = [
        replace(e, architecture=replace(e.architecture, depth=16, width=1.5 * e.architecture.width))
        for e in found
    ]
    return found + deeper


def kernels() -> Kernels:
    found = rows()
    names = np.unique([e.network for e in found], return_inverse=True)[1]
    return Kernels.of(found, names.astype(np.intp))


def test_slopes_are_those_of_finite_differences() -> None:
    made, rng = kernels(), np.random.default_rng(0)
    values = MIDDLE + 0.7 * WIDTHS * rng.standard_normal(len(MIDDLE))
    w = rng.standard_normal((18, 18))
    covariance, slopes = made.with_slopes(values)
    np.testing.assert_array_equal(covariance, made.covariance(values))
    step = 1e-5
    differences = [
        float(np.vdot(w, made.covariance(values + move) - made.covariance(values - move)))
        / (2 * step)
        for move in step * np.eye(len(values))
    ]
    np.testing.assert_allclose(slopes(w), differences, rtol=1e-4, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=12, max_size=12))
def test_no_scales_give_a_variance_below_nothing(shares: list[float]) -> None:
    covariance = kernels().covariance(LOW + np.array(shares) * (HIGH - LOW))
    np.testing.assert_allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_scales_are_read_in_the_order_of_their_ranges() -> None:
    found = scales_of(MIDDLE)
    for name, (low, high) in RANGES.items():
        assert getattr(found, name) == pytest.approx((low * high) ** 0.5)
    assert found.correlation == 0
    assert scales_of(np.append(MIDDLE[:-1], 0.5)).correlation == pytest.approx(np.tanh(0.5))


def test_groups_differ_in_more_than_width() -> None:
    made = kernels()
    assert made.groups.tolist() == [0] * 9 + [1] * 9
    longer = [replace(e, schedule=replace(e.schedule, epochs=9)) for e in rows()[:2]]
    assert Kernels.of([*rows(), *longer], np.arange(20)).groups.tolist()[-2:] == [2, 2]


def test_single_networks_know_no_gain() -> None:
    """h = 1 - 1/m is 0 for a single network: nothing of averaging varies there."""
    made = kernels()
    single = [k for k, e in enumerate(rows()) if e.is_single]
    for kernel in (made.network_gain, made.group_gain, made.several, made.doubling, made.size):
        assert np.abs(kernel[single]).max() == 0
    pair = [k for k, e in enumerate(rows()) if e.size == 2]
    expected = 0.5 * 0.5**2 + 0.15
    np.testing.assert_allclose(np.diag(made.network_gain)[pair], expected)
