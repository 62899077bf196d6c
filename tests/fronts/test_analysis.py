"""Fronts and crossovers of hand-made evaluations whose advantage is known on paper.

A network costs its width in giga multiply-adds, an ensemble `size` times that.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensearch.core import Evaluation, SubsetHits
from ensearch.errors import StorageError, UsageError
from ensearch.fronts import analysis, bootstrap, matching
from tests.advantages import (
    IMAGES,
    G,
    Table,
    analyse,
    evaluation,
    ladder,
    outcomes_of,
    rows_of,
)


def test_crossed_where_clear_minus_comes_before_clear_plus() -> None:
    found = analyse(*ladder([-0.01, -0.01, 0.01, 0.01])).crossover
    assert found.status == "crossed"
    # Half way between 2 and 4 G on a log axis.
    assert found.budget == pytest.approx(2 * math.sqrt(2) * G)
    assert found.budget is not None
    assert found.low is not None
    assert found.high is not None
    assert 2 * G < found.low < found.budget < found.high < 4 * G
    assert found.sentence.startswith(
        "Ensembles overtake single networks at about 2.83G (95 % interval: 2."
    )
    assert "not that of training seeds" in found.sentence


def test_a_lead_at_the_top_within_the_noise_is_no_crossover() -> None:
    """0.0005 against a standard error of 0.0022: nobody knows who leads from there on."""
    found = analyse(*ladder([-0.02, 0.02, 0.0005])).crossover
    assert (found.status, found.budget, found.high) == ("not identifiable", None, math.inf)
    assert "at the largest matched budget the difference is within the noise" in found.sentence


def test_ensembles_always_ahead() -> None:
    found = analyse(*ladder([0.01, 0.02, 0.01])).crossover
    assert (found.status, found.budget) == ("ensembles always", None)
    assert (found.low, found.high) == (0, 0)
    assert "at every matched budget from 1G to 4G" in found.sentence
    assert "lies below 1G" in found.sentence


def test_singles_always_ahead() -> None:
    found = analyse(*ladder([-0.02, -0.01, -0.01])).crossover
    assert (found.status, found.budget, found.high) == ("singles always", None, math.inf)
    assert "lies beyond 4G" in found.sentence


@pytest.mark.parametrize("signs", [[1, -1], [-1, 1, -1], [-1, 1, -1, 1]])
def test_crosses_back_where_a_clear_minus_follows_a_clear_plus(signs: list[int]) -> None:
    found = analyse(*ladder([0.015 * sign for sign in signs])).crossover
    assert (found.status, found.budget) == ("crosses back", None)
    assert "clearly behind at" in found.sentence


def test_noise_above_the_advantage_is_not_identifiable() -> None:
    found = analyse(*ladder([-0.0005, 0.0005, 0.001])).crossover
    assert (found.status, found.budget) == ("not identifiable", None)
    assert "within the noise at all 3 matched budgets" in found.sentence


@pytest.mark.parametrize(
    ("advantages", "words"),
    [
        ([-0.0005, 0.01, 0.01], "ensembles are clearly ahead from 2G on, but below"),
        ([0.01, -0.0005, 0.01], "ensembles are clearly ahead at 1G, 4G, but elsewhere"),
        ([-0.01, -0.01, 0.0005], "single networks are clearly ahead up to 2G, but above"),
        ([0.0, -0.01, -0.01], "single networks are clearly ahead at 2G, 4G, but elsewhere"),
        ([-0.01, 0.01, -0.0005], "but at the largest matched budget the difference is within"),
        ([0.01, 0.02, 0.0005], "ensembles are clearly ahead at 1G, 2G, but elsewhere"),
    ],
)
def test_one_clear_side_is_not_a_crossover(advantages: list[float], words: str) -> None:
    found = analyse(*ladder(advantages)).crossover
    assert (found.status, found.budget) == ("not identifiable", None)
    assert words in found.sentence


def test_ensemble_credited_by_granularity_alone_is_not_matched() -> None:
    """4 x 1 G meets a budget of 4 G, where the most expensive single network costs 2 G."""
    table = [(1.0, 1, 0.80), (2.0, 1, 0.82), (1.0, 2, 0.82), (1.0, 4, 0.86)]
    first, second = analyse(table, [2, 4]).rows
    assert first.matched
    assert first.advantage == 0
    assert not second.matched
    assert (second.advantage, second.low, second.high) == (None, None, None)
    assert second.ensemble == evaluation(1.0, 4, 0.86)


def test_single_credited_by_granularity_alone_is_not_matched() -> None:
    """A single network of 4 G meets ensembles of at most 2 G."""
    table = [(2.0, 1, 0.80), (4.0, 1, 0.86), (1.0, 2, 0.82)]
    first, second = analyse(table, [2, 4]).rows
    assert first.advantage == pytest.approx(0.02)
    assert (second.matched, second.advantage) == (False, None)


@pytest.mark.parametrize(("width", "matched"), [(0.96, True), (0.95, True), (0.94, False)])
def test_matched_is_within_five_percent(width: float, matched: bool) -> None:
    row = analyse([(width, 1, 0.8), (0.5, 2, 0.8)], [1]).rows[0]
    assert row.matched == matched


def test_a_dear_single_that_is_worse_still_gives_the_singles_their_chance() -> None:
    """Not the cost of the best single network counts, but that of the most expensive one tried."""
    row = analyse([(0.5, 1, 0.82), (1.0, 1, 0.80), (0.5, 2, 0.83)], [1]).rows[0]
    assert row.single == evaluation(0.5, 1, 0.82)
    assert row.advantage == pytest.approx(0.01)


def test_an_ensemble_above_matched_cost_takes_no_part_in_the_replicates() -> None:
    """4 x 0.9 hits one image less than 2 x 1.3: it would be the best in half the replicates."""
    rows = rows_of([(2.6, 1, 0.8), (1.3, 2, 0.8), (0.9, 4, 0.7995)])
    places = np.arange(IMAGES)
    hits = [places < 1600, places < 1600, places >= 401]
    table = {e.key: outcomes_of(e.size, h) for e, h in zip(rows, hits, strict=True)}
    row = analysis.analyse(rows, [3.6 * G], table).rows[0]
    assert (row.advantage, row.low, row.high) == (0, 0, 0)


def test_of_equals_the_cheaper_is_chosen() -> None:
    rows = rows_of([(2.0, 1, 0.8), (1.0, 1, 0.8), (1.0, 3, 0.9), (1.0, 2, 0.9)])
    assert matching.best_within(rows, 9 * G, singles=True) == rows[1]
    assert matching.best_within(rows, 9 * G, singles=False) == rows[3]
    assert matching.best_within(rows, 0.5 * G, singles=True) is None


tables = st.lists(
    st.tuples(
        st.sampled_from([0.5, 1, 2, 3]), st.integers(1, 4), st.integers(0, 10).map(lambda a: a / 10)
    )
)


@given(tables, st.floats(0, 15), st.floats(0, 15), st.booleans())
def test_best_within_stays_within_and_never_falls_with_the_budget(
    table: Table, one: float, other: float, singles: bool
) -> None:
    rows = rows_of(table)
    less, more = (matching.best_within(rows, b * G, singles) for b in sorted((one, other)))
    fitting = [e for e in rows if e.cost.macs <= max(one, other) * G]
    assert (more is None) == (not [e for e in fitting if e.is_single == singles])
    if more is not None:
        assert more in fitting
        assert more.is_single == singles
    if less is not None:
        assert more is not None
        assert less.cost.macs <= min(one, other) * G
        assert less.scores.accuracy <= more.scores.accuracy


def pair(only_single: int, only_ensemble: int) -> tuple[list[Evaluation], dict[str, SubsetHits]]:
    """One single network and one ensemble of 1 G that disagree on b and c of the images."""
    single, ensemble = np.zeros(IMAGES, np.bool_), np.zeros(IMAGES, np.bool_)
    single[:1500], ensemble[:1500] = True, True
    single[1500 : 1500 + only_single] = True
    ensemble[1800 : 1800 + only_ensemble] = True
    rows = [evaluation(1, 1, float(single.mean())), evaluation(0.5, 2, float(ensemble.mean()))]
    found = (outcomes_of(e.size, h) for e, h in zip(rows, (single, ensemble), strict=True))
    return rows, {e.key: one for e, one in zip(rows, found, strict=True)}


@pytest.mark.parametrize(("b", "c"), [(40, 60), (10, 90), (100, 100)])
def test_band_agrees_with_the_paired_closed_form(b: int, c: int) -> None:
    """sqrt((b + c) - (b - c)^2 / n) / n is the standard error of a paired difference."""
    rows, hits = pair(b, c)
    row = analysis.analyse(rows, [G], hits, replicates=4000).rows[0]
    error = math.sqrt((b + c) - (b - c) ** 2 / IMAGES) / IMAGES
    assert row.advantage == pytest.approx((c - b) / IMAGES)
    assert row.low is not None
    assert row.high is not None
    # One budget: the simultaneous band is the ordinary one. 4,000 replicates: within 5 %.
    assert (row.high - row.low) / 2 == pytest.approx(1.96 * error, rel=0.05)
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
    assert [(r.advantage, r.low, r.high) for r in found.rows] == [(0, 0, 0)] * 2
    assert found.crossover.status == "not identifiable"


def test_chunks_of_replicates_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = analyse(*ladder([-0.01, 0.01]), replicates=100)
    monkeypatch.setattr(bootstrap, "CHUNK", 7 * IMAGES)
    assert analyse(*ladder([-0.01, 0.01]), replicates=100) == whole


def test_the_seed_decides_the_interval_and_not_the_point() -> None:
    one, same, other = (analyse(*ladder([-0.01, 0.01]), seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.crossover.low != other.crossover.low
    assert one.crossover.budget == other.crossover.budget


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([], "no single network"),
        ([(1.0, 2, 0.8)], "no single network"),
        ([(1.0, 1, 0.8)], "no ensemble"),
        ([(1.0, 1, 0.8), (0.5, 2, 0.9)], "found 1 among 2"),
        ([(1.0, 1, 0.8), (0.7, 2, 0.9)], "found 0 among 2"),
    ],
)
def test_too_little_to_compare_says_what_is_missing(table: Table, words: str) -> None:
    found = analyse(table, [1, 1.7]) if len(table) < 2 else analyse(table, [1.0, 1.4])
    if words == "found 1 among 2":
        found = analysis.analyse(rows_of([*table, (0.6, 2, 0.95)]), [G, 1.4 * G], None)
    assert (found.crossover.status, found.crossover.low) == ("not identifiable", None)
    assert words in found.crossover.sentence
    assert len(found.rows) == 2


def test_without_hits_there_are_points_but_no_claim() -> None:
    table, budgets = ladder([-0.1, 0.1])
    found = analysis.analyse(rows_of(table), [b * G for b in budgets], None)
    assert [row.advantage for row in found.rows] == pytest.approx([-0.1, 0.1])
    assert all(row.low is None and row.high is None for row in found.rows)
    assert found.crossover.status == "not identifiable"
    assert "without stored predictions" in found.crossover.sentence


@pytest.mark.parametrize("budgets", [[2.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, math.inf]])
def test_budgets_that_do_not_ascend_are_refused(budgets: list[float]) -> None:
    with pytest.raises(UsageError, match="ascending"):
        analysis.analyse([], budgets, None)


def test_mixed_splits_are_refused() -> None:
    rows = [evaluation(1, 1, 0.8), evaluation(0.5, 2, 0.8, split="test")]
    with pytest.raises(UsageError, match="test, val"):
        analysis.analyse(rows, [G], None)


def test_too_few_replicates_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 40"):
        analysis.analyse([], [G], None, replicates=39)


def test_hits_that_are_missing_or_of_other_images_are_refused() -> None:
    rows, hits = pair(40, 60)
    with pytest.raises(StorageError, match=r"0.770000.*None"):
        analysis.analyse(rows, [G], {})
    hits[rows[1].key] = outcomes_of(2, np.zeros(IMAGES, np.bool_))
    with pytest.raises(StorageError, match=r"2 x toy-10-0.5@8 .*0.780000.*give 0.0"):
        analysis.analyse(rows, [G], hits)
