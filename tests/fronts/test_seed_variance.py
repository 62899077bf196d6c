"""Noise of seeds, in tables of hits whose parts are drawn with known variances."""

import itertools
import math

import numpy as np
import pytest

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts.seed_variance import seed_deviations, seed_error, seed_spread
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
    assert math.isnan(seed_spread(rows, list(outcomes.values())))


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
    rows: list[Evaluation] = []
    outcomes: dict[str, SubsetHits] = {}
    for seed in range(50):
        found = made(4, 500, main, seed, sizes=(1,), width=1 + seed)
        rows += found[0]
        outcomes |= found[1]
    assert seed_spread(rows, list(outcomes.values())) * 0.7 * 0.3 == pytest.approx(main, abs=0.004)


def test_deviations_shrink_with_the_members_and_near_certainty() -> None:
    rows, outcomes = made(4, 500, 0.0, seed=0)
    found = seed_deviations(rows, list(outcomes.values()), 0.1)
    p = np.array([row.scores.accuracy for row in rows])
    np.testing.assert_allclose(found, 0.1 * p * (1 - p) / 2)
