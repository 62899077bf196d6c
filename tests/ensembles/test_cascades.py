"""Cascades: against a loop over images, by hand, and what must hold for every search."""

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensearch.core import Floats, Labels
from ensearch.ensembles import cascade_selection, cascades, metrics
from ensearch.ensembles.candidates import Candidates
from ensearch.ensembles.cascades import MEASURES, NEVER, Cascade, ThresholdGrid
from ensearch.ensembles.partial_sums import mean_of
from ensearch.errors import UsageError
from tests.planted import drawn, pool

SEARCHES: dict[str, Callable[..., Sequence[Cascade | None]]] = {
    "search": partial(cascade_selection.search, levels=6),
    "few orders": partial(cascade_selection.search, levels=6, orders=12),
    "random": partial(cascade_selection.random, tries=100),
    "greedy": cascade_selection.greedy,
}
every_search = pytest.mark.parametrize("name", SEARCHES)
worlds = st.builds(drawn, st.integers(0, 10**6), st.integers(1, 5), hard=st.booleans())
measures = st.sampled_from(MEASURES)


def sureness(mean: Floats, measure: str) -> float:
    ordered: list[float] = sorted(mean.tolist(), reverse=True)
    if measure == "max":
        return ordered[0]
    if measure == "margin":
        return ordered[0] - ordered[1]
    return 1 + sum(p * math.log(p) for p in ordered if p > 0) / math.log(len(ordered))


def plain(
    candidates: Candidates,
    labels: Labels,
    order: Sequence[int],
    thresholds: Sequence[float],
    measure: str,
) -> tuple[int, float]:
    """Hits and mean cost, image by image."""
    hits, macs = 0, 0
    for image, label in enumerate(labels):
        total = np.zeros(candidates.probs.shape[2])
        for stage, member in enumerate(order):
            total = total + candidates.probs[member, image]
            macs += int(candidates.macs[member])
            last = stage == len(order) - 1
            if last or sureness(total / (stage + 1), measure) >= thresholds[stage] - 1e-12:
                hits += int(total.argmax() == label)
                break
    return hits, macs / len(labels)


@settings(max_examples=60, deadline=None)
@given(worlds, measures, st.integers(2, 5), st.randoms(use_true_random=False))
def test_every_combination_of_thresholds_is_what_a_loop_over_images_finds(
    world: tuple[Candidates, Labels], measure: str, levels: int, draw: "object"
) -> None:
    candidates, labels = world
    members = list(range(len(candidates.keys)))
    orders = [
        p
        for size in range(1, min(len(members), 4) + 1)
        for p in itertools.permutations(members, size)
    ]
    chosen = draw.sample(orders, min(len(orders), 5))  # type: ignore[attr-defined]
    grids = list(cascades.evaluate_many(candidates, labels, chosen, levels=levels, measure=measure))
    assert [grid.members for grid in grids] == sorted(chosen)
    for grid in grids:
        assert grid.hits.shape == grid.macs.shape == (levels,) * (len(grid.members) - 1)
        for index in range(0, grid.hits.size, max(1, grid.hits.size // 20)):
            thresholds = grid.at(index)
            hits, macs = plain(candidates, labels, grid.members, thresholds, measure)
            assert grid.hits.flat[index] == hits
            assert grid.macs.flat[index] == pytest.approx(macs)
            found = cascades.cascade(candidates, labels, grid.members, thresholds, measure)
            assert found.accuracy == pytest.approx(hits / len(labels))
            assert found.macs == pytest.approx(macs)
            assert sum(found.exits) == pytest.approx(1)


@settings(max_examples=40, deadline=None)
@given(worlds, measures, st.floats(0, 1))
def test_thresholds_of_zero_and_above_one(
    world: tuple[Candidates, Labels], measure: str, between: float
) -> None:
    """At 0 all leave at once, above 1 none does, and in between the cost is in between."""
    candidates, labels = world
    members = tuple(range(len(candidates.keys)))
    count = len(members) - 1
    first, some, full = (
        cascades.cascade(candidates, labels, members, (threshold,) * count, measure)
        for threshold in (0.0, between, NEVER)
    )
    alone = (candidates.probs[0].argmax(axis=1) == labels).mean()
    assert first.accuracy == pytest.approx(alone)
    assert first.macs == candidates.macs[0]
    assert full.macs == candidates.macs.sum()
    assert full.exits[-1] == 1
    assert first.macs <= some.macs <= full.macs
    sums = candidates.probs.sum(axis=0)
    if len(np.unique(sums.round(9))) == sums.size:  # a tie may go either way by rounding
        ensemble = metrics.accuracy(mean_of(candidates, members), labels)
        assert full.accuracy == pytest.approx(ensemble)


def test_confidences_by_hand() -> None:
    sums = 3 * np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]).T
    entropy = -(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1))
    found = [cascades.confidence(sums, 3, measure) for measure in MEASURES]
    expected = [[0.7, 1, 1 / 3], [0.5, 1, 0], [1 - entropy / math.log(3), 1, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_of_equal_classes_the_first_is_predicted() -> None:
    sums = np.array([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]]).T
    assert cascades.right(sums, np.array([0, 1, 2])).tolist() == [True, False, True]


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=1, max_size=30))
def test_ties_go_where_argmax_sends_them(rows: list[tuple[int, ...]]) -> None:
    sums = np.array([row[:3] for row in rows], np.float32).T
    labels = np.array([row[3] for row in rows])
    assert (cascades.right(sums, labels) == (sums.argmax(axis=0) == labels)).all()


