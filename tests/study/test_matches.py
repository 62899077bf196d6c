"""Where single networks and ensembles meet, on ladders that can be written down."""

import pytest

from ensearch.budget import Budget
from ensearch.core import Architecture, Cost, Schedule
from ensearch.search_space import Cell, Ladder, reading
from ensearch.study import matches
from ensearch.study.matches import Remedy, Setting

SCHEDULE = Schedule(epochs=2)
TABLE = {
    "family": "wide_resnet",
    "members": [1, 2],
    "depth": [10],
    "width": {"low": 1.0, "high": 2.0, "step": 1.0},
    "rungs": 4,
}


def steps(budget: float, *cells: tuple[int, float]) -> Ladder:
    """A ladder of cells given as size and cost of the whole, each network another width."""
    return Ladder(
        budget=Budget(amount=budget),
        cells=tuple(
            Cell(
                rung=next(r for r in (100, 84, 70, 59, 50, 42) if r == 42 or cost > 0.84 * r),
                size=size,
                architecture=Architecture(
                    family="wide_resnet", width=1.0 + number, depth=10, resolution=8
                ),
                schedule=SCHEDULE,
                cost=Cost(macs=round(cost), params=1),
            )
            for number, (size, cost) in enumerate(cells)
        ),
    )


def cost_of(architecture: Architecture) -> Cost:
    """640 at depth 10, width 1 and 8 pixels; the square of width and of pixels beyond."""
    pixels = architecture.resolution**2
    return Cost(macs=round(architecture.depth * architecture.width**2 * pixels), params=1)


def test_kinds_meet_where_they_cost_the_same_and_use_the_budget() -> None:
    ladder = steps(100, (1, 98), (2, 94), (1, 70), (2, 60))
    # At 71: 70 and 60 are not within 5 %. At 50 there is nothing.
    assert matches.matched(ladder) == (100,)
    assert matches.obstacle(ladder) == "one match"
    # At 71 the pair of 68 meets the single network of 70.
    ladder = steps(100, (1, 98), (2, 94), (1, 70), (2, 68))
    assert [round(budget, 1) for budget in matches.matched(ladder)] == [100, 70.7]
    assert matches.obstacle(ladder) is None


def test_what_a_budget_does_not_use_meets_nothing_there() -> None:
    """Both cost 70: at 100 that is less than 100 / sqrt(2)."""
    ladder = steps(100, (1, 98), (1, 70), (2, 70), (2, 69))
    assert [round(budget, 1) for budget in matches.matched(ladder)] == [70.7]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([(1, 98), (1, 70)], "no ensemble"),
        ([(1, 98), (2, 97), (1, 70)], "one ensemble"),
        ([(1, 98), (2, 75), (2, 60), (1, 70)], "no match"),
    ],
)
def test_what_hinders_a_comparison(cells: list[tuple[int, float]], why: str) -> None:
    assert matches.obstacle(steps(100, *cells)) == why


def setting(macs: float, **table: object) -> Setting:
    space = reading.from_table("small", TABLE | table)
    return Setting(
        space=space, budget=Budget(amount=macs), schedule=SCHEDULE, resolution=16, count=cost_of
    )


def test_remedies_are_those_that_do() -> None:
    """Width w costs 2,560 w^2, and a pair of width 1 more than 4,000.

    At 8,000 there are 7,840 and a pair of 8,000, but 4,840 and 5,120 are not within 5 %. Within
    12,000 there are 11,560 and a pair of 11,520 besides.
    """
    widths = {"low": 1.0, "high": 4.0, "step": 0.125}
    now = setting(4000, width=widths)
    ladder = now.ladder()
    assert ladder is not None
    assert matches.obstacle(ladder) == "no ensemble"
    found = {remedy.kind: remedy for remedy in matches.remedies(now)}
    assert found["resolution"] == Remedy(kind="resolution", value=8, budgets=3)
    larger = found["budget"]
    assert larger.value == 12000
    ladder = setting(float(larger.value), width=widths).ladder()
    assert ladder is not None
    assert matches.obstacle(ladder) is None
    assert len(matches.matched(ladder)) == larger.budgets
    # The step below it does not do.
    ladder = setting(8000, width=widths).ladder()
    assert ladder is not None
    assert matches.obstacle(ladder) == "one match"


def test_nothing_is_proposed_that_does_not_help() -> None:
    """Two widths never meet at two budgets, and this space leaves no pixels to the data."""
    kinds = {remedy.kind for remedy in matches.remedies(setting(3000, resolution=[16]))}
    assert kinds <= {"space"}
    assert matches.remedies(setting(12000, width={"low": 1.0, "high": 4.0, "step": 0.125})) == ()
