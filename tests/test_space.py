"""Search spaces from TOML, and the ladder of configurations that a budget makes of one."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensearch import cost, families, ladder, space
from ensearch.core import Architecture, Budget, Cost, Grid
from ensearch.errors import BudgetError, UsageError

TABLE = {
    "family": "wide_resnet",
    "members": [1, 2, 4],
    "depth": [10, 16],
    "width": {"low": 0.25, "high": 2.0, "step": 0.25},
}


def count(architecture: Architecture) -> Cost:
    """A closed form of the right shape: depth times squared channels."""
    return Cost(macs=round(1000 * architecture.depth * architecture.width**2), params=1)


@pytest.mark.parametrize("name", space.names())
def test_every_shipped_space_is_legal_for_its_family(name: str) -> None:
    shipped = space.load(name)
    assert shipped.summary
    assert 1 in shipped.members, "without single models there is no crossover"
    for depth in shipped.depth:
        for width in shipped.width:
            families.check(
                Architecture(family=shipped.family, width=width, depth=depth, resolution=32)
            )


def test_a_space_survives_the_way_through_json() -> None:
    one = space.from_table("mine", TABLE)
    assert space.from_table("mine", one.as_dict()) == one


def test_ranges_may_be_written_as_low_high_step() -> None:
    one = space.from_table("mine", TABLE | {"depth": {"low": 10, "high": 22, "step": 6}})
    assert one.depth == (10, 16, 22)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"memebrs": [1]}, "Did you mean 'members'"),
        ({"members": []}, "members must be a list of whole numbers"),
        ({"members": [0]}, "members must be a list of whole numbers"),
        ({"members": [True]}, "members must be a list of whole numbers"),
        ({"members": "4"}, "got '4'"),
        ({"depth": [10.5]}, r"got \[10.5\]"),
        ({"width": [1, 2]}, "width must be a table"),
        ({"width": {"low": 2.0, "high": 1.0, "step": 1.0}}, "low <= high"),
        ({"width": {"low": 1.0, "high": 2.0, "step": 0.0}}, "step > 0"),
        ({"width": {"low": 1.0, "high": math.nan, "step": 1.0}}, "low <= high"),
        ({"width": {"low": 1.0, "high": 2.0}}, "width must be a table"),
        ({"rungs": 0}, "rungs must be a whole number from 1 to 60"),
        ({"family": 3}, "family must be the name of a family"),
    ],
)
def test_a_wrong_space_is_refused_by_key(change: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        space.from_table("mine", TABLE | change)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UsageError, match="the key 'depth' is missing"):
        space.from_table("mine", {k: v for k, v in TABLE.items() if k != "depth"})


def test_files_are_found_by_path_and_names_by_nearest(tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text('family = "wide_resnet"\nmembers = [1]\ndepth = [10]\n'
                    "width = { low = 1, high = 2, step = 1 }\n")  # fmt: skip
    assert space.load(str(file)).name == "tiny"
    file.write_text("family = [")
    with pytest.raises(UsageError, match="not valid TOML"):
        space.load(str(file))
    with pytest.raises(UsageError, match="does not exist"):
        space.load(str(tmp_path / "gone.toml"))
    with pytest.raises(UsageError, match="Did you mean 'wide_resnet'"):
        space.load("wide_resnets")


def test_grids_name_their_neighbours() -> None:
    grid = Grid(low=0.25, high=1.0, step=0.25)
    assert list(grid) == [0.25, 0.5, 0.75, 1.0]
    assert grid.nearest(0.5) == [0.5]
    assert grid.nearest(0.6) == [0.5, 0.75]
    assert grid.nearest(-3) == [0.25]
    assert grid.nearest(9) == [1.0]


@settings(max_examples=40, deadline=None)
@given(budget=st.floats(700, 1e7), rungs=st.integers(1, 14))
def test_every_cell_is_within_its_rung_and_in_no_other(budget: float, rungs: int) -> None:
    one = space.from_table("mine", TABLE | {"rungs": rungs})
    made = ladder.build(one, Budget(macs=budget), 32, count)
    assert len({(c.size, c.architecture) for c in made.cells}) == len(made.cells)
    assert len(made.rungs) <= rungs
    for cell in made.cells:
        assert cell.rung / math.sqrt(2) * (1 - 1e-12) < cell.cost.macs <= cell.rung <= budget
        assert cell.cost == count(cell.architecture).times(cell.size)


def test_rungs_halve_every_second_step() -> None:
    """1000 x depth x width^2 at width 2 and depth 10 is 40,000: four members cost 160,000."""
    made = ladder.build(space.from_table("mine", TABLE), Budget(macs=160_000), 32, count)
    assert made.rungs[0] == 160_000
    assert made.rungs[2] == pytest.approx(80_000)
    top = {c.label for c in made.cells if c.rung == made.rungs[0]}
    # 16 layers: 4 x 16,000 x 1.5^2 = 144,000 fits, 1.75^2 would be 196,000.
    assert top == {"4 × 10-2", "4 × 16-1.5", "2 × 16-2"}


def test_members_are_shared_along_the_diagonals() -> None:
    """m members on a rung are the networks of 2m members two rungs up."""
    made = ladder.build(space.from_table("mine", TABLE), Budget(macs=160_000), 32, count)
    of = {(c.rung, c.size, c.architecture.depth): c.architecture for c in made.cells}
    shared = 0
    for (rung, size, depth), architecture in of.items():
        other = of.get((rung * 2, size * 2, depth))
        if other is not None:
            assert other == architecture
            shared += 1
    assert shared > 10


def test_a_budget_below_the_cheapest_is_refused_with_its_cost() -> None:
    with pytest.raises(BudgetError, match=r"1 × wide_resnet 10-0.25, costs 625"):
        ladder.build(space.from_table("mine", TABLE), Budget(macs=600), 32, count)


def test_a_budget_beyond_the_space_begins_at_its_largest() -> None:
    """Dearest: 4 x 16 layers at width 2 = 256,000."""
    made = ladder.build(space.from_table("mine", TABLE), Budget(macs=1e9), 32, count)
    assert made.dearest.cost.macs == 256_000
    assert made.bounded_by_space
    assert made.rungs[0] / 256_000 < math.sqrt(2) * 1.0001


def test_a_space_that_its_family_cannot_build_is_refused() -> None:
    with pytest.raises(UsageError, match="depth 12 is not legal"):
        ladder.build(space.from_table("m", TABLE | {"depth": [12]}), Budget(macs=1e9), 32, count)


def test_a_ladder_survives_the_way_through_json() -> None:
    made = ladder.build(
        space.load("wide_resnet"), Budget(macs=3e5), 8, lambda a: cost.count(a, 1, 10)
    )
    assert ladder.from_dict(made.as_dict()) == made
