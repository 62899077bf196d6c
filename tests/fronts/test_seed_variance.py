"""Noise of seeds, in tables of hits whose parts are drawn with known variances."""

import itertools
import math

import numpy as np
import pytest

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts.seed_variance import (
    LEAST,
    UNKNOWN,
    Between,
    between_members,
    degrees_of_freedom,
    seed_error,
    seed_spread,
    spread_by_cost,
)
from tests.advantages import evaluation


def made(
    members: int,
    images: int,
    main: float,
    seed: int,
    sizes: tuple[int, ...] = (1, 2),
    width: float = 1,
) -> tuple[list[Evaluation], dict[str, SubsetHits]]:
    """Members of one network whose accuracies vary around 0.7 with the standard deviation `main`.

    Hits of an ensemble are majorities with ties broken by its first member.
    """
    rng = np.random.default_rng(seed)
    accuracies = 0.7 + main * rng.standard_normal(members)
    hard = rng.random(images)
    own = 0.5 * hard + 0.5 * rng.random((members, images))
    # The mean of two uniforms is below sqrt(q / 2) with probability q if q < 1/2.
    alone = own < (1 - np.sqrt((1 - accuracies) / 2))[:, None]
    rows, outcomes = [], {}
    for size in sizes:
        subsets = tuple(itertools.combinations(range(members), size))
        hits = np.stack([alone[list(s)].sum(axis=0) + alone[s[0]] / 2 > size / 2 for s in subsets])
        rows.append(evaluation(width, size, float(hits.mean())))
        outcomes[rows[-1].key] = SubsetHits(subsets=subsets, hits=hits)
    return rows, outcomes


def test_jackknife_of_single_networks_is_the_standard_error_of_their_mean() -> None:
    rows, outcomes = made(6, 500, 0.02, seed=0)
    accuracies = outcomes[rows[0].key].hits.mean(axis=1)
    expected = accuracies.std(ddof=1) / math.sqrt(6)
    assert seed_error(rows[0], outcomes) == pytest.approx(expected)


def test_influences_are_those_of_leaving_each_member_out() -> None:
    rows, outcomes = made(6, 500, 0.02, seed=0, sizes=(3,))
    found = outcomes[rows[0].key]
    means = found.hits.mean(axis=1)
    left = [
        means[[m not in s for s in found.subsets]].mean()  # over the subsets without member m
        for m in range(6)
    ]
    influences = 5 * (means.mean() - np.array(left))
    expected = math.sqrt(float((influences**2).sum()) / 30)
    assert seed_error(rows[0], outcomes) == pytest.approx(expected)


def test_the_ensemble_of_all_members_takes_the_error_of_the_next_smaller_size() -> None:
    rows, outcomes = made(3, 500, 0.02, seed=0, sizes=(1, 2, 3))
    assert seed_error(rows[2], outcomes) == seed_error(rows[1], outcomes) is not None


def test_one_member_has_no_error() -> None:
    rows, outcomes = made(1, 500, 0.0, seed=0, sizes=(1,))
    assert seed_error(rows[0], outcomes) is None
    assert between_members(rows, list(outcomes.values())) == []
    assert math.isnan(seed_spread([]))


def test_some_subsets_of_many_give_the_error_of_all() -> None:
    """20 of the 70 ensembles of 4 of 8: their choice is not taken for noise of the members."""
    ratios = []
    for seed in range(30):
        rows, outcomes = made(8, 400, 0.03, seed, sizes=(4,))
        everything = seed_error(rows[0], outcomes)
        found = outcomes[rows[0].key]
        some = sorted(np.random.default_rng(seed).choice(70, 20, replace=False))
        part = SubsetHits(subsets=tuple(found.subsets[i] for i in some), hits=found.hits[some])
        assert everything is not None
        ratios.append((seed_error(rows[0], {rows[0].key: part}) or 0) / everything)
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("main", [0.0, 0.01, 0.03])
def test_spread_is_that_of_the_members_without_that_of_the_images(main: float) -> None:
    """50 networks of 4 on 500 images: images alone make one member vary by 0.02 more."""
    networks: list[Between] = []
    for seed in range(50):
        rows, outcomes = made(4, 500, main, seed, width=1 + seed)
        networks += between_members(rows, list(outcomes.values()))
    assert degrees_of_freedom(networks) == 150
    assert seed_spread(networks) * 0.7 * 0.3 == pytest.approx(main, abs=0.004)


def test_the_two_way_table_on_paper() -> None:
    """Two members that hit 2 and 1 of 4 images: variance 1/32, of which 1/32 is the residual's.

    The total sum of squares is 15/8, that of the images 11/8, that of the members 1/8: 3/8 are left
    with 3 degrees of freedom.
    """
    hits = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], np.bool_)
    rows = [evaluation(1, 1, 3 / 8)]
    (found,) = between_members(rows, [SubsetHits(subsets=((0,), (1,)), hits=hits)])
    assert found.variance == pytest.approx(1 / 32)
    assert found.of_images == pytest.approx(1 / 32)
    assert (found.members, found.accuracy) == (2, 3 / 8)
    assert found.scale == pytest.approx(15 / 64)
    assert found.log2_macs == pytest.approx(math.log2(1e9))


def networks_of(cheap: float, dear: float, seed: int, images: float = 1e-5) -> list[Between]:
    """40 networks of 5 over 6 doublings of cost whose spread c changes by equal factors."""
    rng = np.random.default_rng(seed)
    result = []
    for k in range(40):
        c = cheap * (dear / cheap) ** (k / 39)
        variance = ((c * 0.16) ** 2 + images) * rng.chisquare(4) / 4
        result.append(Between(str(k), 5, float(variance), images, 0.8, 24 + 6 * k / 39))
    return result


@pytest.mark.parametrize(("cheap", "dear"), [(0.08, 0.24), (0.27, 0.09), (0.15, 0.15)])
def test_a_spread_that_changes_with_the_cost_is_found(cheap: float, dear: float) -> None:
    """The mean of 20 tables is within 10 % at both ends and in the middle, each within 45 %."""
    found = np.stack(
        [spread_by_cost(networks_of(cheap, dear, s), np.array([24.0, 27, 30])) for s in range(20)]
    )
    truth = np.array([cheap, math.sqrt(cheap * dear), dear])
    np.testing.assert_allclose(found.mean(axis=0), truth, rtol=0.1)
    assert np.abs(np.log(found / truth)).max() < math.log(1.45)


def test_costs_beyond_those_tried_count_as_the_nearest() -> None:
    found = spread_by_cost(networks_of(0.08, 0.24, 0), np.array([0.0, 24, 30, 60]))
    assert found[0] == found[1] < found[2] == found[3]


def test_of_unknown_spreads_a_usual_one_is_taken() -> None:
    np.testing.assert_array_equal(spread_by_cost([], np.array([20.0, 30])), [UNKNOWN, UNKNOWN])


def test_members_that_are_all_alike_may_be_so_by_luck() -> None:
    alike = [Between(str(k), 2, 0.0, 0.0, 0.8, 24.0 + k) for k in range(4)]
    found = spread_by_cost(alike, np.array([24.0, 27]))
    assert (found >= LEAST).all()
    perfect = [Between(str(k), 2, 0.0, 0.0, 1.0, 24.0 + k) for k in range(4)]
    assert seed_spread(perfect) == 0
    assert (spread_by_cost(perfect, np.array([24.0, 27])) >= LEAST).all()
