"""Attacks on the verdicts: worlds in which earlier estimators were wrong or too sure.

Each is a dozen or more seeded studies, with the truth known exactly. A bound of 1 of 14 is about
the 7 % at which a cell of the full simulation fails; `scripts/simulations/verdicts` is the measure.
"""

import functools

import numpy as np
import pytest

from ensearch.fronts import analyse
from scripts.simulations.verdicts.grading import Grade, grade
from scripts.simulations.verdicts.methods import METHODS
from scripts.simulations.verdicts.study import layout
from scripts.simulations.verdicts.worlds import WORLDS

STUDIES = 14
MARGIN = 0.01


@functools.cache
def grades(name: str, images: int, studies: int = STUDIES) -> list[Grade]:
    made = layout(WORLDS[name])
    result = []
    for seed in range(1000, 1000 + studies):
        study = made.study(images, seed)
        said = METHODS["fronts"](study.evaluations, made.truth.budgets, study.hits, MARGIN, seed)
        result.append(grade(said, made.truth, MARGIN))
    return result


def wrong(found: list[Grade]) -> int:
    return sum(bool(one.wrong) for one in found)


def missed(found: list[Grade]) -> int:
    """Studies whose intervals do not hold D at all matched budgets; every study has intervals."""
    assert all(one.band is not None for one in found)
    return sum(one.band is False for one in found)


def mean_half_width(found: list[Grade]) -> float:
    ends = [pair for one in found for pair in zip(one.lows, one.highs, strict=True)]
    return float(np.mean([(high - low) / 2 for low, high in ends if low is not None and high]))


def test_two_perfect_kinds_keep_a_width_and_are_equal() -> None:
    """A band once read +0.48 [+0.48, +0.48], "ensembles always"."""
    made = layout(WORLDS["both kinds perfect"])
    study = made.study(500, 0)
    found = analyse(study.evaluations, made.truth.budgets, study.hits)
    assert found.zone.status == "equal"
    for row in found.rows:
        assert row.low is not None
        assert row.high is not None
        assert row.low < -0.001 < 0.001 < row.high
        assert row.verdict == "equal"
        assert row.take is not None
        assert row.take.is_single


@pytest.mark.parametrize(
    "name",
    [
        "99.3 % at the top, D = 0",
        "99.3 % at the top, D = +0.15",
        "99.7 % at the top, D = 0",
        "99.7 % at the top, D = +0.07",
    ],
)
def test_few_errors_or_none_on_500_images(name: str) -> None:
    """Wrong in up to 38 % of studies before: a width came from the errors seen alone."""
    found = grades(name, 500)
    assert wrong(found) <= 1
    assert missed(found) <= 1
    assert mean_half_width(found) > 0.002


@pytest.mark.parametrize(
    "name",
    [
        "10 + 1 at the bottom, 1 + 10 at the top",
        "10 + 1 at the bottom, 1 + 10 at the top, D = +1",
        "1 + 10 everywhere",
        "10 + 1 everywhere",
    ],
)
def test_unequal_numbers_of_either_kind(name: str) -> None:
    """One correction for the luck of selecting, the same at all budgets, held in 43 %."""
    found = grades(name, 500, 8)
    assert wrong(found) <= 1
    assert missed(found) <= 1


@pytest.mark.parametrize("spread", ["growing", "falling"])
def test_a_spread_of_seeds_that_changes_with_the_cost(spread: str) -> None:
    """One spread for all costs held in 84 % of replays of the digits.

    Of the first 100 studies 3 are wrong where it grows and 1 where it falls; 2 of them come early.
    """
    found = grades(f"spread {spread} with cost, crossing -1 to +1", 2_500, 40)
    assert wrong(found) <= 2
    assert missed(found) <= 3


def test_one_in_twelve_members_loses_seven_points() -> None:
    """Members that turn out badly are no reason to prefer ensembles."""
    found = grades("heavy tails, D = 0", 2_500)
    assert wrong(found) <= 1
    assert missed(found) <= 2
    sides = [verdict for one in found for verdict in one.verdicts]
    assert sides.count("ensembles") + sides.count("single") <= 1


@pytest.mark.parametrize(
    ("name", "images"),
    [("crossing -2 to +2", 2_500), ("crossing -2 to +2", 10_000), ("inside, seeds vary", 2_500)],
)
def test_a_zone_holds_the_crossover_at_both_ends(name: str, images: int) -> None:
    """An interval of the crossover with either end on its own held in 87 to 90 %."""
    found = grades(name, images)
    said = [one.crossover for one in found if one.crossover is not None]
    assert said.count(False) <= 1
    assert len(said) >= STUDIES / 2
    assert wrong(found) <= 1


@pytest.mark.parametrize("name", ["members -3, gain more, D = 0", "members -3, gain alike"])
def test_members_that_are_three_points_behind_as_single_networks(name: str) -> None:
    """A model that takes all networks for one population must not be misled by two."""
    found = grades(name, 2_500)
    assert wrong(found) <= 1
    assert missed(found) <= 2


def test_a_large_lead_is_seen() -> None:
    """Caution is no answer: what leads by 2 points is said to lead in most studies."""
    found = grades("crossing -2 to +2", 10_000)
    assert sum(one.verdicts[-1] == "ensembles" for one in found) >= 10
    assert sum(one.verdicts[0] == "single" for one in found) >= 10
