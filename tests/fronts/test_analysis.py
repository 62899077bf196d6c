"""Fronts of hand-made evaluations whose advantage is known on paper: verdicts, zones, refusals.

A network costs its width in giga multiply-adds, an ensemble `size` times that. There are fewer than
six networks, so that each accuracy is estimated by itself.
"""

import dataclasses
import math

import numpy as np
import pytest

from ensearch.core import Schedule, SubsetHits
from ensearch.errors import StorageError, UsageError
from ensearch.fronts import Zone, analysis
from tests.advantages import (
    IMAGES,
    G,
    analyse,
    evaluation,
    hits_of,
    ladder,
    outcomes_of,
    rows_of,
)


@pytest.mark.parametrize(
    ("advantages", "expected"),
    [
        ([-0.05, -0.05, 0.05, 0.05], Zone(status="crossed", low=2 * G, high=4 * G)),
        ([0.05, 0.05, 0.05], Zone(status="ensembles", low=G)),
        ([-0.05, -0.05, -0.05], Zone(status="singles", high=4 * G)),
        ([0.05, -0.05], Zone(status="crosses back", low=G, high=2 * G)),
        ([-0.05, 0.0, 0.05], Zone(status="crossed", low=G, high=4 * G, open=(2 * G,))),
        ([0.05, 0.0, 0.05], Zone(status="undecided", open=(2 * G,))),
        ([0.0, 0.001, -0.001], Zone(status="undecided", open=(G, 2 * G, 4 * G))),
    ],
)
def test_zones_of_known_advantages(advantages: list[float], expected: Zone) -> None:
    found = analyse(*ladder(advantages), margin=0.002)
    assert found.zone == expected
    assert found.is_pooled is False
    assert [row.advantage for row in found.rows] == pytest.approx(advantages)


def test_a_large_margin_makes_no_difference_of_a_small_one() -> None:
    found = analyse(*ladder([0.0, 0.0, 0.0]), margin=0.05)
    assert found.margin == 0.05
    assert found.zone == Zone(status="equal", low=G, high=4 * G)
    assert [row.take for row in found.rows] == [row.single for row in found.rows]


def test_without_a_second_member_there_is_no_strong_verdict() -> None:
    """5 members of each of 3 networks: 12 differences between members. With 4 there are 9."""
    few, enough = (analyse(*ladder([0.2, 0.2, 0.2]), members=m) for m in (4, 5))
    alone = analyse(*ladder([0.2, 0.2, 0.2]), members=1)
    assert (alone.degrees, few.degrees, enough.degrees) == (0, 9, 12)
    for found in (alone, few):
        assert {row.verdict for row in found.rows} == {"ensemble at worst equal"}
        assert found.zone.status == "undecided"
        assert all(row.low is not None and row.low > 0 for row in found.rows)
    assert {row.verdict for row in enough.rows} == {"ensembles"}


def test_costs_that_are_not_matched_have_an_interval_and_no_strong_verdict() -> None:
    """4 x 1 G meets a budget of 4 G, where the most expensive single network costs 2 G."""
    table = [(1.0, 1, 0.60), (2.0, 1, 0.62), (1.0, 2, 0.62), (1.0, 4, 0.86)]
    first, second = analyse(table, [2, 4], members=9).rows
    assert (first.matched, second.matched) == (True, False)
    assert first.advantage == 0
    assert second.advantage is None
    assert second.ensemble == evaluation(1.0, 4, 0.86)
    assert second.low is not None
    assert second.low > 0
    assert second.verdict == "ensemble at worst equal"
    assert second.multiplier is None


def test_tried_counts_what_is_comparable() -> None:
    """4 x 0.9 costs more than 95 % of the most expensive single network; 2 x 1.3 does not."""
    table = [(1.0, 1, 0.8), (2.6, 1, 0.8), (1.3, 2, 0.8), (0.9, 4, 0.7995)]
    row = analyse(table, [3.6]).rows[0]
    assert (row.tried_singles, row.tried_ensembles) == (2, 1)


@pytest.mark.parametrize(("b", "c"), [(40, 60), (10, 90), (100, 100)])
def test_the_interval_agrees_with_the_paired_closed_form(b: int, c: int) -> None:
    """One pair that disagrees on b and c images: 1.96 standard errors.

    Their squares are ((b + c) - (b - c)^2 / n) / n^2 for the images, 1 / n^2 each for hidden
    errors, and (0.15 p (1 - p))^2 / members each for the luck of seeds, of which nothing is known.
    """
    single, ensemble = np.zeros(IMAGES, np.bool_), np.zeros(IMAGES, np.bool_)
    single[:1500], ensemble[:1500] = True, True
    single[1500 : 1500 + b] = True
    ensemble[1800 : 1800 + c] = True
    rows = [evaluation(1, 1, float(single.mean())), evaluation(0.5, 2, float(ensemble.mean()))]
    hits = {e.key: outcomes_of(e.size, h) for e, h in zip(rows, (single, ensemble), strict=True)}
    row = analysis.analyse(rows, [G], hits).rows[0]
    square = ((b + c) - (b - c) ** 2 / IMAGES + 2) / IMAGES**2
    for e in rows:
        p = e.scores.accuracy
        square += (0.15 * p * (1 - p)) ** 2 / e.size
    assert row.advantage == pytest.approx((c - b) / IMAGES)
    assert row.low is not None
    assert row.high is not None
    # 2,000 draws: a quantile within 5 %.
    assert (row.high - row.low) / 2 == pytest.approx(1.96 * math.sqrt(square), rel=0.05)
    assert (row.high + row.low) / 2 == pytest.approx(row.advantage)


