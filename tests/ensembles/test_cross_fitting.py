"""Choosing by some images and scoring by others."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensearch.ensembles import cascade_selection, selection
from ensearch.ensembles.candidates import Candidates, MixedEnsemble
from ensearch.ensembles.cascades import NEVER, Cascade
from ensearch.ensembles.cross_fitting import CUTS, Search, apply, cross_fit, halves, predictor_key
from scripts.simulations.cross_fitting.drawn_pool import DrawnPool
from tests.planted import greedy, pool, votes


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(0, 99))
def test_halves_have_as_many_of_each_class(values: list[int], seed: int) -> None:
    labels = np.array(values)
    first, second = halves(labels, seed)
    assert sorted([*first, *second]) == list(range(len(labels)))
    counts = [np.bincount(labels[half], minlength=5) for half in (first, second)]
    assert np.abs(counts[0] - counts[1]).max() <= 1


def test_a_choice_is_scored_on_another_split() -> None:
    drawn = DrawnPool(0, networks=3)
    val, test = drawn.draw(200, 1), drawn.draw(300, 2)
    budgets = [1e6, 4e6]
    searches: list[Search] = [greedy, cascade_selection.search]
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
    """The selected of 60 members that all guess seem good; on images not seen they are not."""
    rng = np.random.default_rng(0)
    candidates = pool(rng.dirichlet(np.ones(2), (60, 200)), [1] * 60, ["x"] * 60)
    candidates = Candidates(
        keys=tuple(map(str, range(60))),
        networks=("x",) * 60,
        macs=candidates.macs,
        probs=candidates.probs,
    )
    labels = rng.integers(0, 2, 200)
    found = cross_fit(partial(selection.best_of_many, tries=5000), candidates, labels, [5])
    choice = found.selected[0]
    assert choice is not None
    assert choice.accuracy > 0.65
    assert found.accuracy[0] == pytest.approx(0.5, abs=0.1)
    assert found.accuracy[0] == found.hits[0].mean()


def test_where_nothing_fits_there_is_no_figure() -> None:
    candidates, labels = DrawnPool(0, networks=2).draw(50, 1)
    found = cross_fit(greedy, candidates, labels, [1e5, 1e6])
    assert found.selected[0] is None
    assert np.isnan([found.accuracy[0], found.macs[0]]).all()
    assert found.macs[1] == 1e6


def test_several_cuts_are_the_mean_of_each() -> None:
    candidates, labels = DrawnPool(0, networks=3).draw(101, 1)
    search = partial(cascade_selection.search, max_stages=2, levels=4)
    budgets = [1e6, 3e6]
    whole = cross_fit(search, candidates, labels, budgets, cuts=3)
    for k, _ in enumerate(budgets):
        scores = []
        for cut in range(3):
            for one, other in (halves(labels, 0, cut), halves(labels, 0, cut)[::-1]):
                chosen = search(candidates.take(one), labels[one], budgets)[k]
                assert chosen is not None
                applied = apply(chosen, candidates.take(other), labels[other])
                scores.append((applied.hits.sum() / 101, applied.costs.sum() / 101))
        assert whole.accuracy[k] == pytest.approx(sum(hits for hits, _ in scores) / 3)
        assert whole.macs[k] == pytest.approx(sum(macs for _, macs in scores) / 3)
    assert set(np.unique(np.round(3 * whole.hits, 9))) <= {0.0, 1.0, 2.0, 3.0}


def test_every_half_and_its_other_are_kept() -> None:
    candidates, labels = DrawnPool(0, networks=2).draw(60, 1)
    found = cross_fit(greedy, candidates, labels, [3e6])
    assert found.sides.shape == (2 * CUTS, 60)
    assert (found.sides[:CUTS] == ~found.sides[CUTS:]).all()
    assert len({side.tobytes() for side in found.sides}) == 2 * CUTS
    choice = found.selected[0]
    assert choice is not None
    assert (found.applied[0].hits == apply(choice, candidates, labels).hits).all()


def test_halves_that_chose_the_same_are_counted() -> None:
    """One member is always right and one never is, so all halves select the same: 8 of 8."""
    probs, labels = votes(["1" * 60, "0" * 60])
    found = cross_fit(selection.single_networks, pool(probs, [1, 1]), labels, [0.5, 1])
    assert [found.agreeing(k) for k in (0, 1)] == [0, 2 * CUTS]
    # Right on disjoint images: which seems better is the luck of the half.
    probs, labels = votes(["10" * 60, "01" * 60])
    found = cross_fit(selection.single_networks, pool(probs, [1, 1]), labels, [1])
    chosen = found.selected[0]
    assert chosen is not None
    members = [half[0].members for half in found.by_halves if half[0] is not None]
    assert 0 < found.agreeing(0) < 2 * CUTS
    assert found.agreeing(0) == members.count(chosen.members)


def test_choices_that_are_one_predictor_have_one_key() -> None:
    def cascade(members: tuple[int, ...], *thresholds: float) -> Cascade:
        return Cascade(
            members=members,
            thresholds=thresholds,
            measure="max",
            macs=1.0,
            accuracy=0.5,
            exits=(1.0,),
        )

    whole = MixedEnsemble(members=(1, 2), macs=2, accuracy=0.5)
    assert predictor_key(cascade((2, 1), NEVER)) == predictor_key(whole)
    assert predictor_key(cascade((2, 1), 0.9)) not in (
        predictor_key(whole),
        predictor_key(cascade((1, 2), 0.9)),
    )
    assert predictor_key(cascade((1,))) == predictor_key(
        MixedEnsemble(members=(1,), macs=1, accuracy=0.5)
    )
    assert predictor_key(None) == ()
