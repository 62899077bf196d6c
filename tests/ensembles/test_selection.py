"""Searches for mixed ensembles: known best answers, and what must hold for any pool."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensearch.core import Labels
from ensearch.ensembles import selection
from ensearch.ensembles.candidates import Candidates, MixedEnsemble
from ensearch.ensembles.partial_sums import merit_of
from ensearch.errors import UsageError
from scripts.simulations.cross_fitting.drawn_pool import DrawnPool
from tests.planted import drawn, greedy, pool, votes

SEARCHES: dict[str, Callable[..., Sequence[MixedEnsemble | None]]] = {
    "single networks": selection.single_networks,
    "same network": selection.same_network,
    "greedy": greedy,
    "exact": selection.exact,
    "best of many": partial(selection.best_of_many, tries=300),
    "best of few": partial(selection.best_of_many, tries=20),
}
every_search = pytest.mark.parametrize("name", SEARCHES)


worlds = st.builds(drawn, st.integers(0, 10**6), st.integers(1, 7), hard=st.booleans())
some_budgets = st.lists(st.integers(1, 120), min_size=1, max_size=4, unique=True).map(sorted)


def enumerated(candidates: Candidates, labels: Labels, budget: float) -> tuple[float, float] | None:
    """Merit of the best of all ensembles within the budget, one after the other."""
    members = range(len(candidates.keys))
    fitting = [
        subset
        for size in range(1, len(members) + 1)
        for subset in itertools.combinations(members, size)
        if candidates.macs[list(subset)].sum() <= budget
    ]
    return max((merit_of(candidates, labels, s) for s in fitting), default=None)


@settings(max_examples=40, deadline=None)
@given(worlds, some_budgets)
def test_exact_is_the_best_of_all(world: tuple[Candidates, Labels], budgets: list[float]) -> None:
    candidates, labels = world
    selected = selection.exact(candidates, labels, budgets)
    for ensemble, budget in zip(selected, budgets, strict=True):
        best = enumerated(candidates, labels, budget)
        if best is None:
            assert ensemble is None
        else:
            assert ensemble is not None
            merit = merit_of(candidates, labels, ensemble.members)
            np.testing.assert_allclose(merit, best, atol=1e-9)


@every_search
@settings(max_examples=25, deadline=None)
@given(worlds, some_budgets)
def test_what_holds_for_every_search(
    name: str, world: tuple[Candidates, Labels], budgets: list[float]
) -> None:
    """Within the budget, never worse than the best member, never falling; costs and scores true."""
    candidates, labels = world
    selected = SEARCHES[name](candidates, labels, budgets)
    alone = (candidates.probs.argmax(axis=2) == labels).mean(axis=1)
    highest = 0.0
    assert len(selected) == len(budgets)
    for ensemble, budget in zip(selected, budgets, strict=True):
        fits = candidates.macs <= budget
        assert (ensemble is None) == (not fits.any())
        if ensemble is None:
            continue
        members = list(ensemble.members)
        assert members == sorted(members)
        assert len(set(members)) == len(members)
        assert ensemble.macs == candidates.macs[members].sum() <= budget
        mean = candidates.probs[members].mean(axis=0)
        if len(np.unique(mean.round(9))) == mean.size:  # a tie may go either way by rounding
            assert ensemble.accuracy == pytest.approx((mean.argmax(axis=1) == labels).mean())
        assert ensemble.accuracy >= max(alone[fits].max(), highest)
        highest = ensemble.accuracy


@every_search
def test_the_precision_of_the_search_does_not_matter_much(name: str) -> None:
    candidates, labels = drawn(1, 7, images=200)
    single = pool(candidates.probs.astype(np.float32), candidates.macs.tolist())
    double = pool(candidates.probs, candidates.macs.tolist())
    budgets = [20.0, 60.0]
    for low, high in zip(
        SEARCHES[name](single, labels, budgets),
        SEARCHES[name](double, labels, budgets),
        strict=True,
    ):
        assert low is not None
        assert high is not None
        assert low.accuracy == pytest.approx(high.accuracy, abs=0.011)


def test_members_that_know_different_images_are_added_by_what_they_know() -> None:
    """Greedy selection is optimal where what members know adds up: unsure elsewhere, 3, 2, 1."""
    probs, labels = votes(["111000", "000110", "000001"])
    unsure = np.where(probs[..., :1] == 0.9, probs, [0.33, 0.34, 0.33])
    candidates = pool(unsure, [1, 1, 1])
    expected = [(0,), (0, 1), (0, 1, 2)]
    for search in (greedy, selection.exact, selection.best_of_many):
        selected = search(candidates, labels, [1, 2, 3])
        assert [ensemble.members for ensemble in selected if ensemble] == expected
        assert [ensemble.accuracy for ensemble in selected if ensemble] == [3 / 6, 5 / 6, 1]


def test_greedy_selection_spends_the_budget_on_the_best_member_where_two_others_are_better() -> (
    None
):
    """a is right on 6 of 9 and costs all; b and c, unsure where they are wrong, know 5 and 4."""
    probs, labels = votes(["111111000", "111110000", "000001111"])
    probs[1:][probs[1:, :, 0] < 0.9] = [0.33, 0.34, 0.33]
    candidates = pool(probs, [2, 1, 1])
    alone, exact, many = (
        search(candidates, labels, [2])[0]
        for search in (greedy, selection.exact, selection.best_of_many)
    )
    assert alone == MixedEnsemble(members=(0,), macs=2, accuracy=6 / 9)
    assert exact == many == MixedEnsemble(members=(1, 2), macs=2, accuracy=1.0)


def test_between_equal_networks_nll_decides_for_ensembles_as_for_single_networks() -> None:
    probs, labels = votes(["110", "110"])
    probs[0, 0] = [0.5, 0.3, 0.2]  # right, and less sure
    candidates = pool(probs, [1, 1], ["x", "y"])
    for search in (selection.single_networks, selection.same_network):
        (ensemble,) = search(candidates, labels, [1])
        assert ensemble is not None
        assert ensemble.members == (1,)


def test_the_members_share_a_network() -> None:
    candidates, labels = DrawnPool(0, networks=3, members=4).draw(200, 1)
    budgets = [2e6, 4e6, 8e6]
    selected = selection.same_network(candidates, labels, budgets)
    for ensemble, budget in zip(selected, budgets, strict=True):
        assert ensemble is not None
        assert len({candidates.networks[m] for m in ensemble.members}) == 1
        best = max(
            merit[0]
            for k in range(3)
            if (merit := enumerated(candidates.only(range(4 * k, 4 * k + 4)), labels, budget))
        )
        assert ensemble.accuracy == best


def test_one_member_alone_is_chosen_by_accuracy() -> None:
    probs, labels = votes(["1100", "1110", "1111"])
    selected = selection.single_networks(pool(probs, [1, 2, 3]), labels, [0.5, 1, 2, 2.5, 9])
    assert [c and c.members for c in selected] == [None, (0,), (1,), (1,), (2,)]


def test_an_exact_search_of_too_many_is_refused_with_their_number() -> None:
    candidates, labels = drawn(0, 22)
    with pytest.raises(UsageError, match=r"2,000,000.*22 members.*4\.19e\+06 in all.*best_of_many"):
        selection.exact(candidates, labels, [1e6])
    assert selection.exact(candidates, labels, [10])  # few fit into a small budget


def test_a_seed_gives_the_same_choices_again() -> None:
    candidates, labels = DrawnPool(3).draw(100, 3)
    runs = [
        selection.best_of_many(candidates, labels, [3e6, 9e6], tries=2000, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert runs[0] == runs[1]


def test_a_million_ensembles_find_what_enumeration_finds() -> None:
    """Three of 60 members are too expensive; the budgets pay for up to 6 of the cheapest."""
    rng = np.random.default_rng(0)
    candidates, labels = drawn(5, 60, images=64)
    macs = rng.integers(10, 20, 60)
    macs[:3] = 1000
    candidates = pool_of(candidates, macs)
    budgets = [9.0, 15.0, 32.0, 90.0]
    selected = selection.best_of_many(candidates, labels, budgets, tries=1_000_000)
    alone = greedy(candidates, labels, budgets)
    assert selected[0] is None
    for ensemble, other, budget in zip(selected[1:], alone[1:], budgets[1:], strict=True):
        assert ensemble is not None
        assert other is not None
        assert ensemble.macs <= budget
        assert ensemble.accuracy >= other.accuracy
    exact = selection.exact(candidates, labels, budgets[:3])
    assert [c and c.accuracy for c in selected[:3]] == [c and c.accuracy for c in exact]


def pool_of(candidates: Candidates, macs: Labels) -> Candidates:
    keys = [f"member{k}" for k in range(len(macs))]
    return Candidates(
        keys=tuple(keys), networks=candidates.networks, macs=macs, probs=candidates.probs
    )