def test_equal_predictions_have_an_exact_advantage_of_zero() -> None:
    """The same hits in other subsets: accuracies differ in their last binary digit only."""
    same = np.random.default_rng(1).random((20, IMAGES)) < 0.5
    rows, hits = [], {}
    for width, size in ((1, 1), (0.5, 2), (2, 1), (1, 2)):
        tiled = same if size == 1 else np.tile(same, (3, 1))
        accuracy = float(same.mean())
        rows.append(evaluation(width, size, accuracy if size == 1 else np.nextafter(accuracy, 2)))
        hits[rows[-1].key] = SubsetHits(subsets=((0,),) * len(tiled), hits=tiled)
    found = analysis.analyse(rows, [G, 2 * G], hits)
    assert rows[1].scores.accuracy > rows[0].scores.accuracy
    assert [row.advantage for row in found.rows] == [0, 0]
    assert all(row.take is not None and row.take.is_single for row in found.rows)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 2, 1, 3], [2, 3, 0, 1]])
def test_of_networks_of_one_cost_the_best_says_what_a_single_network_needs(
    order: list[int],
) -> None:
    """From 0.70 at 1 G to 0.82 at 2 G, linear in log cost, 0.74 costs 2^(1/3) G: 0.63 of 2 G.

    Two networks cost 2 G, since they differ in their schedule alone.
    """
    table = [(1.0, 1, 0.70), (2.0, 1, 0.76), (2.0, 1, 0.82), (1.0, 2, 0.74)]
    rows = rows_of(table)
    rows[2] = dataclasses.replace(rows[2], schedule=Schedule(epochs=2))
    places = np.arange(IMAGES)
    hits = {e.key: outcomes_of(e.size, places < e.scores.accuracy * IMAGES) for e in rows}
    (row,) = analysis.analyse([rows[i] for i in order], [2 * G], hits).rows
    assert row.multiplier is not None
    assert row.multiplier.value == pytest.approx(2 ** (1 / 3) / 2)


def test_one_image_decides_nothing() -> None:
    rows = rows_of([(1.0, 1, 1.0), (0.5, 2, 0.0)])
    hits = {e.key: outcomes_of(e.size, np.array([e.is_single])) for e in rows}
    (row,) = analysis.analyse(rows, [G], hits).rows
    assert (row.verdict, row.advantage) == ("undecided", -1)


def test_the_seed_decides_the_interval_and_not_the_point() -> None:
    one, same, other = (analyse(*ladder([-0.05, 0.05]), seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert [row.low for row in one.rows] != [row.low for row in other.rows]
    assert [row.advantage for row in one.rows] == [row.advantage for row in other.rows]


def test_an_undecided_budget_says_what_would_settle_it_and_no_other_does() -> None:
    first, second = analyse(*ladder([0.05, 0.0]), margin=0.007).rows
    assert (first.verdict, first.to_settle) == ("ensembles", None)
    assert second.verdict == "undecided"
    found = second.to_settle
    assert found is not None
    assert second.single is not None
    assert second.ensemble is not None
    assert set(found.seeds or ()) == {second.single.network, second.ensemble.network}
    # Seeds make more noise than the images here, and without either there is less.
    assert found.half_width_members < found.half_width_images < found.half_width


def test_without_hits_there_are_points_and_what_is_better_but_no_claim() -> None:
    table, budgets = ladder([-0.1, 0.1])
    found = analysis.analyse(rows_of(table), [b * G for b in budgets], None)
    assert [row.advantage for row in found.rows] == pytest.approx([-0.1, 0.1])
    assert all(row.low is None and row.high is None for row in found.rows)
    assert {row.verdict for row in found.rows} == {"undecided"}
    assert found.zone == Zone(status="undecided")
    assert (found.is_pooled, found.degrees) == (None, 0)
    first, second = found.rows
    assert (first.take, second.take) == (first.single, second.ensemble)
    assert (first.runner_up, second.runner_up) == (first.ensemble, second.single)
    assert first.expected_loss is None


@pytest.mark.parametrize("table", [[], [(1.0, 2, 0.8)], [(1.0, 1, 0.8)]])
def test_one_kind_alone_is_taken_where_it_fits(table: list[tuple[float, int, float]]) -> None:
    small, large = analyse(table, [0.5, 2]).rows
    assert (small.take, small.single, small.ensemble) == (None, None, None)
    assert large.take == (rows_of(table)[0] if table else None)
    assert (large.runner_up, large.advantage, large.low) == (None, None, None)
    assert large.verdict == "undecided"


@pytest.mark.parametrize("budgets", [[2.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, math.inf]])
def test_budgets_that_do_not_ascend_are_refused(budgets: list[float]) -> None:
    with pytest.raises(UsageError, match="ascending"):
        analysis.analyse([], budgets, None)


@pytest.mark.parametrize("margin", [0.0, -0.01, 1.0, math.nan])
def test_margins_that_are_no_fraction_are_refused(margin: float) -> None:
    with pytest.raises(UsageError, match="margin"):
        analysis.analyse([], [G], None, margin=margin)


def test_mixed_splits_are_refused() -> None:
    rows = [evaluation(1, 1, 0.8), evaluation(0.5, 2, 0.8, split="test")]
    with pytest.raises(UsageError, match="test, val"):
        analysis.analyse(rows, [G], None)


def test_hits_that_are_missing_or_of_another_split_are_refused() -> None:
    table, budgets = ladder([0.0])
    rows, hits = rows_of(table), hits_of(table)
    with pytest.raises(StorageError, match=r"0.500000.*None"):
        analysis.analyse(rows, [G], {})
    hits[rows[1].key] = outcomes_of(2, np.zeros(IMAGES, np.bool_))
    with pytest.raises(StorageError, match=r"2 x toy-10-0.5@8 .*0.500000.*give 0.0"):
        analysis.analyse(rows, [b * G for b in budgets], hits)
