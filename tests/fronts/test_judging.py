"""What to take at a budget, and what a verdict needs, by draws made by hand."""

from statistics import NormalDist

import numpy as np
import pytest

from ensearch.core import Floats
from ensearch.fronts import FrontRow, comparison
from ensearch.fronts.estimates import Estimate
from ensearch.fronts.judging import FEWEST_DEGREES, judge
from tests.advantages import G, Table, noise_of, rows_of

TABLE: Table = [(1.0, 1, 0.80), (0.5, 2, 0.805), (0.25, 4, 0.81)]
NORMAL = NormalDist()


def judged(
    table: Table,
    *,
    margin: float = 0.01,
    sd: float = 1e-6,
    degrees: int = 100,
    budget: float = 1.0,
) -> FrontRow:
    rows = rows_of(table)
    noise = noise_of(rows, sd**2, degrees=degrees)
    normal = np.random.default_rng(0).standard_normal((20_000, len(rows)))
    draws = noise.accuracies + sd * (normal - normal.mean(axis=0))

    def covariance(found: Floats) -> Floats:
        return found

    estimate = Estimate(
        accuracies=noise.accuracies,
        draws=draws,
        compare=lambda rivals: comparison.by_draws(draws, rivals, 0.9),
        covariance=covariance,
        influence=np.eye(len(rows)),
        is_pooled=True,
    )
    (row,) = judge(
        rows, [budget * G], noise, estimate, noise.accuracies, margin, tried=rows, selected=False
    )
    return row


@pytest.mark.parametrize(("margin", "size"), [(0.02, 1), (0.007, 2), (0.001, 4)])
def test_the_simplest_within_the_margin_is_taken(margin: float, size: int) -> None:
    row = judged(TABLE, margin=margin)
    assert row.take is not None
    assert row.take.size == size
    assert row.expected_loss == pytest.approx(0.81 - row.take.scores.accuracy, abs=1e-5)
    # The other kind's best stands beside it.
    assert row.runner_up == (row.ensemble if size == 1 else row.single)


def test_of_equal_sizes_the_cheaper_is_taken() -> None:
    row = judged([(1.0, 1, 0.805), (0.9, 1, 0.802), (0.8, 1, 0.801), (0.5, 2, 0.78)])
    assert row.take == rows_of([(0.8, 1, 0.801)])[0]
    assert row.single == rows_of([(1.0, 1, 0.805)])[0]


def test_where_nothing_is_surely_within_the_margin_the_best_is_taken() -> None:
    """Differences have a standard deviation of 0.14: none is within 0.01 in 95 % of draws."""
    row = judged([(1.0, 1, 0.80), (0.5, 2, 0.83)], sd=0.1)
    assert row.take == row.ensemble
    assert row.runner_up == row.single
    sd, away = 0.1 * 2**0.5, 0.03 / (0.1 * 2**0.5)
    loss = sd * (NORMAL.pdf(away) - away * NORMAL.cdf(-away))
    assert row.expected_loss == pytest.approx(loss, rel=0.05)


def test_the_best_is_taken_where_only_more_complex_ones_are_surely_within_the_margin() -> None:
    """The single network is the best by the estimates, and known less well than the ensemble."""
    rows = rows_of([(1.0, 1, 0.800), (0.5, 2, 0.799)])
    noise = noise_of(rows, 1e-6)
    draws = np.array([[0.80, 0.799]] * 94 + [[0.78, 0.799]] * 6)
    estimate = Estimate(
        accuracies=np.array([0.80, 0.799]),
        draws=draws,
        compare=lambda rivals: comparison.by_draws(draws, rivals, 0.9),
        covariance=lambda found: found,
        influence=np.eye(2),
        is_pooled=True,
    )
    (row,) = judge(rows, [G], noise, estimate, noise.accuracies, 0.01, tried=rows, selected=False)
    assert (row.take, row.take_accuracy) == (rows[0], 0.80)
    assert row.expected_loss == pytest.approx(0.06 * 0.019)


def test_no_loss_is_expected_against_more_than_all_images() -> None:
    """Two at 100 %, by few images: half of the noise of either would lie beyond."""
    row = judged([(1.0, 1, 1.0), (0.5, 2, 1.0)], sd=0.3)
    assert (row.take, row.take_accuracy) == (row.single, 1.0)
    assert row.expected_loss == pytest.approx(0.3 * 2**0.5 * NORMAL.pdf(0) / 2, rel=0.05)


@pytest.mark.parametrize(
    ("single", "margin", "strong", "weak"),
    [
        (0.75, 0.01, "ensembles", "ensemble at worst equal"),
        (0.89, 0.01, "single", "single at worst equal"),
        (0.80, 0.05, "equal", "ensemble at worst equal"),
    ],
)
def test_a_strong_verdict_needs_twelve_degrees_of_freedom(
    single: float, margin: float, strong: str, weak: str
) -> None:
    table: Table = [(1.0, 1, single), (0.5, 2, 0.8001)]
    for degrees, expected in ((FEWEST_DEGREES, strong), (FEWEST_DEGREES - 1, weak), (0, weak)):
        row = judged(table, margin=margin, sd=0.005, degrees=degrees)
        assert (row.matched, row.verdict) == (True, expected)


def test_a_strong_verdict_needs_matched_costs() -> None:
    row = judged([(0.5, 1, 0.7), (0.5, 2, 0.8)], sd=0.001)
    assert (row.matched, row.verdict, row.advantage) == (False, "ensemble at worst equal", None)
    assert row.low is not None
    assert row.low > 0
    assert row.take == row.ensemble


def test_only_an_undecided_matched_budget_has_what_would_settle_it() -> None:
    undecided = judged([(1.0, 1, 0.8), (0.5, 2, 0.8)], sd=0.02)
    assert undecided.verdict == "undecided"
    assert undecided.to_settle is not None
    # To be within the margin takes at most the margin; images make all the noise here.
    assert undecided.to_settle.seeds is None
    assert undecided.to_settle.half_width_members == pytest.approx(undecided.to_settle.half_width)
    assert undecided.to_settle.images is not None
    assert judged([(1.0, 1, 0.8), (0.5, 2, 0.9)], sd=0.005).to_settle is None
    apart = judged([(0.5, 1, 0.8), (0.5, 2, 0.8)], sd=0.05)
    assert (apart.matched, apart.verdict, apart.to_settle) == (False, "undecided", None)


def test_one_kind_alone_is_compared_with_nothing() -> None:
    row = judged([(1.0, 1, 0.8), (2.0, 2, 0.9)])
    assert (row.low, row.verdict, row.take, row.runner_up) == (None, "undecided", row.single, None)


def test_of_one_kind_alone_the_simplest_within_the_margin_is_taken_too() -> None:
    table: Table = [(1.0, 1, 0.802), (0.25, 1, 0.800), (0.1, 1, 0.780)]
    row = judged(table)
    assert (row.take, row.runner_up) == (rows_of(table)[1], None)
    assert row.take_accuracy == pytest.approx(0.8)
    assert row.expected_loss == pytest.approx(0.002, abs=1e-5)
