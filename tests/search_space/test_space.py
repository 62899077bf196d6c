"""Search spaces from TOML, and the ladder of configurations that a budget makes of one."""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensearch import cost, families
from ensearch.budget import Bound, Budget
from ensearch.core import MOST_VALUES, Architecture, Cost, Range, Schedule
from ensearch.errors import BudgetError, UsageError
from ensearch.search_space import ladder, reading, timetable

SCHEDULE = Schedule(epochs=2)
TABLE = {
    "family": "wide_resnet",
    "members": [1, 2, 4],
    "depth": [10, 16],
    "width": {"low": 0.25, "high": 2.0, "step": 0.25},
}
AXES = {"peak_lr": [0.1, 0.4], "epochs": [2, 6, 12]}
AXES_TABLES = st.fixed_dictionaries(
    {},
    optional={
        "peak_lr": st.lists(st.floats(1e-6, 10) | st.integers(1, 5), min_size=1, max_size=5),
        "weight_decay": st.lists(st.floats(0, 1) | st.just(0), min_size=1, max_size=4),
        "epochs": st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    },
)


def count(architecture: Architecture) -> Cost:
    """A closed form of the right shape: depth times squared channels."""
    return Cost(macs=round(1000 * architecture.depth * architecture.width**2), params=1)


@pytest.mark.parametrize("name", reading.names())
def test_every_shipped_space_is_legal_for_its_family(name: str) -> None:
    shipped = reading.load(name)
    assert shipped.summary
    assert 1 in shipped.members, "without single models there is no crossover"
    for line in shipped.lines(32):
        for width in line.widths:
            families.check(line.at(width))
        costs = {cost.count(line.at(width), 3, 10) for width in line.widths}
        assert len(costs) == len(line.widths), "each width is a network of its own"


def test_a_space_survives_the_way_through_json() -> None:
    one = reading.from_table("mine", TABLE)
    assert reading.from_table("mine", one.as_dict()) == one


@given(table=AXES_TABLES)
def test_axes_survive_json_and_combine_to_every_schedule_once(
    table: dict[str, list[float]],
) -> None:
    one = reading.from_table("mine", TABLE | {"schedule": table})
    assert reading.from_table("mine", json.loads(json.dumps(one.as_dict()))) == one
    made = one.schedules(SCHEDULE)
    assert len({schedule.key for schedule in made}) == len(made)
    assert len(made) == math.prod(len(set(values)) for values in table.values())
    for schedule in made:
        changed = {name: getattr(schedule, name) for name in table}
        assert all(value in table[name] for name, value in changed.items())
        # Everything else is the study's, and whole numbers do not make other members.
        assert repr(dataclasses.replace(SCHEDULE, **changed)) == repr(schedule)
        assert isinstance(schedule.peak_lr, float)
        assert isinstance(schedule.weight_decay, float)
        assert isinstance(schedule.epochs, int)


def test_the_tuned_space_is_the_plain_one_with_axes() -> None:
    plain, tuned = reading.load("wide_resnet"), reading.load("wide_resnet_tuned")
    assert plain.schedule == ()
    assert [axis.field for axis in tuned.schedule] == ["peak_lr", "weight_decay"]
    assert [axis.field for axis in tuned.muon] == ["peak_lr", "weight_decay"]
    same = dataclasses.replace(tuned, name=plain.name, summary=plain.summary, schedule=(), muon=())
    assert same == plain


def test_ranges_may_be_written_as_low_high_step() -> None:
    one = reading.from_table("mine", TABLE | {"depth": {"low": 10, "high": 22, "step": 6}})
    assert one.depth == (10, 16, 22)


