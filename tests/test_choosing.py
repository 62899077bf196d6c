"""Choosing by some images and scoring by others."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import World, pool, votes

from ensearch import cascade_search, mixed, tally
from ensearch.candidates import Candidates, Choice
from ensearch.choosing import Search, apply, checked, compare, halves
from ensearch.core import Labels
from ensearch.errors import UsageError


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(0, 99))
def test_halves_have_as_many_of_each_class(values: list[int], seed: int) -> None:
    labels = np.array(values)
    first, second = halves(labels, seed)
    assert sorted([*first, *second]) == list(range(len(labels)))
    counts = [np.bincount(labels[half], minlength=5) for half in (first, second)]
    assert np.abs(counts[0] - counts[1]).max() <= 1


def test_a_choice_is_scored_on_another_split() -> None:
    world = World(0, networks=3)
    val, test = world.draw(200, 1), world.draw(300, 2)
    budgets = [1e6, 4e6]
    searches: list[Search] = [mixed.greedy, cascade_search.search]
    for search in searches:
        found = search(val[0], val[1], budgets)[1]
        assert found is not None
        again, other = apply(found, *val), apply(found, *test)
        assert again.accuracy == pytest.approx(found.accuracy)
        assert again.macs == pytest.approx(found.macs)
        assert other.hits.shape == (300,)
        assert other.accuracy == other.hits.mean()
        assert sum(other.exits) == pytest.approx(1)


def test_luck_does_not_pass_for_skill() -> None:
    """Of 60 members that all guess, the chosen seem good; on images not seen they are not."""
    rng = np.random.default_rng(0)
    candidates = pool(rng.dirichlet(np.ones(2), (60, 200)), [1] * 60, ["x"] * 60)
    candidates = Candidates(
        keys=tuple(map(str, range(60))),
        networks=("x",) * 60,
        macs=candidates.macs,
        probs=candidates.probs,
    )
    labels = rng.integers(0, 2, 200)
    found = checked(partial(mixed.best_of_many, tries=5000), candidates, labels, [5])
    choice = found.choices[0]
    assert choice is not None
    assert choice.accuracy > 0.65
    assert found.accuracy[0] == pytest.approx(0.5, abs=0.1)
    assert found.accuracy[0] == found.hits[0].mean()


def test_where_nothing_fits_there_is_no_figure() -> None:
    candidates, labels = World(0, networks=2).draw(50, 1)
    found = checked(mixed.greedy, candidates, labels, [1e5, 1e6])
    assert found.choices[0] is None
    assert np.isnan([found.accuracy[0], found.macs[0]]).all()
    assert found.macs[1] == 1e6
    nothing = compare(mixed.copies, mixed.greedy, candidates, labels, 1e5)
    assert (nothing.one, nothing.difference, nothing.low, nothing.high) == (None,) * 4


def fixed(members: tuple[int, ...]) -> "partial[Sequence[Choice]]":
    """A search that always finds the same."""

    def search(
        members: tuple[int, ...], candidates: Candidates, labels: Labels, budgets: Sequence[float]
    ) -> Sequence[Choice]:
        return [tally.choice(candidates, labels, members) for _ in budgets]

    return partial(search, members)


def test_two_searches_that_find_the_same_do_not_differ() -> None:
    candidates, labels = World(0, networks=2).draw(60, 1)
    found = compare(mixed.greedy, mixed.greedy, candidates, labels, 3e6, replicates=40)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.one == found.other


def test_without_choices_the_interval_is_that_of_pairs() -> None:
    """b images only one has right, c only the other: sqrt(b + c - (b - c)^2 / n) / n."""
    n, b, c = 400, 30, 70
    rows = ["1" * b + "0" * c + "1" * (n - b - c), "0" * b + "1" * c + "1" * (n - b - c)]
    probs, labels = votes(rows)
    found = compare(fixed((0,)), fixed((1,)), pool(probs, [1, 1]), labels, 1, replicates=1000)
    error = math.sqrt(b + c - (b - c) ** 2 / n) / n
    assert found.difference == pytest.approx((c - b) / n)
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_where_networks_err_on_different_images_mixing_helps_and_where_not_not() -> None:
    results = []
    for kinds, own in ((2.0, 0.1), (0.0, 1.4)):
        world = World(1, networks=4, members=3, kinds=kinds, own=own, luck=0.0)
        candidates, labels = world.draw(400, 2)
        mixing = partial(mixed.best_of_many, tries=300)
        results.append(compare(mixed.copies, mixing, candidates, labels, 6e6, replicates=40))
    diverse, alike = results
    assert diverse.low is not None
    assert diverse.low > 0
    assert alike.low is not None
    assert alike.high is not None
    assert alike.low <= 0 <= alike.high


def test_too_few_replicates_are_refused() -> None:
    candidates, labels = World(0, networks=2).draw(20, 1)
    with pytest.raises(UsageError, match="at least 40 replicates; got 10"):
        compare(mixed.greedy, mixed.greedy, candidates, labels, 3e6, replicates=10)