def test_thresholds_lie_between_confidences() -> None:
    levels = cascades.levels_of(np.array([0.9, 0.1, 0.5, 0.3]), 4)
    np.testing.assert_allclose(levels, [0.2, 0.4, 0.7, NEVER])


@every_search
@settings(max_examples=15, deadline=None)
@given(worlds, measures, st.lists(st.integers(1, 120), min_size=1, max_size=4, unique=True))
def test_what_holds_for_every_search(
    name: str, world: tuple[Candidates, Labels], measure: str, budgets: list[float]
) -> None:
    """Within the budget, never falling; the parts reproduce the figures."""
    candidates, labels = world
    found = SEARCHES[name](candidates, labels, sorted(budgets), measure=measure)
    alone = (candidates.probs.argmax(axis=2) == labels).mean(axis=1)
    highest = 0.0
    for choice, budget in zip(found, sorted(budgets), strict=True):
        fits = candidates.macs <= budget
        if choice is None:
            assert not name.startswith(("search", "few")) or not fits.any()
            continue
        assert choice.macs <= budget
        assert len(choice.thresholds) == len(choice.members) - 1 <= 2
        hits, macs = plain(candidates, labels, choice.members, choice.thresholds, measure)
        assert choice.accuracy == pytest.approx(hits / len(labels))
        assert choice.macs == pytest.approx(macs)
        assert choice.accuracy >= highest
        highest = choice.accuracy
        if name in ("search", "few orders"):
            assert choice.accuracy >= alone[fits].max()


@settings(max_examples=20, deadline=None)
@given(worlds, measures, st.integers(1, 120))
def test_all_orders_are_searched_where_they_are_few(
    world: tuple[Candidates, Labels], measure: str, budget: int
) -> None:
    candidates, labels = world
    ranks = cascade_selection.by_cost(candidates, labels)
    orders = [o for size in (1, 2, 3) for o in itertools.combinations(ranks, size)]
    best = 0.0
    for grid in cascades.evaluate_many(candidates, labels, orders, levels=5, measure=measure):
        fits = grid.macs <= budget
        best = max(best, float(grid.hits[fits].max(initial=0)) / len(labels))
    found = cascade_selection.search(candidates, labels, [budget], levels=5, measure=measure)[0]
    assert (found.accuracy if found else 0.0) == pytest.approx(best)


