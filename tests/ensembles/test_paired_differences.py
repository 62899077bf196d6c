"""Which of two searches is better, and how sure that is."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest

from ensearch.core import Labels
from ensearch.ensembles import cascade_selection, partial_sums, selection
from ensearch.ensembles.candidates import Candidates, MixedEnsemble
from ensearch.ensembles.cross_fitting import Search, apply, cross_fit
from ensearch.ensembles.paired_differences import (
    HeldOutScores,
    by_other_half,
    by_other_split,
    leads,
)
from ensearch.errors import UsageError
from ensearch.fronts import Difference
from scripts.simulations.cross_fitting.drawn_pool import DrawnPool
from tests.planted import greedy, pool, votes


def compared(
    one: Search,
    other: Search,
    candidates: Candidates,
    labels: Labels,
    budget: float,
    replicates: int = 400,
) -> Difference | None:
    found = [
        by_other_half(cross_fit(search, candidates, labels, [budget]), replicates=replicates)
        for search in (one, other)
    ]
    return leads([((found[0], 0), (found[1], 0))])[0]


def fixed(members: tuple[int, ...]) -> "partial[Sequence[MixedEnsemble]]":
    """A search that always finds the same."""

    def search(
        members: tuple[int, ...], candidates: Candidates, labels: Labels, budgets: Sequence[float]
    ) -> Sequence[MixedEnsemble]:
        return [partial_sums.mixed_ensemble(candidates, labels, members) for _ in budgets]

    return partial(search, members)


def test_two_searches_that_find_the_same_do_not_differ() -> None:
    candidates, labels = DrawnPool(0, networks=2).draw(60, 1)
    found = compared(greedy, greedy, candidates, labels, 3e6, replicates=40)
    assert found == Difference(value=0.0, low=0.0, high=0.0)
    assert found.side == 0


def test_the_lead_is_the_difference_of_the_accuracies() -> None:
    candidates, labels = DrawnPool(3, networks=4).draw(150, 1)
    budgets = [1e6, 2e6, 4e6]
    one, other = (
        by_other_half(cross_fit(search, candidates, labels, budgets), replicates=40)
        for search in (selection.single_networks, partial(cascade_selection.search, orders=20))
    )
    found = leads([((one, k), (other, k)) for k in range(3)])
    for k, lead in enumerate(found):
        assert lead is not None
        assert lead.value == other.accuracy[k] - one.accuracy[k]
        assert lead.low <= lead.value <= lead.high


def test_where_nothing_fits_nothing_is_told() -> None:
    candidates, labels = DrawnPool(0, networks=2).draw(50, 1)
    assert compared(selection.same_network, greedy, candidates, labels, 1e5) is None
    assert leads([]) == []


def test_without_choices_the_interval_is_that_of_pairs() -> None:
    """b images only one has right, c only the other: sqrt(b + c - (b - c)^2 / n) / n."""
    n, b, c = 400, 30, 70
    rows = ["1" * b + "0" * c + "1" * (n - b - c), "0" * b + "1" * c + "1" * (n - b - c)]
    probs, labels = votes(rows)
    candidates = pool(probs, [1, 1])
    error = math.sqrt(b + c - (b - c) ** 2 / n) / n
    ones = [
        by_other_half(cross_fit(fixed((m,)), candidates, labels, [1]), replicates=1000)
        for m in (0, 1)
    ]
    choices = [partial_sums.mixed_ensemble(candidates, labels, (m,)) for m in (0, 1)]
    others = [
        by_other_split([choice], [1], candidates, labels, replicates=1000) for choice in choices
    ]
    for one, other in (ones, others):
        (found,) = leads([((one, 0), (other, 0))])
        assert found is not None
        assert found.value == pytest.approx((c - b) / n)
        assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_a_choice_that_hangs_by_a_thread_widens_the_interval() -> None:
    """Each half takes another of 40 members that all guess; pairs alone know nothing of that."""
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(2), (40, 300))
    candidates = Candidates(
        keys=tuple(map(str, range(40))),
        networks=("x",) * 40,
        macs=np.ones(40, np.int64),
        probs=probs,
    )
    labels = rng.integers(0, 2, 300)
    found = cross_fit(selection.single_networks, candidates, labels, [1])
    spread = by_other_half(found).replicates[:, 0].std()
    assert spread > 1.2 * found.hits[0].std() / math.sqrt(300)


def test_where_networks_err_on_different_images_mixing_helps_and_where_not_not() -> None:
    results = []
    for kinds, own in ((2.0, 0.1), (0.0, 1.4)):
        drawn = DrawnPool(1, networks=4, members=3, network=kinds, own=own, luck=0.0)
        candidates, labels = drawn.draw(400, 2)
        mixing = partial(selection.best_of_many, tries=300)
        results.append(compared(selection.same_network, mixing, candidates, labels, 6e6))
    assert [found and found.side for found in results] == [1, 0]


def judged(accuracy: Sequence[float], drawn: np.ndarray, images: int) -> HeldOutScores:
    values = np.array(accuracy)
    return HeldOutScores(
        hits=np.broadcast_to(values[:, None], (len(values), images)),
        budgets=tuple(range(1, 1 + len(values))),
        accuracy=values,
        macs=values,
        replicates=drawn,
        identities=tuple((object(),) for _ in values),
    )


def test_intervals_of_many_hold_at_once() -> None:
    """The largest of 20 independent deviations is below 3.02 errors in 95 % of the cases."""
    rng = np.random.default_rng(0)
    one = judged([0.5] * 20, np.full((4000, 20), 0.5), images=10**5)
    other = judged([0.6] * 20, 0.6 + 0.1 * rng.standard_normal((4000, 20)), images=10**5)
    found = leads([((one, k), (other, k)) for k in range(20)])
    halves = [(lead.high - lead.low) / 2 for lead in found if lead]
    assert halves == pytest.approx([0.302] * 20, rel=0.05)
    (alone,) = leads([((one, 0), (other, 0))])
    assert alone is not None
    assert (alone.high - alone.low) / 2 == pytest.approx(0.196, rel=0.05)


def test_two_images_tell_nothing() -> None:
    """All pairs favour one side, and so does every replicate; 300 images are another matter."""
    for images, side in ((2, 0), (300, 1)):
        probs, labels = votes(["0" * images, "1" * images])
        candidates = pool(probs, [1, 1])
        found = compared(fixed((0,)), fixed((1,)), candidates, labels, 1)
        assert found is not None
        assert (found.value, found.side) == (1.0, side)


def test_two_predictors_that_agree_on_all_images_are_not_one() -> None:
    """Nobody knows that they would agree on the next; only of one predictor that is known."""
    probs, labels = votes(["1" * 170 + "0" * 10] * 2)
    candidates = pool(probs, [1, 1])
    one, other = (by_other_half(cross_fit(fixed((m,)), candidates, labels, [1])) for m in (0, 1))
    choices = [partial_sums.mixed_ensemble(candidates, labels, (m,)) for m in (0, 1)]
    again = [by_other_split([choice], [1], candidates, labels) for choice in choices]
    for pair in ((one, other), again):
        (lead,) = leads([((pair[0], 0), (pair[1], 0))])
        assert lead is not None
        assert lead.value == 0
        # One image more on either side.
        assert lead.high == -lead.low == pytest.approx(1.96 * math.sqrt(2) / 180, rel=1e-3)
        (same,) = leads([((pair[0], 0), (pair[0], 0))])
        assert same == Difference(value=0.0, low=0.0, high=0.0)


def test_on_another_split_choices_are_what_they_are() -> None:
    drawn = DrawnPool(0, networks=3)
    val, test = drawn.draw(200, 1), drawn.draw(300, 2)
    budgets = [1e5, 1e6, 4e6]
    choices = cascade_selection.search(val[0], val[1], budgets)
    found = by_other_split(choices, budgets, *test, replicates=200)
    assert np.isnan(found.accuracy[0])
    assert np.isnan(found.macs[0])
    for k in (1, 2):
        choice = choices[k]
        assert choice is not None
        applied = apply(choice, *test)
        assert (found.accuracy[k], found.macs[k]) == (applied.accuracy, applied.macs)
        p = applied.accuracy
        assert found.replicates[:, k].std() == pytest.approx(math.sqrt(p * (1 - p) / 300), rel=0.2)


def test_too_few_replicates_are_refused() -> None:
    candidates, labels = DrawnPool(0, networks=2).draw(20, 1)
    with pytest.raises(UsageError, match="at least 40 replicates; got 10"):
        compared(greedy, greedy, candidates, labels, 3e6, replicates=10)
