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
    val: list[float], test: list[float], images: int = 500
) -> tuple[list[Evaluation], dict[str, SubsetHits], list[Evaluation], dict[str, SubsetHits]]:
    """At 1 and 2 G a single network and two ensembles of 2, with accuracies on either split."""
    shapes = [(1.0, 1), (0.5, 2), (0.499, 2), (2.0, 1), (1.0, 2), (0.999, 2)]
    result: list[tuple[list[Evaluation], dict[str, SubsetHits]]] = []
    for split, accuracies, n in (("test", test, IMAGES), ("val", val, images)):
        rows = [
            evaluation(width, size, accuracy, split)
            for (width, size), accuracy in zip(shapes, accuracies, strict=True)
        ]
        hits = {
            e.key: outcomes_of(e.size, np.arange(n) < round(e.scores.accuracy * n)) for e in rows
        }
        result.append((rows, hits))
    return *result[0], *result[1]


VAL = [0.5, 0.52, 0.6, 0.54, 0.62, 0.56]
TEST = [0.5, 0.6, 0.52, 0.54, 0.56, 0.66]


def test_what_is_best_on_val_is_scored_on_test() -> None:
    rows, hits, others, other_hits = chosen(VAL, TEST)
    found = analysis.analyse(rows, [G, 2 * G], hits, selected_on=(others, other_hits))
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


def test_what_only_one_split_has_takes_no_part() -> None:
    rows, hits, others, other_hits = chosen(VAL, TEST)
    found = analysis.analyse(
        rows[:5], [G, 2 * G], hits, selected_on=(others[1:] + others[:1], other_hits)
    )
    assert found.rows[1].tried_ensembles == 3
    assert [row.ensemble for row in found.rows] == [rows[2], rows[4]]


def test_the_hits_of_the_selecting_split_are_not_needed() -> None:
    rows, hits, others, other_hits = chosen(VAL, TEST)
    with_hits, without = (
        analysis.analyse(rows, [G, 2 * G], hits, selected_on=(others, some))
        for some in (other_hits, None)
    )
    assert with_hits == without


def test_predicted_evaluations_are_left_out() -> None:
    table, budgets = ladder([0.01, 0.01])
    rows, scaled = rows_of(table), [b * G for b in budgets]
    promised = replace(evaluation(0.25, 4, 0.99), trained=2, subsets=0)
    found = analysis.analyse([*rows, promised], scaled, hits_of(table))
    assert found == analysis.analyse(rows, scaled, hits_of(table))


def test_of_many_evaluations_the_nearest_to_the_front_are_estimated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """20 far behind and 4 on the fronts: with room for 4, the 20 take no part."""
    table, budgets = ladder([0.05, 0.05])
    weak: Table = [(0.9 + k / 1000, 1, 0.2) for k in range(20)]
    rows, scaled = rows_of(table + weak), [b * G for b in budgets]
    monkeypatch.setattr(analysis, "MOST", 4)
    found = analysis.analyse(rows, scaled, hits_of(table + weak))
    assert found == analysis.analyse(rows_of(table), scaled, hits_of(table))


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
