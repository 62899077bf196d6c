"""What fits into a budget, and where costs are matched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensearch.fronts import matching
from tests.advantages import G, Table, rows_of


def matched(table: Table, budget: float) -> bool:
    rows = rows_of(table)
    accuracies = np.array([e.scores.accuracy for e in rows])
    return matching.is_matched(rows, accuracies, budget * G)


def test_an_ensemble_credited_by_granularity_alone_is_not_matched() -> None:
    """4 x 1 G meets a budget of 4 G, where the most expensive single network costs 2 G."""
    table: Table = [(1.0, 1, 0.80), (2.0, 1, 0.82), (1.0, 2, 0.82), (1.0, 4, 0.86)]
    assert matched(table, 2)
    assert not matched(table, 4)


def test_a_single_network_credited_by_granularity_alone_is_not_matched() -> None:
    """A single network of 4 G meets ensembles of at most 2 G."""
    table: Table = [(2.0, 1, 0.80), (4.0, 1, 0.86), (1.0, 2, 0.82)]
    assert matched(table, 2)
    assert not matched(table, 4)


@pytest.mark.parametrize(("width", "found"), [(0.96, True), (0.95, True), (0.94, False)])
def test_matched_is_within_five_percent(width: float, found: bool) -> None:
    assert matched([(width, 1, 0.8), (0.5, 2, 0.8)], 1) == found


@pytest.mark.parametrize(("budget", "found"), [(1.0, True), (2**0.5 * 0.999, True), (1.5, False)])
def test_a_budget_that_nobody_used_is_not_matched(budget: float, found: bool) -> None:
    assert matched([(1.0, 1, 0.8), (0.5, 2, 0.8)], budget) == found


def test_a_dear_single_that_is_worse_still_gives_the_singles_their_chance() -> None:
    """Not the cost of the best single network counts, but that of the most expensive one tried."""
    assert matched([(0.5, 1, 0.82), (1.0, 1, 0.80), (0.5, 2, 0.83)], 1)


def test_comparable_is_what_the_other_kind_can_match() -> None:
    """4 x 0.9 costs more than the most expensive single network over 0.95; 2 x 1.3 does not."""
    rows = rows_of([(1.0, 1, 0.8), (2.6, 1, 0.8), (1.3, 2, 0.8), (0.9, 4, 0.7995)])
    singles, ensembles = matching.comparable(rows, 3.6 * G)
    assert (singles.tolist(), ensembles.tolist()) == ([0, 1], [2])


def test_one_kind_alone_can_match_nothing() -> None:
    singles, ensembles = matching.comparable(rows_of([(1.0, 1, 0.8)]), G)
    assert (len(singles), len(ensembles)) == (0, 0)
    assert not matched([(1.0, 1, 0.8)], 1)
    assert not matched([], 1)


def test_of_equals_the_cheaper_is_chosen() -> None:
    rows = rows_of([(2.0, 1, 0.8), (1.0, 1, 0.8), (1.0, 3, 0.9), (1.0, 2, 0.9)])
    assert matching.best_within(rows, 9 * G, singles=True) == rows[1]
    assert matching.best_within(rows, 9 * G, singles=False) == rows[3]
    assert matching.best_within(rows, 0.5 * G, singles=True) is None


def test_the_last_digits_of_an_accuracy_are_no_lead() -> None:
    indices = np.array([2, 0, 1])
    assert matching.best_of(indices, np.array([0.5, 0.5, 0.5 - 1e-15])) == 2
    assert matching.best_of(indices, np.array([0.5, 0.5 + 1e-9, 0.5])) == 1


def test_within_is_cheapest_first() -> None:
    rows = rows_of([(2.0, 1, 0.8), (1.0, 1, 0.8), (1.0, 3, 0.9), (3.0, 1, 0.9)])
    assert matching.within(rows, 2 * G, singles=True).tolist() == [1, 0]
    assert matching.within(rows, 2 * G, singles=False).tolist() == []


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


@given(st.data())
def test_the_best_of_both_is_comparable_where_costs_are_matched(data: st.DataObject) -> None:
    """A single network and an ensemble cost the whole budget; the others anything."""
    width = data.draw(st.sampled_from([1, 2]))
    pair: Table = [(2.0 * width, 1, 0.7), (float(width), 2, 0.7)]
    table, budget = data.draw(tables) + pair, 2.0 * width
    rows = rows_of(table)
    pick = [matching.best_within(rows, budget * G, kind) for kind in (True, False)]
    if pick == rows[-2:]:
        assert matched(table, budget)
    if matched(table, budget):
        singles, ensembles = matching.comparable(rows, budget * G)
        for comparable, is_single in ((singles, True), (ensembles, False)):
            best = matching.best_within(rows, budget * G, is_single)
            assert best is not None
            accuracies = [rows[i].scores.accuracy for i in comparable]
            assert max(accuracies) == best.scores.accuracy
