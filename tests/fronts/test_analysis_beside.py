"""Fronts where another split chooses, where rivals are near-equal, and what stands beside them."""

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
    first, second = found.rows
    assert (first.ensemble, second.ensemble) == (rows[2], rows[4])
    assert [row.advantage for row in found.rows] == pytest.approx([0.02, 0.02])
    assert found.correction == 0
    assert first.low is not None
    assert first.low < 0.02
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


def test_without_outcomes_of_the_choosing_split_there_is_no_band() -> None:
    rows, hits, others, _ = chosen(VAL, TEST)
    found = analysis.analyse(rows, [G, 2 * G], hits, selected_on=(others, None))
    assert [row.advantage for row in found.rows] == pytest.approx([0.02, 0.02])
    assert "without stored predictions" in found.crossover.sentence


def test_predicted_evaluations_are_left_out() -> None:
    table, budgets = ladder([0.01, 0.01])
    rows, scaled = rows_of(table), [b * G for b in budgets]
    promised = replace(evaluation(0.25, 4, 0.99), trained=2, subsets=0)
    found = analysis.analyse([*rows, promised], scaled, hits_of(table))
    assert found == analysis.analyse(rows, scaled, hits_of(table))


def test_tried_counts_what_is_comparable() -> None:
    """4 x 0.9 costs more than 95 % of the most expensive single network; 2 x 1.3 does not."""
    table = [(1.0, 1, 0.8), (2.6, 1, 0.8), (1.3, 2, 0.8), (0.9, 4, 0.7995)]
    row = analyse(table, [3.6]).rows[0]
    assert (row.tried_singles, row.tried_ensembles) == (2, 1)


def test_a_multiplier_of_one_where_the_two_are_level() -> None:
    found = analyse(*ladder([0.0, 0.0, 0.0])).rows
    for row in found:
        assert row.multiplier is not None
        assert row.multiplier.value == pytest.approx(1)
        assert row.multiplier.low is not None
        assert row.multiplier.high is not None
        assert row.multiplier.low < 1 < row.multiplier.high


def test_multipliers_read_the_front_of_single_networks() -> None:
    """0.02 a doubling: an advantage of 0.01 is worth half of one, and the top is censored."""
    first, second, third = (row.multiplier for row in analyse(*ladder([0.01, 0.01, 0.01])).rows)
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.value == pytest.approx(2**0.5)
    assert second.value == pytest.approx(2**0.5)
    assert (third.value, third.high, third.censored) == (1, math.inf, True)


def test_near_equal_rivals_are_corrected_and_the_sentence_says_so() -> None:
    """20 ensembles that differ by noise alone, against one single network at each budget."""
    rng = np.random.default_rng(3)
    rows, hits = [], {}
    for width, size in [(1.0, 1), (2.0, 1)] + [
        (b / 2 - k / 1000, 2) for b in (1, 2) for k in range(20)
    ]:
        found = rng.random(IMAGES) < 0.7
        rows.append(evaluation(width, size, float(found.mean())))
        hits[rows[-1].key] = outcomes_of(size, found)
    result = analysis.analyse(rows, [G, 2 * G], hits, replicates=400)
    assert result.correction > 0.01
    for row in result.rows:
        assert row.single is not None
        assert row.ensemble is not None
        plain = row.ensemble.scores.accuracy - row.single.scores.accuracy
        assert row.advantage == pytest.approx(plain - result.correction)
    assert (
        f"biases ensembles upward by {100 * result.correction:.2f} points"
        in result.crossover.sentence
    )


def test_the_fitted_surface_stands_beside_the_fronts() -> None:
    """8 costs of each kind, error 0.5 f^-0.3, and ensembles that lead by a law of their own."""
    table: Table = []
    for k in range(8):
        cost = 2.0 ** (k / 2)
        single = 1 - 0.4 * cost**-0.3
        table += [(cost, 1, round(single, 3)), (cost / 2, 2, round(single + 0.006 * (k - 3.5), 3))]
    budgets = [2.0 ** (k / 2) for k in range(8)]
    found = analyse(table, budgets, replicates=200)
    assert found.crossover.status == "crossed"
    assert found.fitted is not None
    assert found.fitted.budget == pytest.approx(2**1.75 * G, rel=0.1)
    assert found.agree
    assert "which agrees with the fronts" in found.agreement


def test_too_few_costs_for_a_surface_are_told() -> None:
    found = analyse(*ladder([-0.01, 0.01]))
    assert (found.fitted, found.agree) == (None, None)
    assert "needs 4 costs of single networks and of ensembles" in found.agreement