def test_each_optimizer_has_its_own_rates_and_shares_the_epochs() -> None:
    table = {
        "peak_lr": [0.4, 0.1],
        "epochs": [2, 4],
        "muon": {"weight_decay": [0.01], "peak_lr": [0.24]},
    }
    one = reading.from_table("mine", TABLE | {"schedule": table | {"weight_decay": [5e-4]}})
    assert reading.from_table("mine", json.loads(json.dumps(one.as_dict()))) == one
    muon = SCHEDULE.changed(optimizer="muon")
    found = [(s.optimizer, s.peak_lr, s.weight_decay, s.epochs) for s in one.schedules(muon)]
    assert found == [("muon", 0.24, 0.01, 2), ("muon", 0.24, 0.01, 4)]
    assert [s.peak_lr for s in one.schedules(SCHEDULE)] == [0.1, 0.1, 0.4, 0.4]
    for optimizer, base in (("sgd", SCHEDULE), ("muon", muon)):
        narrow = one.narrowed(optimizer)
        assert narrow.schedules(base) == one.schedules(base)
        assert narrow.narrowed(optimizer) == narrow
        assert reading.from_table("mine", json.loads(json.dumps(narrow.as_dict()))) == narrow
    # As it is stored with studies from before there were optimizers to choose from.
    before = {"peak_lr": [0.1, 0.4], "epochs": [2, 4], "weight_decay": [5e-4]}
    plain = reading.from_table("mine", TABLE | {"schedule": before})
    assert one.narrowed("sgd") == plain
    assert "muon" not in str(plain.as_dict())


@pytest.mark.parametrize(
    ("table", "optimizer", "says"),
    [
        ({"peak_lr": [0.1, 0.4]}, "muon", r"peak_lr for sgd only \(0.1, 0.4\).* \[schedule.muon\]"),
        (
            {"peak_lr": [0.1], "weight_decay": [0.0], "muon": {"peak_lr": [0.2]}},
            "muon",
            "weight_decay for sgd only",
        ),
        ({"muon": {"peak_lr": [0.24]}}, "sgd", r"peak_lr for muon only .* \[schedule\]"),
    ],
)
def test_rates_for_the_other_optimizer_only_are_refused(
    table: dict[str, object], optimizer: str, says: str
) -> None:
    one = reading.from_table("mine", TABLE | {"schedule": table})
    for refused in (one.axes, one.narrowed):
        with pytest.raises(UsageError, match=says):
            refused(optimizer)
    assert one.axes("muon" if optimizer == "sgd" else "sgd") != ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"memebrs": [1]}, "Did you mean 'members'"),
        ({"members": []}, "members must be a list of whole numbers"),
        ({"members": [0]}, "members must be a list of whole numbers"),
        ({"members": [True]}, "members must be a list of whole numbers"),
        ({"members": "4"}, "got '4'"),
        ({"depth": [0]}, r"depth must be a list of positive numbers.*got \[0\]"),
        ({"depth": [math.inf]}, "depth must be a list of positive numbers"),
        ({"depth": {"low": 1, "high": 2, "step": 0}}, "mine: .*step > 0"),
        ({"resolution": [0]}, "resolution must be a list of whole numbers"),
        ({"resolution": []}, "resolution must be a list of whole numbers"),
        ({"shapes": [{"width": 1.0}]}, "'depth' has no place beside it"),
        ({"shapes": []}, "shapes must be a list of tables"),
        ({"shapes": [1.0]}, "shapes must be a list of tables"),
        ({"width": [1, 2]}, "width must be a table"),
        ({"width": {"low": 2.0, "high": 1.0, "step": 1.0}}, "low <= high"),
        ({"width": {"low": 1.0, "high": 2.0, "step": 0.0}}, "step > 0"),
        ({"width": {"low": 1.0, "high": math.nan, "step": 1.0}}, "low <= high"),
        ({"width": {"low": 1.0, "high": 2.0}}, "width must be a table"),
        ({"rungs": 0}, "rungs must be a whole number from 1 to 60"),
        ({"family": 3}, "family must be the name of a family"),
        ({"schedule": [0.1]}, "schedule must be a table of lists"),
        ({"schedule": {"peak_rl": [0.1]}}, "mine: schedule: .*Did you mean 'peak_lr'"),
        ({"schedule": {"batch_size": [64]}}, "batch_size is the same for every configuration"),
        ({"schedule": {"peak_lr": 0.1}}, r"must be a list .* such as \[0.1, 0.4\]; got 0.1. One"),
        ({"schedule": {"epochs": []}}, r"must be a list .* such as \[6, 12\]; got \[\]"),
        ({"schedule": {"peak_lr": ["high"]}}, "peak_lr must be a positive finite number"),
        ({"schedule": {"peak_lr": [0.1, 0]}}, "positive finite number; got 0"),
        ({"schedule": {"peak_lr": [10**400]}}, "peak_lr must be a positive finite number"),
        ({"schedule": {"weight_decay": [math.nan]}}, "weight_decay must be a finite number"),
        ({"schedule": {"epochs": [1.5]}}, "epochs must be a whole number"),
        ({"schedule": {"epochs": [True]}}, "epochs must be a whole number"),
        ({"schedule": {"epochs": [*range(1, 102)]}}, "101 combinations.*at most 100"),
        (
            {"schedule": {"epochs": [*range(1, 52)], "muon": {"peak_lr": [0.1, 0.2]}}},
            "102 combinations.*at most 100",
        ),
        ({"schedule": {"muon": [0.1]}}, r"schedule: muon must be a table of what .* got \[0.1\]"),
        ({"schedule": {"muon": {"peak_rl": [0.1]}}}, "schedule.muon: .*Did you mean 'peak_lr'"),
        ({"schedule": {"muon": {"peak_lr": [0]}}}, "peak_lr must be a positive finite number"),
        ({"schedule": {"muon": {"peak_lr": 0.2}}}, "schedule.muon: peak_lr must be a list"),
        ({"schedule": {"muon": {"epochs": [3]}}}, r"epochs means the same .* into \[schedule\]"),
        ({"schedule": {"muon": {"momentum": [0.6]}}}, "momentum is the same for every"),
        ({"schedule": {"optimizer": ["muon"]}}, "optimizer is the same for every configuration"),
    ],
)
def test_a_wrong_space_is_refused_by_key(change: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        reading.from_table("mine", TABLE | change)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UsageError, match="the key 'depth' is missing"):
        reading.from_table("mine", {k: v for k, v in TABLE.items() if k != "depth"})


