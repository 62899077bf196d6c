"""Which networks get how many more seeds, where it is known on paper, and when nothing more is."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ensearch.fronts import FrontRow, ToSettle, Verdict, allocation, stopping
from ensearch.fronts.allocation import Networks, TrainedNetwork, by_variance
from ensearch.fronts.settling import CLOSE
from scripts.simulations.verdicts.rules import equal_for_finalists
from tests.advantages import evaluation
from tests.worlds import fronts_of, row

ONE, MANY = evaluation(1.0, 1, 0.8), evaluation(0.5, 2, 0.8)
A, B = ONE.network, MANY.network
ENDS = (0.0, -0.02, 0.02)


def undecided(
    luck: Mapping[str, float], wanted: float, budget: float = 1e9, seeds: int | None = 5
) -> FrontRow:
    """A row with a half width of 0.02 that has to come below `wanted`."""
    needs = ToSettle(
        None if seeds is None else {A: seeds, B: seeds},
        100.0,
        None,
        0.02,
        0.0,
        0.015,
        wanted=wanted / CLOSE,
        luck=luck,
    )
    return replace(row(budget, ONE, MANY, "undecided", ENDS), to_settle=needs)


def known(costs: tuple[float, float] = (1.0, 1.0), most: int = 64) -> Networks:
    return {name: TrainedNetwork(3, c, most) for name, c in zip((A, B), costs, strict=True)}


def test_seeds_go_where_the_variance_comes_from() -> None:
    """Half the variance has to go: 0.8 x k / (3 + k) = 0.5 at k = 5."""
    fronts = fronts_of(undecided({A: 0.8, B: 0.0}, 0.02 * 0.5**0.5))
    assert by_variance(fronts, known(), 1000.0) == {A: 5}


def test_a_dear_network_gets_fewer() -> None:
    """At 9 times the cost a third of the members: 0.4 (3/a + 3/3a) = 0.3 at a = 5.33."""
    fronts = fronts_of(undecided({A: 0.4, B: 0.4}, 0.02 * 0.5**0.5))
    assert by_variance(fronts, known((9.0, 1.0)), 1000.0) == {A: 3, B: 13}


def test_the_budget_that_needs_least_comes_first() -> None:
    dear = undecided({A: 0.9}, 0.02 * 0.4**0.5, 2e9)
    cheap = undecided({B: 0.8}, 0.02 * 0.5**0.5)
    both = fronts_of(cheap, dear)
    assert by_variance(both, known((10.0, 1.0)), 1000.0) == {A: 6, B: 5}
    # What is left after the cheap one narrows the other: 2 x 10 of 20 multiply-adds.
    assert by_variance(both, known((10.0, 1.0)), 25.0) == {A: 2, B: 5}


def test_nothing_beyond_the_cost_or_what_there_is() -> None:
    fronts = fronts_of(undecided({A: 0.5, B: 0.4}, 0.02 * 0.2**0.5))
    for cost in (1.0, 7.0, 20.0, 1e6):
        more = by_variance(fronts, known(), cost)
        assert 0 < allocation.cost_of(more, known()) <= cost
    assert max(by_variance(fronts, known(most=2), 1e6).values()) == 2
    assert by_variance(fronts_of(), known(), 10.0) == {}


def test_what_no_seeds_decide_waits() -> None:
    hopeless = undecided({A: 0.1}, 0.01, seeds=None)
    open_one = undecided({B: 0.8}, 0.02 * 0.5**0.5, 2e9)
    assert by_variance(fronts_of(hopeless, open_one), known(), 1e3) == {B: 5}
    assert set(by_variance(fronts_of(hopeless), known(), 10.0)) == {A}


def test_finalists_get_equally_many() -> None:
    fronts = fronts_of(undecided({A: 0.8, B: 0.0}, 0.01))
    assert equal_for_finalists(fronts, known((2.0, 1.0)), 10.0) == {A: 3, B: 3}
    assert equal_for_finalists(fronts, known(), 1e6) == {A: 5, B: 5}
    assert equal_for_finalists(fronts_of(), known(), 10.0) == {}


def test_networks_of_evaluations() -> None:
    found = allocation.networks([replace(MANY, trained=3, train_macs=8.0)], {B: 2})
    assert found == {B: TrainedNetwork(3, 4.0, 2)}


@pytest.mark.parametrize(
    ("verdict", "loss", "left", "expected"),
    [
        ("ensembles", 0.01, 1e9, "decided"),
        ("undecided", 0.01, 1e9, None),
        ("undecided", 0.01, 0.0, "cost"),
        ("undecided", 0.001, 1e9, None),  # 100 multiply-adds decide it
        ("undecided", 0.001, 50.0, "good enough"),
    ],
)
def test_when_to_stop(
    verdict: Verdict, loss: float, left: float, expected: stopping.Reason | None
) -> None:
    found = replace(undecided({A: 0.5}, 0.01), verdict=verdict, expected_loss=loss)
    assert stopping.reason(fronts_of(found), left) == expected


def test_budgets_that_are_not_matched_do_not_count() -> None:
    assert stopping.reason(fronts_of(row(1e9, ONE, MANY)), 1e9) == "decided"
