"""Who is confirmed: selected on val from measured evaluations, the same every time."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ensearch import fronts
from ensearch.confirmation import finalists
from ensearch.core import Evaluation
from tests.worlds import evaluation


def grid() -> Iterator[Evaluation]:
    """At 4 costs 3 single networks and 3 pairs; pairs lead from 4 M on, lower depths are better."""
    for step, depth in itertools.product(range(4), (10, 16, 22)):
        macs = 1_000_000 * 2**step
        yield evaluation(1, depth, 1 + step, macs, 0.80 + 0.02 * step - depth / 1e4)
        yield evaluation(2, depth, 1 + step / 2, macs, 0.77 + 0.035 * step - depth / 1e4)


BUDGETS = (1e6, 2e6, 4e6, 8e6)


def test_finalists_are_the_best_of_each_budget_those_at_the_crossover_and_the_next_best() -> None:
    """On paper: 8 best, 4 second best at the two budgets around the crossover, 12 in all."""
    choices = finalists.select(list(grid()), BUDGETS)
    chosen = {
        (c.evaluation.size, c.evaluation.architecture.depth, c.evaluation.cost.macs): c
        for c in choices
    }
    best = {(size, 10, int(budget)) for size in (1, 2) for budget in BUDGETS}
    # The advantage is -3, -1.5, 0 and +1.5 points: the lead changes hands between 4 M and 8 M.
    second = {(size, 16, int(budget)) for size in (1, 2) for budget in (4e6, 8e6)}
    assert set(chosen) == best | second
    reasons = {(r.why, r.budget, r.place) for r in chosen[1, 10, 8_000_000].reasons}
    assert reasons == {("best", 8e6, 1), ("near the crossover", 8e6, 1)}
    assert {r.why for r in chosen[2, 16, 4_000_000].reasons} == {"near the crossover"}


def test_more_finalists_are_spread_over_budgets_and_both_kinds() -> None:
    choices = finalists.select(list(grid()), BUDGETS, fewest=18)
    added = [c.evaluation for c in choices if c.reasons[0].why == "next best"]
    assert len(choices) == 18
    assert sorted(e.size for e in added) == [1, 1, 1, 2, 2, 2]
    assert len({e.cost.macs for e in added}) >= 3


def test_top_takes_more_of_each_budget_and_all_is_all() -> None:
    every = list(grid())
    top = finalists.select(every, BUDGETS, top=2, fewest=1)
    assert (
        sum(c.reasons[0].why == "best" and c.evaluation.architecture.depth == 16 for c in top) > 4
    )
    assert len(finalists.select(every, BUDGETS, fewest=1000)) == len(every)


def test_a_predicted_size_is_no_finalist_and_the_cheapest_of_equals_is() -> None:
    predicted = dataclasses.replace(evaluation(8, 10, 1, 1_000_000, 0.99), trained=2, subsets=0)
    twins = [evaluation(1, d, 1, m, 0.9) for d, m in ((10, 990_000), (16, 980_000))]
    pair = evaluation(2, 10, 1, 1_000_000, 0.8)
    choices = finalists.select([predicted, *twins, pair], [1e6], fewest=1)
    assert {c.evaluation.cost.macs for c in choices if c.reasons[0].why == "best"} == {
        980_000,
        1_000_000,
    }
    assert predicted not in [c.evaluation for c in choices]


def test_what_the_other_kind_cannot_match_comes_last() -> None:
    """The most expensive single network has no ensemble at its cost: the second is the finalist."""
    lonely, matched = evaluation(1, 10, 3, 2_000_000, 0.95), evaluation(1, 10, 2, 1_000_000, 0.9)
    pair = evaluation(2, 10, 1, 1_000_000, 0.8)
    choices = finalists.select([lonely, matched, pair], [2e6], fewest=1)
    first = next(
        c
        for c in choices
        if c.reasons[0] == finalists.Reason(why="best", budget=2e6, place=1)
        and c.evaluation.is_single
    )
    assert first.evaluation is matched


@given(st.permutations(list(grid())))
def test_the_order_of_the_evaluations_does_not_matter(shuffled: list[Evaluation]) -> None:
    assert finalists.select(shuffled, BUDGETS) == finalists.select(list(grid()), BUDGETS)


def test_budgets_that_were_matched_stay_matched_where_accuracy_is_flat() -> None:
    """The best of all costs 1 M: without more, nothing would use the budgets of 2 to 8 M."""
    flat = [
        dataclasses.replace(
            e, scores=dataclasses.replace(e.scores, accuracy=0.9 - e.cost.macs / 1e12)
        )
        for e in grid()
    ]
    before = [row.matched for row in fronts.analyse(flat, BUDGETS, None).rows]
    choices = finalists.select(flat, BUDGETS, fewest=1)
    kept = [c.evaluation for c in choices]
    assert before == [row.matched for row in fronts.analyse(kept, BUDGETS, None).rows]
    assert all(before)
    added = [c for c in choices if c.reasons[0].why == "matched cost"]
    assert {c.evaluation.cost.macs for c in added} == {2_000_000, 4_000_000, 8_000_000}
    assert len(added) == 6


@given(st.integers(0, 2**32 - 1))
def test_kinds_that_meet_in_cost_in_the_search_meet_among_the_finalists(seed: int) -> None:
    """Costs and accuracies at random; of each kind the most expensive within 5 % of each other."""

    def highest_costs(evaluations: list[Evaluation], budget: float) -> list[int]:
        costs = [(e.is_single, e.cost.macs) for e in evaluations if e.cost.macs <= budget]
        return [max((m for s, m in costs if s == single), default=0) for single in (True, False)]

    draw = np.random.default_rng(seed)
    some = [
        evaluation(
            int(draw.integers(1, 3)),
            10 + 6 * i,
            1.0,
            int(draw.uniform(5e5, 8e6)),
            float(draw.uniform(0.8, 0.9)),
        )
        for i in range(30)
    ]
    kept = [c.evaluation for c in finalists.select(some, BUDGETS, fewest=1)]
    for row in fronts.analyse(some, BUDGETS, None).rows:
        there, found = highest_costs(some, row.budget), highest_costs(kept, row.budget)
        if row.matched:
            assert min(found) > row.budget * fronts.USED_SHARE
            share = fronts.MATCHED_SHARE
            assert min(there) < share * max(there) or min(found) >= share * max(found)
