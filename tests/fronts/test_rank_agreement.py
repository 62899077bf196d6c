"""Ranks and crossovers of short and full schedules, against paper and scipy."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from ensearch.fronts import FrontRow, Fronts, Zone, rank_agreement


def test_rank_correlations_on_paper() -> None:
    """Among 6 values 14 of 15 pairs keep their order: tau = 13 / 15; rho = 1 - 6 x 2 / 210."""
    found = rank_agreement.ranks([1, 2, 3, 4, 5, 6], [1, 2, 4, 3, 5, 6], seed=0)
    assert found is not None
    assert found.n == 6
    assert found.kendall.value == pytest.approx(13 / 15)
    assert found.spearman.value == pytest.approx(1 - 12 / 210)
    assert found.kendall.low < 13 / 15 < found.kendall.high <= 1


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=6, max_size=15))
def test_rank_correlations_are_scipys_also_with_ties(pairs: list[tuple[int, int]]) -> None:
    x, y = zip(*pairs, strict=True)
    found = rank_agreement.ranks(x, y, seed=1)
    assert found is not None
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert math.isnan(found.kendall.value)
        return
    assert found.kendall.value == pytest.approx(scipy.stats.kendalltau(x, y).statistic)
    assert found.spearman.value == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert found.kendall.low <= found.kendall.high


def test_the_interval_of_tau_covers_the_truth() -> None:
    """Normal pairs of correlation 0.7 have tau = 2 asin(0.7) / pi = 0.494; 14 configurations."""
    rng, hits = np.random.default_rng(0), 0
    for seed in range(100):
        x = rng.standard_normal(14)
        y = 0.7 * x + math.sqrt(1 - 0.49) * rng.standard_normal(14)
        found = rank_agreement.ranks(x.tolist(), y.tolist(), seed)
        assert found is not None
        hits += found.kendall.low <= 2 * math.asin(0.7) / math.pi <= found.kendall.high
    assert 88 <= hits <= 100


def test_five_configurations_are_too_few_to_say() -> None:
    assert rank_agreement.ranks([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], seed=0) is None


def test_pairs_of_nearly_equal_cost() -> None:
    """1 and 1.4 are near, 1.4 and 1.9 are near, 1 and 1.9 are not; a tie says nothing."""
    assert rank_agreement.near_pairs(
        [1, 1.4, 1.9], [0.1, 0.2, 0.3], [0.1, 0.3, 0.2]
    ) == rank_agreement.Pairs(pairs=2, kept=1)
    assert rank_agreement.near_pairs([1, 1], [0.1, 0.1], [0.1, 0.2]).pairs == 0


def fronts(advantages: tuple[float, ...], half: float, zone: Zone) -> Fronts:
    """Budgets 1, 2, 4, ..., with a band of the given half-width."""
    rows = (
        FrontRow(
            budget=float(2**i),
            single=None,
            ensemble=None,
            advantage=a,
            low=a - half,
            high=a + half,
            matched=True,
            verdict="ensembles" if a > half else "single" if a < -half else "undecided",
        )
        for i, a in enumerate(advantages)
    )
    return Fronts(rows=tuple(rows), zone=zone)


def crossed(low: float, high: float) -> Zone:
    return Zone(status="crossed", low=low, high=high)


CROSSED = fronts((-0.2, -0.1, 0.1, 0.2), 0.05, crossed(2, 4))
OPEN = Zone(status="undecided")


@pytest.mark.parametrize(
    ("full", "doublings", "agree", "verdict"),
    [
        (CROSSED, 0.0, 4, "holds"),
        # Half a doubling higher, and one sign in between is another: no contradiction.
        (fronts((-0.2, -0.1, -0.01, 0.2), 0.05, crossed(2, 8)), 0.5, 3, "holds"),
        # One and a half, but both may lie at 4.
        (fronts((-0.2, -0.1, -0.01, 0.2), 0.05, crossed(4, 16)), 1.5, 3, "unclear"),
        # From below 4 to above 9: more than a doubling.
        (fronts((-0.2, -0.1, -0.01, 0.2), 0.05, crossed(9, 16)), 2.08, 3, "short schedule only"),
        # No crossover any more up to 16, or all below 0.5.
        (
            fronts((-0.2, -0.1, -0.1, -0.01), 0.11, Zone(status="singles", high=16)),
            None,
            2,
            "short schedule only",
        ),
        (
            fronts((0.01, 0.01, 0.1, 0.2), 0.05, Zone(status="ensembles", low=0.5)),
            None,
            2,
            "short schedule only",
        ),
        (fronts((-0.2, -0.1, 0.1, 0.2), 1.0, OPEN), None, 4, "unclear"),
        # Clearly the other way round at 1.
        (
            fronts((0.2, -0.1, 0.1, 0.2), 0.05, Zone(status="crosses back", low=1, high=2)),
            None,
            3,
            "short schedule only",
        ),
        (fronts((-0.2, 0.1, -0.1, 0.2), 0.11, OPEN), None, 2, "unclear"),
    ],
)
def test_the_shift_of_the_crossover_on_paper(
    full: Fronts, doublings: float | None, agree: int, verdict: rank_agreement.Finding
) -> None:
    found = rank_agreement.shift(CROSSED, full)
    assert found.doublings == (None if doublings is None else pytest.approx(doublings, abs=0.01))
    assert (found.budgets, found.agree, found.verdict) == (4, agree, verdict)


def test_two_one_sided_answers_agree_and_two_open_ones_say_nothing() -> None:
    always = fronts((0.1, 0.2), 0.05, Zone(status="ensembles", low=1))
    assert rank_agreement.shift(always, always).verdict == "holds"
    level = fronts((0.0, 0.0), 0.005, Zone(status="equal", low=1, high=2))
    assert rank_agreement.shift(level, level).verdict == "holds"
    opened = fronts((0.1, -0.2), 0.5, OPEN)
    assert rank_agreement.shift(opened, opened).verdict == "unclear"
    none = rank_agreement.shift(fronts((), 0, OPEN), always)
    assert (none.budgets, none.mean_change, none.verdict) == (0, None, "unclear")


def test_an_advantage_of_exactly_nothing_agrees_with_neither_sign() -> None:
    nothing = fronts((0.0, 0.0, 0.0), 0.05, OPEN)
    signs = fronts((-0.1, 0.0, 0.1), 0.05, OPEN)
    assert rank_agreement.shift(nothing, signs).agree == 1


def test_the_change_of_the_advantage_and_where_it_is_reversed() -> None:
    found = rank_agreement.shift(CROSSED, fronts((0.2, -0.1, 0.1, 0.2), 0.05, OPEN))
    assert found.reversed_at == (1,)
    assert found.mean_change == pytest.approx(0.1)
