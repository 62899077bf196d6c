"""Covariances of accuracies, against tables that can be worked out on paper."""

import math

import numpy as np
import pytest

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts.noise import measure
from ensearch.fronts.seed_variance import UNKNOWN, between_members, spread_by_cost
from tests.advantages import evaluation, outcomes_of

A = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], np.bool_)  # two members
B = np.array([1, 0, 1, 0], np.bool_)
PAIR = np.array([1, 1, 0, 1], np.bool_)  # both members of A


def four_images() -> tuple[list[Evaluation], list[SubsetHits]]:
    """Two networks, one of two members whose ensemble is there too."""
    rows = [evaluation(1, 1, 3 / 8), evaluation(2, 1, 1 / 2), evaluation(1, 2, 3 / 4)]
    single = SubsetHits(subsets=((0,), (1,)), hits=A)
    return rows, [single, outcomes_of(1, B), outcomes_of(2, PAIR)]


def test_images_on_paper() -> None:
    """Means over members are 1, 1/2, 0, 0 and 1, 0, 1, 0: sums of squares 11/16 and 1, cross 1/4.

    Divided by 3 x 4; a hidden error adds 1/16 to each variance.
    """
    found = measure(*four_images())
    np.testing.assert_allclose(found.accuracies, [3 / 8, 1 / 2, 3 / 4])
    expected = np.array([[11 / 16, 1 / 4], [1 / 4, 1]]) / 12 + np.eye(2) / 16
    np.testing.assert_allclose(found.images[:2, :2], expected)
    assert (found.count, found.degrees) == (4, 1)
    assert found.networks[0] == found.networks[2] != found.networks[1]
    np.testing.assert_allclose(found.trained, [2, 1, 2])
    np.testing.assert_allclose(found.covariance, found.images + found.members)


def test_what_more_members_average_away_on_paper() -> None:
    """The residual of A's table is 1/32 for a member, 1/64 for two; of B nothing is known."""
    found = measure(*four_images())
    expected = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1]]) / 64
    np.testing.assert_allclose(found.both, expected)


def test_luck_is_shared_by_all_sizes_of_a_network() -> None:
    rows, hits = four_images()
    found = measure(rows, hits).members
    spread = spread_by_cost(between_members(rows, hits), np.log2([1e9, 2e9, 1e9]))
    hidden = (np.array([3 / 8, 1 / 2, 3 / 4]) * 4 + 1) / 6
    luck = spread * hidden * (1 - hidden) / np.sqrt([2, 1, 2])
    np.testing.assert_allclose(np.sqrt(np.diag(found)), luck)
    assert found[0, 2] == pytest.approx(luck[0] * luck[2])
    assert found[0, 1] == found[1, 2] == 0


def test_without_a_second_member_the_luck_is_a_usual_one() -> None:
    rows, hits = [evaluation(1, 1, 1 / 2)], [outcomes_of(1, B)]
    found = measure(rows, hits)
    assert found.degrees == 0
    assert found.members[0, 0] == pytest.approx((UNKNOWN / 4) ** 2)
    assert found.both[0, 0] == 0


def test_where_nobody_errs_there_is_a_floor() -> None:
    """500 images without an error: one hidden error, and luck of an accuracy of 501 / 502."""
    perfect = np.ones(500, np.bool_)
    rows = [evaluation(1, 1, 1.0), evaluation(0.5, 2, 1.0)]
    found = measure(rows, [outcomes_of(1, perfect), outcomes_of(2, perfect)])
    np.testing.assert_allclose(found.images, np.eye(2) / 500**2)
    assert (np.diag(found.members) > 0).all()
    d = found.covariance
    assert 1.96 * math.sqrt(d[0, 0] + d[1, 1] - 2 * d[0, 1]) > 0.005


def test_more_members_and_more_images_on_paper() -> None:
    found = measure(*four_images())
    np.testing.assert_allclose(found.with_more({}, 1), found.covariance, atol=1e-15)
    # As many members of A again: half of its luck, and half of what its members and images share.
    network = int(found.networks[0])
    twice = found.with_more({network: 2}, 1)
    halved = np.array([[1 / 2, 0.5**0.5, 1 / 2], [0.5**0.5, 1, 0.5**0.5], [1 / 2, 0.5**0.5, 1 / 2]])
    expected = found.images - found.both * (1 - halved) + found.members * halved
    np.testing.assert_allclose(twice, expected, atol=1e-12)
    # All members that there are leave the images alone, and all images the luck.
    everyone = dict.fromkeys((0, 1), math.inf)
    np.testing.assert_allclose(found.with_more(everyone, 1), found.images - found.both, atol=1e-12)
    np.testing.assert_allclose(found.with_more({}, math.inf), found.members, atol=1e-12)
    np.testing.assert_allclose(found.with_more(everyone, math.inf), 0, atol=1e-12)
    np.testing.assert_allclose(found.with_more({}, 4), found.images / 4 + found.members, atol=1e-12)


def test_covariances_are_none_of_less_than_nothing() -> None:
    """Some hundred random tables: no direction has a variance below 0, however many members."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        members, images = int(rng.integers(2, 5)), int(rng.integers(5, 40))
        rows, hits = [], []
        for width in (1.0, 2.0):
            alone = rng.random((members, images)) < rng.uniform(0.3, 1)
            pair = alone[0] | alone[1]
            singles = tuple((m,) for m in range(members))
            rows += [evaluation(width, 1, float(alone.mean()))]
            rows += [evaluation(width, 2, float(pair.mean()))]
            hits += [SubsetHits(subsets=singles, hits=alone), outcomes_of(2, pair)]
        found = measure(rows, hits)
        for covariance in (found.covariance, found.with_more({0: math.inf, 1: 3}, 2)):
            np.testing.assert_allclose(covariance, covariance.T, atol=1e-15)
            assert np.linalg.eigvalsh(covariance).min() > -1e-12