def test_files_are_found_by_path_and_names_by_nearest(tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text('family = "wide_resnet"\nmembers = [1]\ndepth = [10]\n'
                    "width = { low = 1, high = 2, step = 1 }\n")  # fmt: skip
    assert reading.load(str(file)).name == "tiny"
    file.write_text("family = [")
    with pytest.raises(UsageError, match="not valid TOML"):
        reading.load(str(file))
    with pytest.raises(UsageError, match="does not exist"):
        reading.load(str(tmp_path / "gone.toml"))
    with pytest.raises(UsageError, match="Did you mean 'wide_resnet'"):
        reading.load("wide_resnets")


def test_grids_name_their_neighbours() -> None:
    grid = Range(low=0.25, high=1.0, step=0.25)
    assert len(Range(low=1, high=MOST_VALUES, step=1)) == MOST_VALUES
    with pytest.raises(UsageError, match="at most 10000 values"):
        Range(low=1, high=MOST_VALUES + 1, step=1)
    assert list(grid) == [0.25, 0.5, 0.75, 1.0]
    assert grid.nearest(0.5) == [0.5]
    assert grid.nearest(0.6) == [0.5, 0.75]
    assert grid.nearest(-3) == [0.25]
    assert grid.nearest(9) == [1.0]


@settings(max_examples=40, deadline=None)
@given(budget=st.floats(700, 1e7), rungs=st.integers(1, 14))
def test_every_cell_is_within_its_rung_and_in_no_other(budget: float, rungs: int) -> None:
    one = reading.from_table("mine", TABLE | {"rungs": rungs})
    made = ladder.build(one, Budget(amount=budget), SCHEDULE, 32, count)
    assert len({(c.size, c.architecture) for c in made.cells}) == len(made.cells)
    assert len(made.rungs) <= 2 * rungs
    assert len(made.budgets) <= rungs
    assert all(c.rung <= made.budget_of(c) <= 2**0.26 * c.rung for c in made.cells)
    for cell in made.cells:
        assert cell.rung / math.sqrt(2) * (1 - 1e-12) < cell.cost.macs <= cell.rung <= budget
        assert cell.cost == count(cell.architecture).times(cell.size)


def count_params(architecture: Architecture) -> Cost:
    """Parameters as the square of the width alone: deep networks have more FLOPs for each."""
    return dataclasses.replace(count(architecture), params=round(5000 * architecture.width**2))


@settings(max_examples=20, deadline=None)
@given(budget=st.floats(1000, 1e6))
def test_a_budget_of_parameters_matches_parameters(budget: float) -> None:
    one = reading.from_table("mine", TABLE)
    made = ladder.build(one, Budget(amount=budget, unit="params"), SCHEDULE, 32, count_params)
    for cell in made.cells:
        assert made.price(cell) == cell.cost.params
        assert cell.rung / math.sqrt(2) * (1 - 1e-12) < cell.cost.params <= cell.rung <= budget
    assert ladder.from_dict(json.loads(json.dumps(made.as_dict()))) == made


@settings(max_examples=20, deadline=None)
@given(budget=st.floats(1e4, 1e6), most=st.floats(2000, 1e5))
def test_a_further_bound_is_kept_by_the_widths_that_are_solved(budget: float, most: float) -> None:
    one = reading.from_table("mine", TABLE)
    bounded = Budget(amount=budget, also=(Bound("params", most),))
    made = ladder.build(one, bounded, SCHEDULE, 32, count_params)
    free = ladder.build(one, Budget(amount=budget), SCHEDULE, 32, count_params)
    for cell in made.cells:
        assert cell.cost.macs <= cell.rung <= budget
        assert cell.cost.params <= most
        member = Cost(macs=cell.member_macs, params=cell.cost.params // cell.size)
        assert bounded.largest(member) >= cell.size
    kept = {(c.size, c.architecture) for c in made.cells if c.rung in free.rungs}
    fits = {(c.size, c.architecture) for c in free.cells if c.cost.params <= most}
    assert fits <= kept or made.rungs[0] < free.rungs[0]


def ms_of(architecture: Architecture) -> float:
    """Time that does not follow the cost: wide layers are faster, and each layer takes some."""
    return 0.01 * architecture.depth * (0.2 + math.pow(architecture.width, 1.5))


@pytest.mark.parametrize(
    "budget",
    [
        Budget(amount=2.0, unit="ms@8"),
        Budget(amount=10.0, unit="ms@8"),
        Budget(amount=1e5, also=(Bound("ms@8", 0.5),)),
    ],
)
def test_a_budget_of_time_takes_what_was_measured_alone(budget: Budget) -> None:
    one = reading.from_table("mine", TABLE | {"width": {"low": 0.25, "high": 8.0, "step": 0.0625}})
    asked: list[Architecture] = []

    def measure(networks: Sequence[Architecture]) -> dict[Architecture, float]:
        asked.extend(networks)
        return {network: ms_of(network) for network in networks}

    setting = (one, budget, SCHEDULE, 32, count)
    times = timetable.measured(*setting, measure)
    assert len(set(asked)) < 250 / 3, "as few as a ladder needs"
    made = ladder.build(*setting, times)
    taken = {cell.architecture for cell in made.cells}
    assert taken == set(asked[-len(taken) :]), "what it takes is timed again, together"
    (most,) = (bound.amount for bound in budget.bounds if bound.unit == "ms@8")
    for cell in made.cells:
        assert cell.ms is not None
        assert cell.ms == pytest.approx(cell.size * ms_of(cell.architecture))
        assert cell.ms <= most * (1 + 1e-9)
        assert made.price(cell) <= cell.rung * (1 + 1e-9) <= budget.amount * (1 + 1e-9)
        assert budget.largest(count(cell.architecture), ms_of(cell.architecture)) >= cell.size
    best = max(cell.ms or 0.0 for cell in made.cells)
    assert budget.also or best > 0.97 * most, "and near the budget"
    assert max(map(ms_of, asked)) < 40 * most, "nothing hopeless is timed"
    assert made.member_ms == {c.architecture: times[c.architecture] for c in made.cells}
    assert ladder.from_dict(json.loads(json.dumps(made.as_dict()))) == made


def test_where_nothing_is_fast_enough_the_fastest_is_named() -> None:
    one, budget = reading.from_table("mine", TABLE), Budget(amount=0.001, unit="ms@8")
    setting = (one, budget, SCHEDULE, 32, count)
    times = timetable.measured(*setting, lambda networks: {n: ms_of(n) for n in networks})
    with pytest.raises(BudgetError, match=r"budget of 0.001 ms: the cheapest, .* costs 0.0325 ms"):
        ladder.build(*setting, times)


def test_bounds_that_nothing_fits_are_named() -> None:
    one = reading.from_table("mine", TABLE | {"depth": [10]})
    with pytest.raises(BudgetError, match=r"budget of 100 parameters: .* costs 312 parameters"):
        ladder.build(one, Budget(amount=100, unit="params"), SCHEDULE, 32, count_params)
    says = r"budget of 100 multiply-adds: .* costs [0-9.]+k? multiply-adds"
    with pytest.raises(BudgetError, match=says):
        ladder.build(one, Budget(amount=100), SCHEDULE, 32, count)


@settings(max_examples=20, deadline=None)
@given(budget=st.floats(700, 1e7), table=AXES_TABLES)
def test_every_cell_exists_once_for_each_schedule(
    budget: float, table: dict[str, list[float]]
) -> None:
    """The axes copy the ladder: the same rungs, shapes and costs for every combination."""
    one = reading.from_table("mine", TABLE | {"schedule": table})
    plain = ladder.build(
        reading.from_table("mine", TABLE), Budget(amount=budget), SCHEDULE, 32, count
    )
    made = ladder.build(one, Budget(amount=budget), SCHEDULE, 32, count)
    assert made.rungs == plain.rungs
    assert len({(c.size, c.network) for c in made.cells}) == len(made.cells)
    schedules = one.schedules(SCHEDULE)
    assert [(c.rung, c.size, c.architecture, c.cost, c.schedule) for c in made.cells] == [
        (c.rung, c.size, c.architecture, c.cost, s) for c in plain.cells for s in schedules
    ]
    assert made.schedule_axes == {a.field: a.values for a in one.schedule if len(a.values) > 1}


def test_a_cell_says_what_differs_from_the_studys_schedule() -> None:
    one = reading.from_table("mine", TABLE | {"schedule": AXES})
    base = Schedule(epochs=6, peak_lr=0.4)
    made = ladder.build(one, Budget(amount=160_000), base, 32, count)
    labels = {c.label for c in made.cells if c.label.startswith("4 × 10-2")}
    assert labels == {
        "4 × 10-2",
        "4 × 10-2, epochs 2",
        "4 × 10-2, epochs 12",
        "4 × 10-2, peak_lr 0.1",
        "4 × 10-2, epochs 2, peak_lr 0.1",
        "4 × 10-2, epochs 12, peak_lr 0.1",
    }
    assert made.most_expensive.label == "4 × 10-2"
    assert ladder.from_dict(json.loads(json.dumps(made.as_dict()))) == made


def test_rungs_halve_every_fourth_step_and_budgets_every_second() -> None:
    """1000 x depth x width^2 at width 2 and depth 10 is 40,000: four members cost 160,000."""
    made = ladder.build(
        reading.from_table("mine", TABLE), Budget(amount=160_000), SCHEDULE, 32, count
    )
    assert made.rungs[0] == 160_000
    assert made.rungs[1] == pytest.approx(160_000 / 2**0.25)
    assert made.rungs[4] == pytest.approx(80_000)
    assert made.budgets[:3] == pytest.approx((160_000, 160_000 / 2**0.5, 80_000))
    top = {c.label for c in made.cells if c.rung == made.rungs[0]}
    # 16 layers: 4 x 16,000 x 1.5^2 = 144,000 fits, 1.75^2 would be 196,000.
    assert top == {"4 × 10-2", "4 × 16-1.5"}
    # 2 x 16,000 x 2^2 = 128,000 fits the rung of 134,543 below, and so is there.
    assert "2 × 16-2" in {c.label for c in made.cells if c.rung == made.rungs[1]}


def test_members_are_shared_along_the_diagonals() -> None:
    """m members on a rung are the networks of 2m members four rungs up."""
    made = ladder.build(
        reading.from_table("mine", TABLE), Budget(amount=160_000), SCHEDULE, 32, count
    )
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
        ladder.build(reading.from_table("mine", TABLE), Budget(amount=600), SCHEDULE, 32, count)


def test_fewer_pixels_with_which_something_fits_are_facts_of_the_error() -> None:
    def by_side(architecture: Architecture) -> Cost:
        shape = int(architecture.depth + 10 * architecture.width)
        return Cost(macs=architecture.resolution**2 + shape, params=1)

    space = reading.from_table("mine", TABLE | {"members": [2, 4]})
    for budget, pixels in ((8_000, 48), (320, 12), (100, None)):
        with pytest.raises(BudgetError) as caught:
            ladder.build(space, Budget(amount=budget), SCHEDULE, 96, by_side)
        assert caught.value.facts.get("pixels") == pixels


def test_a_budget_beyond_the_space_begins_at_its_largest() -> None:
    """Dearest: 4 x 16 layers at width 2 = 256,000."""
    made = ladder.build(reading.from_table("mine", TABLE), Budget(amount=1e9), SCHEDULE, 32, count)
    assert made.most_expensive.cost.macs == 256_000
    assert made.bounded_by_space
    assert made.rungs[0] / 256_000 < math.sqrt(2) * 1.0001


def test_a_space_that_its_family_cannot_build_is_refused() -> None:
    with pytest.raises(UsageError, match="depth 12 is not legal"):
        ladder.build(
            reading.from_table("m", TABLE | {"depth": [12]}),
            Budget(amount=1e9),
            SCHEDULE,
            32,
            count,
        )


def test_a_network_under_two_names_is_refused() -> None:
    table = {
        "family": "efficientnet",
        "members": [1, 2],
        "width": {"low": 0.5, "high": 1, "step": 0.1},
    }
    steps = {"low": 0.8, "high": 1.4, "step": 0.1}

    def made(depth: object) -> ladder.Ladder:
        one = reading.from_table("mine", table | {"depth": depth})
        return ladder.build(one, Budget(amount=1e8), SCHEDULE, 32, lambda a: cost.count(a, 3, 10))

    with pytest.raises(UsageError, match=r"depth 0.8 and of 0.9 are .* depth 0.8, 1.1, 1.3, 1.4"):
        made(steps)
    assert made([0.8, 1.1, 1.3, 1.4]).cells


def test_a_ladder_survives_the_way_through_json() -> None:
    made = ladder.build(
        reading.load("wide_resnet"), Budget(amount=3e5), SCHEDULE, 8, lambda a: cost.count(a, 1, 10)
    )
    assert ladder.from_dict(made.as_dict()) == made


# Networks listed one by one, and resolutions.

LISTED = {"family": "wide_resnet", "members": [1, 2, 4]}
SHAPES = [
    {"width": 0.5, "depth": 10},
    {"width": 1.0, "depth": 16, "resolution": 16},
    {"family": "toy", "width": 2.0, "depth": 2.5, "resolution": 64},
]


def count_pixels(architecture: Architecture) -> Cost:
    return Cost(macs=count(architecture).macs * architecture.resolution**2 // 1024, params=1)


def built(table: dict[str, object], budget: float) -> ladder.Ladder:
    one = reading.from_table("mine", table)
    assert reading.from_table("mine", json.loads(json.dumps(one.as_dict()))) == one
    return ladder.build(one, Budget(amount=budget), SCHEDULE, 32, count_pixels)


def test_a_space_without_them_is_stored_as_before() -> None:
    assert set(reading.from_table("mine", TABLE).as_dict()) == {
        "summary", "family", "members", "depth", "width", "rungs", "schedule"
    }  # fmt: skip


def test_depths_are_whole_or_fractions_and_keys_tell() -> None:
    one = reading.from_table("mine", TABLE | {"depth": [1.5, 1.0, 2]})
    assert [repr(depth) for depth in one.depth] == ["1", "1.5", "2"]
    steps = reading.from_table("mine", TABLE | {"depth": {"low": 1.0, "high": 1.4, "step": 0.1}})
    assert [repr(depth) for depth in steps.depth] == ["1", "1.1", "1.2", "1.3", "1.4"]


def test_every_resolution_has_the_whole_ladder() -> None:
    budget = 300_000.0
    made = built(TABLE | {"resolution": [16, 64], "rungs": 30}, budget)
    assert made.shape_axes == {"resolution": (16, 64)}
    for side in (16, 64):
        alone = built(TABLE | {"resolution": [side], "rungs": 30}, budget)
        assert alone.shape_axes == {}
        # Alone, the ladder begins at the most expensive of its own: only rungs of both can be
        # compared.
        shapes = {(c.size, c.architecture) for c in alone.cells if c.rung in made.rungs}
        mine = {(c.size, c.architecture) for c in made.cells if c.architecture.resolution == side}
        assert shapes <= mine
        assert all(c.changes == () for c in alone.cells)
    assert {c.changes for c in made.cells} == {("@16",), ("@64",)}
    assert all(c.cost == count_pixels(c.architecture).times(c.size) for c in made.cells)
    assert ladder.from_dict(json.loads(json.dumps(made.as_dict()))) == made


def test_listed_networks_are_all_tried_at_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "check", lambda architecture: None)
    made = built(LISTED | {"shapes": SHAPES, "rungs": 60}, 1e6)
    shapes = {
        Architecture(family="wide_resnet", width=0.5, depth=10, resolution=32),
        Architecture(family="wide_resnet", width=1.0, depth=16, resolution=16),
        Architecture(family="toy", width=2.0, depth=2.5, resolution=64),
    }
    assert {(c.size, c.architecture) for c in made.cells} == {
        (size, shape) for size in (1, 2, 4) for shape in shapes
    }
    assert len(made.cells) == 9
    assert made.shape_axes == {"resolution": (16, 32, 64), "family": ("toy", "wide_resnet")}
    assert "4 × 2.5-2@64" in {c.label for c in made.cells}
    one_side = built(LISTED | {"shapes": SHAPES[:1], "resolution": [64], "rungs": 60}, 1e6)
    assert {c.changes for c in one_side.cells} == {()}, "of one resolution none need be named"
    few = built(LISTED | {"shapes": SHAPES, "rungs": 60}, 10_000)
    assert {c.architecture for c in few.cells} < shapes, "what is above the budget is left out"


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ([{"widht": 1.0}], r"mine: shapes\[0\]: .*Did you mean 'width'"),
        ([{"width": 0}], "width must be a positive number; got 0"),
        ([{"width": "1"}], "width must be a positive number; got '1'"),
        ([{"resolution": 0.5}], "resolution must be a whole number"),
        ([{"width": 1.0}, {"width": 1}], r"shapes\[1\] is there already"),
        ([{"width": i} for i in range(1, 202)], "at most 200 shapes"),
    ],
)
def test_a_wrong_shape_is_refused_by_key(shapes: list[dict[str, object]], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        reading.from_table("mine", LISTED | {"shapes": shapes})


def test_models_of_timm_are_a_space_by_their_names() -> None:
    one = reading.load("timm:resnet18, resnet34")
    assert (one.name, one.family) == ("timm-resnet18-resnet34", "timm")
    assert [shape.family for shape in one.shapes] == ["timm:resnet18", "timm:resnet34"]
    assert reading.load("timm:a,b,c").name == "timm-a-and-2-more"
    assert reading.from_table(one.name, one.as_dict()) == one
    for wrong in ("timm:", "timm:resnet18,", "timm:,resnet18"):
        with pytest.raises(UsageError, match="is timm:NAME,NAME"):
            reading.load(wrong)
    with pytest.raises(UsageError, match="is there already"):
        reading.load("timm:resnet18,resnet18")


def test_the_compound_ladder_is_that_of_the_paper() -> None:
    lines = reading.load("efficientnet").lines(32)
    known = [families.get("efficientnet").known_as(line.at(line.widths[0])) for line in lines]
    assert known == [f"EfficientNet-B{i}" for i in range(8)]


def test_steps_of_a_tenth_are_what_people_write() -> None:
    grid = Range(low=0.1, high=10, step=0.1)
    assert [repr(grid[i]) for i in (1, 2, 10, 21)] == ["0.2", "0.3", "1.1", "2.2"]
    assert all(grid.nearest(i / 10) == [i / 10] for i in range(1, 101))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"depth": {"low": 1, "high": 9000, "step": 1}}, "648,000 configurations"),
        ({"members": {"low": 1, "high": 9000, "step": 1}}, "432,000 configurations"),
        (
            {"width": {"low": 0.01, "high": 99, "step": 0.01}, "resolution": list(range(8, 20))},
            "237,600 networks",
        ),
    ],
)
def test_spaces_that_take_hours_to_look_through_are_refused(
    change: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError, match=f"it has up to {says}, and at most 200,000"):
        reading.from_table("large", TABLE | change)


def test_a_folder_that_ends_in_toml_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").mkdir()
    with pytest.raises(UsageError, match="that is no file"):
        reading.load(f"{tmp_path}/a.toml")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    plain = reading.folder() / "wide_resnet.toml"
    (tmp_path / "marked.toml").write_bytes(b"\xef\xbb\xbf" + plain.read_bytes())
    assert reading.load(f"{tmp_path}/marked.toml").depth == reading.load("wide_resnet").depth
