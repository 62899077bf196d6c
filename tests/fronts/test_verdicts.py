"""Intervals on paper -> verdicts, and verdicts -> what a study says as a whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensearch.fronts.verdicts import STRONG, WEAK, Ruled, Status, Verdict, Zone, verdict, zone

MARGIN = 0.01


@pytest.mark.parametrize(
    ("signs", "margins", "strong", "weak"),
    [
        ((0.001, 0.03), (0.003, 0.02), "ensembles", "ensemble at worst equal"),
        ((-0.03, -0.001), (-0.02, -0.003), "single", "single at worst equal"),
        ((-0.012, 0.012), (-0.009, 0.009), "equal", "ensemble at worst equal"),
        ((-0.012, 0.008), (-0.009, 0.007), "equal", "single at worst equal"),
        ((-0.012, 0.03), (-0.009, 0.02), "ensemble at worst equal", "ensemble at worst equal"),
        ((-0.03, 0.012), (-0.02, 0.009), "single at worst equal", "single at worst equal"),
        ((-0.03, 0.03), (-0.02, 0.02), "undecided", "undecided"),
        ((-0.03, 0.03), (-0.01, 0.02), "undecided", "undecided"),  # exactly the margin behind
        ((0.0, 0.03), (0.003, 0.02), "ensemble at worst equal", "ensemble at worst equal"),
    ],
)
def test_the_six_verdicts_and_what_is_left_of_them_where_costs_are_not_matched(
    signs: tuple[float, float], margins: tuple[float, float], strong: Verdict, weak: Verdict
) -> None:
    assert verdict(signs, margins, MARGIN, strong=True) == strong
    assert verdict(signs, margins, MARGIN, strong=False) == weak


ends = st.tuples(st.floats(-0.05, 0.05), st.floats(0, 0.05), st.floats(0.3, 1)).map(
    lambda v: (
        (v[0] - v[1], v[0] + v[1]),
        (v[0] - v[1] * v[2], v[0] + v[1] * v[2]),
    )
)


@given(ends, st.floats(0.001, 0.03), st.booleans())
def test_a_verdict_says_nothing_that_its_interval_does_not(
    found: tuple[tuple[float, float], tuple[float, float]], margin: float, strong: bool
) -> None:
    (low, high), (least, most) = found
    said = verdict(*found, margin, strong=strong)
    allowed = {
        "ensembles": low > 0,
        "single": high < 0,
        "equal": least > -margin and most < margin,
        "ensemble at worst equal": least > -margin,
        "single at worst equal": most < margin,
        "undecided": least <= -margin or most >= margin or not strong,
    }
    assert allowed[said]
    assert strong or said not in STRONG
    mirrored = {
        "ensembles": "single",
        "ensemble at worst equal": "single at worst equal",
    }
    mirrored |= {b: a for a, b in mirrored.items()}
    back = verdict((-high, -low), (-most, -least), margin, strong=strong)
    if least + most != 0:
        assert back == mirrored.get(said, said)


def ruled(*verdicts: Verdict) -> list[Ruled]:
    return [Ruled(2.0**k, said) for k, said in enumerate(verdicts)]


E: Verdict = "ensembles"
S: Verdict = "single"
EQ: Verdict = "equal"
U: Verdict = "undecided"
EW: Verdict = "ensemble at worst equal"
SW: Verdict = "single at worst equal"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([S, U, E], Zone(status="crossed", low=1, high=4, open=(2,))),
        ([S, S, EQ, E, E], Zone(status="crossed", low=2, high=8)),
        ([U, S, E, U], Zone(status="crossed", low=2, high=4, open=(1, 8))),
        ([E, E], Zone(status="ensembles", low=1)),
        ([U, E, EW], Zone(status="ensembles", low=2, open=(1,))),
        ([S, S], Zone(status="singles", high=2)),
        ([SW, S, U], Zone(status="singles", high=2, open=(4,))),
        ([EQ, EQ, EQ], Zone(status="equal", low=1, high=4)),
        ([E, S], Zone(status="crosses back", low=1, high=2)),
        ([S, E, U, S], Zone(status="crosses back", low=2, high=8, open=(4,))),
        ([], Zone(status="undecided")),
        ([EW, SW, EQ], Zone(status="undecided")),
        ([E, U, E], Zone(status="undecided", open=(2,))),  # not from 1 on
        ([E, EQ], Zone(status="undecided")),  # nor where they are only equal
        ([U, S, U, S], Zone(status="undecided", open=(1, 4))),
    ],
)
def test_zones(verdicts: list[Verdict], expected: Zone) -> None:
    assert zone(ruled(*verdicts)) == expected


@given(st.lists(st.sampled_from([*STRONG, *WEAK, U]), max_size=8))
def test_a_zone_says_nothing_that_the_verdicts_contradict(verdicts: list[Verdict]) -> None:
    rows = ruled(*verdicts)
    found = zone(rows)
    said = dict(rows)
    assert found.open == tuple(budget for budget, verdict in rows if verdict == U)
    below = {v for b, v in rows if found.low is None or b <= found.low}
    above = {v for b, v in rows if found.high is None or b >= found.high}
    between = {v for b, v in rows if (found.low or 0) < b < (found.high or float("inf"))}
    if found.status == "crossed":
        assert found.low is not None
        assert found.high is not None
        assert (said[found.low], said[found.high]) == (S, E)
        assert E not in below
        assert S not in above
        assert not {E, S} & between
    elif found.status == "crosses back":
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.high
        assert (said[found.low], said[found.high]) == (E, S)
    elif found.status == "ensembles":
        assert found.low is not None
        assert {v for b, v in rows if b >= found.low} <= {E, EW}
        assert S not in said.values()
    elif found.status == "singles":
        assert found.high is not None
        assert {v for b, v in rows if b <= found.high} <= {S, SW}
        assert E not in said.values()
    elif found.status == "equal":
        assert set(said.values()) == {EQ}
    else:
        assert (found.low, found.high) == (None, None)
        assert not {E, S} <= set(said.values())


def test_every_status_is_reached() -> None:
    studies: list[list[Verdict]] = [[S, E], [E], [S], [EQ], [E, S], [U]]
    statuses: list[Status] = [zone(ruled(*verdicts)).status for verdicts in studies]
    assert statuses == ["crossed", "ensembles", "singles", "equal", "crosses back", "undecided"]
