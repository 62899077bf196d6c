"""What earlier looks may still say of an advantage, and how the error is spread over looks."""

from dataclasses import replace

import pytest

from ensearch.fronts import analysis, spending
from ensearch.fronts.claims import Claim, standing
from tests.advantages import G, hits_of, ladder, rows_of


def claim(
    low: float, high: float, *, budget: float = 1.0, singles: int = 3, ensembles: int = 4
) -> Claim:
    return Claim(
        budget=budget,
        low=low,
        high=high,
        least=low + 0.001,
        most=high - 0.001,
        singles=singles,
        ensembles=ensembles,
    )


NOW = claim(-0.01, 0.05)


def test_the_narrower_bound_stands() -> None:
    assert standing(NOW, [claim(0.002, 0.06), claim(-0.02, 0.04)], 0.02) == claim(0.002, 0.04)


def test_a_bound_that_the_estimate_has_crossed_is_withdrawn() -> None:
    assert standing(NOW, [claim(0.002, 0.04)], 0.001).low == NOW.low
    assert standing(NOW, [claim(0.002, 0.04)], 0.041).high == NOW.high


def test_new_ensembles_raise_the_advantage_and_new_single_networks_lower_it() -> None:
    earlier = claim(0.002, 0.04)
    assert standing(NOW, [replace(earlier, ensembles=3)], 0.02) == claim(0.002, 0.05)
    kept = standing(NOW, [replace(earlier, singles=2)], 0.02)
    assert (kept.low, kept.least, kept.high) == (NOW.low, NOW.least, 0.04)


def test_another_budget_says_nothing() -> None:
    assert standing(NOW, [claim(0.002, 0.04, budget=2.0)], 0.02) == NOW


def test_a_claim_comes_back_from_plain_data() -> None:
    assert Claim(**NOW.as_dict()) == NOW


def test_looks_never_use_up_the_error() -> None:
    shares: list[float] = []
    for _ in range(30):
        shares.append(spending.next_share(shares))
    assert shares[:3] == [1.0, 0.5, 0.25]
    assert 0 < spending.left(shares) < 1e-6
    planned = spending.next_share([], 4)
    assert planned == 0.25
    assert spending.next_share([planned] * 4, 4) == 0.125


def test_a_look_with_a_smaller_share_is_wider_and_keeps_what_was_shown() -> None:
    table, budgets = ladder([0.03, 0.0, 0.0])
    rows, hits = rows_of(table), hits_of(table, members=7)
    scaled = [b * G for b in budgets]
    first = analysis.analyse(rows, scaled, hits)
    wider = analysis.analyse(rows, scaled, hits, share=1 / 64)
    assert first.rows[0].verdict == "ensembles"
    for one, other in zip(first.claims, wider.claims, strict=True):
        assert other.low < one.low < one.high < other.high
    after = analysis.analyse(rows, scaled, hits, share=1 / 64, before=first.claims)
    assert after.claims == wider.claims
    assert [row.verdict for row in after.rows] == [row.verdict for row in first.rows]
    assert [row.low for row in after.rows] == pytest.approx([row.low for row in first.rows])
