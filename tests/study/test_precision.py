"""How wide intervals will be: the formula against arithmetic, and what stored hits say of it."""

import dataclasses
import math

import numpy as np
import pytest

from ensearch.core import Evaluation, SubsetHits
from ensearch.study import precision
from ensearch.study.precision import RATIO, Spread
from tests.worlds import evaluation

HALF = Spread(accuracy=0.5, seeds=0.04, apart=0.2, within=0.6)


def test_the_half_width_is_that_of_the_formula() -> None:
    """s = 1/4. Images: 1/4 (0.2 + 0.6 x 2/3) / 600 = 2.5e-4; seeds: (0.01)^2 x 2/3."""
    assert HALF.half_width(600, 3, 3) == pytest.approx(RATIO * math.sqrt(2.5e-4 + 2e-4 / 3))
    # With infinitely many seeds 1/4 x 0.2 / 500 = 1e-4 is left: one point.
    assert HALF.half_width(500, math.inf, math.inf) == pytest.approx(RATIO * 0.01)
    assert HALF.half_width(math.inf, 1, 1) == pytest.approx(RATIO * 0.01 * math.sqrt(2))


def test_what_a_margin_needs_is_what_would_do() -> None:
    margin = 0.025
    made = precision.expect(HALF, images=600, seeds=3, margin=margin)
    assert made.half_width == HALF.half_width(600, 3, 3) > margin
    assert made.shows_margin
    assert made.seeds is not None
    assert made.images is not None
    assert HALF.half_width(600, made.seeds, made.seeds) <= margin
    assert HALF.half_width(600, made.seeds - 1, made.seeds - 1) > margin
    assert HALF.half_width(made.images, 3, 3) <= margin
    assert HALF.half_width(made.images - 1, 3, 3) > margin
    few = precision.expect(HALF, images=600, seeds=3, margin=margin, most_images=700)
    assert (few.seeds, few.images) == (made.seeds, None)


def test_a_margin_that_images_cannot_show_is_told() -> None:
    """Infinitely many seeds leave 1.7 points on 500 images."""
    made = precision.expect(HALF, images=500, seeds=3, margin=0.01)
    assert made.half_width_members == pytest.approx(RATIO * 0.01)
    assert not made.shows_margin
    assert made.seeds is None
    # Nor can images: the seeds alone leave 1.7 x 0.01 sqrt(2/3) = 1.39 points.
    assert made.images is None
    assert precision.expect(HALF, images=500, seeds=3, margin=0.014).images is not None


def test_one_seed_still_trains_two_members_of_a_pair() -> None:
    made = precision.expect(HALF, images=600, seeds=1, margin=0.5)
    assert made.half_width == HALF.half_width(600, 1, 2)
    assert (made.seeds, made.shows_margin) == (1, True)


def test_a_guess_knows_the_digits() -> None:
    assert precision.guess("digits").accuracy == 0.96
    assert precision.guess("npz:mine.npz").accuracy == 0.8
    assert not precision.guess("digits").is_measured


def planted(
    networks: int, members: int, images: int, luck: float, seed: int
) -> tuple[list[Evaluation], dict[str, SubsetHits]]:
    """Single networks and pairs with 80 % accuracy; members are `luck` (a fraction) apart.

    The chance to be right differs among images alone, so that d is nearly 0.
    """
    rng = np.random.default_rng(seed)
    chance = rng.beta(4 * 0.8, 4 * 0.2, images)
    evaluations, hits = [], {}
    for number in range(networks):
        shifts = luck * rng.standard_normal(members)
        table = rng.random((members, images)) < chance + shifts[:, None]
        for size in (1, 2):
            subsets = [(i,) for i in range(members)] if size == 1 else [(0, 1)]
            right = table if size == 1 else table[:1]
            macs = size * 10**6 * (2 if size == 1 else 1)
            made = dataclasses.replace(
                evaluation(size, 10, 1 + number, macs, float(right.mean())), trained=members
            )
            evaluations.append(made)
            hits[made.key] = SubsetHits(subsets=tuple(subsets), hits=right)
    return evaluations, hits


def test_stored_hits_say_what_is_known_of_seeds() -> None:
    """c = 0.03 / 0.16 and w = E[q (1 - q)] / 0.16 = 4/5 for q from beta(3.2, 0.8)."""
    evaluations, hits = planted(20, 4, 2000, luck=0.03, seed=0)
    found = precision.measure(evaluations, hits, 1e9)
    assert found is not None
    assert (found.networks, found.is_measured) == (20, True)
    assert found.seeds * 0.16 == pytest.approx(0.03, rel=0.2)
    assert found.within == pytest.approx(0.8, rel=0.05)
    assert found.accuracy == pytest.approx(max(e.scores.accuracy for e in evaluations), abs=0.03)


def test_too_few_members_say_nothing() -> None:
    evaluations, hits = planted(5, 2, 100, luck=0.03, seed=0)
    assert precision.measure(evaluations, hits, 1e9) is None
    assert precision.measure([], {}, 1e9) is None