def planted(images: int = 100) -> tuple[Candidates, Labels]:
    """A cheap member, sure and right on 80 images in 100 and unsure else; a dear one, always right.

    Third a member that is always sure and mostly wrong, cheaper than both.
    """
    cheap = np.where(np.arange(images)[:, None] < 0.8 * images, [0.9, 0.1], [0.45, 0.55])
    dear = np.broadcast_to([0.95, 0.05], (images, 2))
    bluff = np.where(np.arange(images)[:, None] < 0.3 * images, [0.99, 0.01], [0.01, 0.99])
    return pool(np.stack([cheap, dear, bluff]), [10, 100, 5]), np.zeros(images, np.int64)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_planted_cascade_is_found(measure: str) -> None:
    """Right everywhere for the mean cost 10 + 0.2 x 100, a third below the dear one's."""
    candidates, labels = planted()
    for search in (cascade_selection.search, cascade_selection.greedy):
        found = search(candidates, labels, [29.9, 30, 150], measure=measure)
        assert found[0] is not None
        assert found[0].accuracy < 1
        assert found[1] == found[2]
        assert found[1] is not None
        assert (found[1].members, found[1].accuracy) == ((0, 1), 1.0)
        assert found[1].macs == pytest.approx(30)
        assert found[1].exits == pytest.approx((0.8, 0.2))


@pytest.mark.parametrize("turned", [False, True])
def test_neighbours_find_what_all_orders_hold(turned: bool) -> None:
    """400 of 2,625 orders of 25 members are enough, wherever the best of them stand."""
    candidates, labels = drawn(2, 25, images=300)
    if turned:
        candidates = candidates.only(range(24, -1, -1))
    budgets = [20.0, 40.0]
    every = cascade_selection.search(candidates, labels, budgets, levels=8)
    few = cascade_selection.search(candidates, labels, budgets, levels=8, orders=400)
    for best, found in zip(every, few, strict=True):
        assert best is not None
        assert found is not None
        assert best.accuracy - 0.01 <= found.accuracy <= best.accuracy


def test_a_million_cascades_are_possible_and_the_best_of_them_is_true() -> None:
    """Every cost lies between the first member's and all members'; the best keep their budgets."""
    candidates, labels = drawn(7, 14, images=200)
    ranks = cascade_selection.by_cost(candidates, labels)
    orders = [o for size in (1, 2, 3) for o in itertools.combinations(ranks, size)]
    scored, best = 0, Counter()
    for grid in cascades.evaluate_many(candidates, labels, orders, levels=56):
        macs = candidates.macs[list(grid.members)]
        assert grid.macs.min() >= macs[0] - 1e-9
        assert grid.macs.max() == pytest.approx(macs.sum())
        assert 0 <= grid.hits.min() <= grid.hits.max() <= len(labels)
        scored += grid.hits.size
        best.see(grid, 15.0)
    assert scored > 1_000_000
    found = cascade_selection.search(candidates, labels, [15.0], levels=56)[0]
    assert found is not None
    assert found.macs <= 15
    assert found.accuracy == pytest.approx(best.hits / len(labels))


class Counter:
    """The most hits within a budget."""

    hits = 0

    def see(self, grid: ThresholdGrid, budget: float) -> None:
        self.hits = max(self.hits, int(grid.hits[grid.macs <= budget].max(initial=0)))


@pytest.mark.parametrize("order", [[], [0, 0], [0, 9], [-1]])
def test_orders_that_are_no_orders_are_refused(order: list[int]) -> None:
    with pytest.raises(UsageError, match="different members from 0 to 2"):
        cascades.evaluate_many(*drawn(0, 3), [order])


def test_bad_options_are_refused() -> None:
    world = drawn(0, 3)
    with pytest.raises(UsageError, match=r"'maximum'.*entropy, margin, max"):
        cascade_selection.search(*world, [10], measure="maximum")
    with pytest.raises(UsageError, match="at least 1 stage; got 0"):
        cascade_selection.search(*world, [10], max_stages=0)
    with pytest.raises(UsageError, match="at least 2 levels"):
        cascades.evaluate_many(*world, [[0]], levels=1)
