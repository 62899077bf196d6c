"""Fronts where another split selects, and what takes no part in them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts import analysis
from tests.advantages import (
    IMAGES,
    G,
    Table,
    analyse,
    evaluation,
    hits_of,
    ladder,
    outcomes_of,
    rows_of,
)


def chosen(
    val: list[float], test: list[float]
) -> tuple[list[Evaluation], dict[str, SubsetHits], list[Evaluation]]:
    """At 1 and 2 G a single network and two ensembles of 2: on test, with hits, and on val."""
    shapes = [(1.0, 1), (0.5, 2), (0.499, 2), (2.0, 1), (1.0, 2), (0.999, 2)]
    on_test, on_val = (
        [
            evaluation(width, size, accuracy, split)
            for (width, size), accuracy in zip(shapes, accuracies, strict=True)
        ]
        for split, accuracies in (("test", test), ("val", val))
    )
    hits = {
        e.key: outcomes_of(e.size, np.arange(IMAGES) < round(e.scores.accuracy * IMAGES))
        for e in on_test
    }
    return on_test, hits, on_val


VAL = [0.5, 0.52, 0.6, 0.54, 0.62, 0.56]
TEST = [0.5, 0.6, 0.52, 0.54, 0.56, 0.66]


def test_what_is_best_on_val_is_scored_on_test() -> None:
    rows, hits, others = chosen(VAL, TEST)
    found = analysis.analyse(rows, [G, 2 * G], hits, selected_on=others)
    assert [row.ensemble for row in found.rows] == [rows[2], rows[4]]
    assert [row.advantage for row in found.rows] == pytest.approx([0.02, 0.02])
    assert found.is_pooled is False
    for row in found.rows:
        assert row.low is not None
        assert row.high is not None
        assert row.low < 0.02 < row.high
        assert (row.low + row.high) / 2 == pytest.approx(0.02, abs=0.002)
        # The luckier ones on test, that val did not select, are not to be taken either.
        assert row.take in (row.single, row.ensemble)
    # Without the choice of val the luckier ones on test would be credited with it.
    alone = analysis.analyse(rows, [G, 2 * G], hits)
    assert [row.ensemble for row in alone.rows] == [rows[1], rows[5]]


def test_multipliers_are_of_what_val_selected() -> None:
    rows, hits, others = chosen(VAL, TEST)
    found = analysis.analyse(rows, [G, 2 * G], hits, selected_on=others)
    at_1, at_2 = (row.multiplier for row in found.rows)
    # The selected ensemble of 1 G has 52 % on test, single networks 50 and 54 % at 1 and 2 G. (An
    # ensemble that val did not select has 60 %, which no single network reaches.)
    assert at_1 is not None
    assert at_1.value == pytest.approx(2**0.5, rel=0.01)
    assert not at_1.censored
    assert at_2 is not None
    assert at_2.censored


def test_a_single_network_that_val_prefers_counts_with_its_accuracy_on_test() -> None:
    # Val takes 2.0 from 2 G on, although it is worse on test: nothing then reaches 60.5 %.
    rows, hits, others = chosen(VAL, [0.61, 0.6, 0.605, 0.54, 0.605, 0.5])
    (first, second) = analysis.analyse(rows, [G, 2 * G], hits, selected_on=others).rows
    assert first.multiplier is not None
    assert first.multiplier.value == pytest.approx(1, rel=0.01)
    assert second.multiplier is not None
    assert second.multiplier.value == pytest.approx(0.5, rel=0.01)


def test_what_only_one_split_has_takes_no_part() -> None:
    rows, hits, others = chosen(VAL, TEST)
    found = analysis.analyse(rows[:5], [G, 2 * G], hits, selected_on=others[1:] + others[:1])
    assert found.rows[1].tried_ensembles == 3
    assert [row.ensemble for row in found.rows] == [rows[2], rows[4]]


def test_predicted_evaluations_are_left_out() -> None:
    table, budgets = ladder([0.01, 0.01])
    rows, scaled = rows_of(table), [b * G for b in budgets]
    promised = replace(evaluation(0.25, 4, 0.99), trained=2, subsets=0)
    found = analysis.analyse([*rows, promised], scaled, hits_of(table))
    assert found == analysis.analyse(rows, scaled, hits_of(table))


def test_of_many_evaluations_the_nearest_to_the_front_are_estimated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """20 far behind and 4 on the fronts: with room for 4, the 20 are counted and no more."""
    table, budgets = ladder([0.05, 0.05])
    weak: Table = [(0.9 + k / 1000, 1, 0.2) for k in range(20)]
    rows, scaled = rows_of(table + weak), [b * G for b in budgets]
    monkeypatch.setattr(analysis, "MOST", 4)
    found = analysis.analyse(rows, scaled, hits_of(table + weak))
    alone = analysis.analyse(rows_of(table), scaled, hits_of(table))
    assert found.accuracies == alone.accuracies
    for many, few in zip(found.rows, alone.rows, strict=True):
        assert (many.low, many.high, many.verdict) == (few.low, few.high, few.verdict)
        assert (many.take, many.multiplier) == (few.take, few.multiplier)
        assert many.tried_singles == few.tried_singles + 20
        assert many.claim is not None
        assert few.claim is not None
        assert many.claim.singles == few.claim.singles + 20


def test_what_is_too_weak_to_be_estimated_was_tried_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The single network that matches the ensemble's cost is far behind at that cost."""
    table: Table = [(0.5, 1, 0.6), (0.5, 2, 0.65), (0.25, 2, 0.55), (1.0, 1, 0.2)]
    rows = rows_of(table)
    monkeypatch.setattr(analysis, "MOST", 3)
    (row,) = analysis.analyse(rows, [G], hits_of(table)).rows
    assert row.single == rows[0]
    assert row.matched
    assert row.tried_singles == 2


def test_a_multiplier_of_one_where_the_two_are_level() -> None:
    for row in analyse(*ladder([0.0, 0.0, 0.0])).rows:
        assert row.multiplier is not None
        assert row.multiplier.value == pytest.approx(1)
        assert row.multiplier.low is not None
        assert row.multiplier.high is not None
        assert row.multiplier.low < 1 < row.multiplier.high


def test_multipliers_read_the_front_of_single_networks() -> None:
    """0.1 a doubling: an advantage of 0.05 is worth half of one, and the top is censored."""
    first, second, third = (row.multiplier for row in analyse(*ladder([0.05, 0.05, 0.05])).rows)
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.value == pytest.approx(2**0.5)
    assert second.value == pytest.approx(2**0.5)
    assert (third.value, third.high, third.censored) == (1, math.inf, True)
