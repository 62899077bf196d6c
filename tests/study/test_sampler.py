"""The sampler alone: equal trials for both kinds, axes of the schedule, the same after a stop."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from ensearch.budget import Budget
from ensearch.core import Architecture, Cost, Schedule
from ensearch.fronts import MATCHED_SHARE
from ensearch.search_space import ladder, reading
from ensearch.search_space.ladder import Cell, Ladder
from ensearch.study import start
from ensearch.study.config import SAMPLERS
from ensearch.study.ladder_sampler import LadderSampler
from ensearch.study.sampler import Sampler

BASE = Schedule(epochs=2)
TABLE = {
    "family": "wide_resnet",
    "members": [1, 2, 4],
    "depth": [10, 16],
    "width": {"low": 0.25, "high": 2.0, "step": 0.25},
    "rungs": 6,
}
AXES: dict[str, list[float]] = {
    "peak_lr": [0.1, 0.4],
    "weight_decay": [0.0, 1e-4, 5e-4],
    "epochs": [2, 12],
}


def count(architecture: Architecture) -> Cost:
    return Cost(macs=round(1000 * architecture.depth * architecture.width**2), params=1)


def steps(**changes: object) -> Ladder:
    one = reading.from_table("mine", TABLE | changes)
    return ladder.build(one, Budget(amount=160_000), BASE, 32, count)


def kinds(made: Ladder) -> tuple[int, int]:
    """Number of single networks, of ensembles."""
    singles = sum(cell.is_single for cell in made.cells)
    return singles, len(made.cells) - singles


@contextlib.contextmanager
def opened(folder: Path, made: Ladder, name: str = "random", seed: int = 0) -> Iterator[Sampler]:
    sampler = Sampler(
        url=f"sqlite:///{folder}/optuna.db",
        study="one",
        ladder=made,
        name=name,
        seed=seed,
        prepare=lambda engine: None,
        translated=contextlib.nullcontext,
    )
    try:
        yield sampler
    finally:
        sampler.close()


def tell(sampler: Sampler, number: int, cell: Cell) -> None:
    """An accuracy that prefers deep networks, two members and a peak_lr of 0.4."""
    accuracy = 0.5 + 0.01 * cell.architecture.depth + 0.1 * (cell.size == 2)
    sampler.tell(number, accuracy + 0.1 * cell.schedule.peak_lr, cell.cost.macs)


def draw(sampler: Sampler, trials: int) -> list[Cell]:
    """So many trials, one after the other; fewer if the ladder ends before."""
    cells: list[Cell] = []
    while len(cells) < trials and (asked := sampler.ask()) is not None:
        tell(sampler, *asked)
        cells.append(asked[1])
    return cells


@pytest.mark.parametrize("name", SAMPLERS)
def test_kinds_take_turns_and_axes_are_parameters(tmp_path: Path, name: str) -> None:
    """Two rungs, so that all but the first three trials are the sampler's own choice."""
    made = steps(rungs=3, schedule=AXES)
    with opened(tmp_path, made, name) as sampler:
        cells = draw(sampler, 15)
    assert len({(cell.size, cell.network) for cell in cells}) == 15, "a trial was repeated"
    assert [cell.is_single for cell in cells] == [True, False] * 7 + [True]
    study = optuna.load_study(study_name="one", storage=f"sqlite:///{tmp_path}/optuna.db")
    for trial, cell in zip(study.trials, cells, strict=True):
        assert trial.params == {
            "total_macs": cell.rung,
            "members": cell.size,
            "depth": cell.architecture.depth,
            "width": cell.architecture.width,
            "peak_lr": cell.schedule.peak_lr,
            "weight_decay": cell.schedule.weight_decay,
            "epochs": cell.schedule.epochs,
        }
        # What the dashboard shows: every value of an axis, as what it is.
        assert trial.distributions["weight_decay"] == CategoricalDistribution((0.0, 1e-4, 5e-4))
        assert trial.user_attrs["configuration"] == cell.label
        kind = "single network" if cell.size == 1 else "ensemble"
        assert trial.user_attrs["kind"] == kind
    for axis, values in AXES.items():
        assert {trial.params[axis] for trial in study.trials} == set(values)


@pytest.mark.parametrize("members", [[1, 2, 4], [1], [2, 4]])
def test_what_remains_of_one_kind_is_tried_in_the_end(tmp_path: Path, members: list[int]) -> None:
    made = steps(members=members, rungs=4)
    with opened(tmp_path, made) as sampler:
        cells = draw(sampler, 10_000)
    assert {(cell.size, cell.network) for cell in cells} == {
        (cell.size, cell.network) for cell in made.cells
    }
    assert len(cells) == len(made.cells)
    turns = [cell.is_single for cell in cells]
    pairs = 2 * min(kinds(made))
    assert turns[:pairs] == [True, False] * (pairs // 2)
    assert len(set(turns[pairs:])) == 1


def test_both_kinds_begin_with_the_cheapest_the_highest_and_then_every_budget(
    tmp_path: Path,
) -> None:
    made = steps(schedule=AXES)
    with opened(tmp_path, made) as sampler:
        cells = draw(sampler, 2 * len(made.budgets))
    order: dict[bool, list[float]] = {True: [], False: []}
    for cell in cells:
        budget, is_single = made.budget_of(cell), cell.is_single
        again = budget in order[is_single]  # single networks, of few budgets, are through first
        order[is_single].append(budget)
        like = [c for c in made.cells if made.budget_of(c) == budget and not again]
        costs = [c.cost.macs for c in like if c.is_single == is_single]
        # Up to the budget, or as far as any of them goes.
        if any(cost >= MATCHED_SHARE * budget for cost in costs):
            assert cell.cost.macs >= MATCHED_SHARE * budget
        elif costs:
            assert cell.cost.macs >= MATCHED_SHARE * max(costs)
        if costs and len(order[is_single]) == 1:  # the lowest budget comes first
            using = min(budget, max(costs)) * MATCHED_SHARE
            sizes = [c.size for c in like if c.cost.macs >= using and c.is_single == is_single]
            assert cell.size == min(sizes)
    for is_single in (True, False):
        # The highest budget is beyond every single network: theirs is the next.
        theirs = sorted({made.budget_of(c) for c in made.cells if c.is_single == is_single})
        visited = order[is_single][: len(theirs)]
        assert visited == [theirs[0], theirs[-1], *theirs[1:-1]]
    assert max(order[False]) == 160_000 > max(order[True])


@pytest.mark.parametrize("members", [[1, 2, 4], [1], [2, 4]])
@pytest.mark.parametrize("rungs", [1, 2, 6])
def test_the_start_is_as_long_as_it_is_said_to_be(
    tmp_path: Path, members: list[int], rungs: int
) -> None:
    made = steps(members=members, rungs=rungs)
    said = start.trials(made)
    with opened(tmp_path, made) as sampler:
        cells = draw(sampler, said)
    wanted = {(made.budget_of(c), c.is_single) for c in made.cells}
    visited = [(made.budget_of(c), c.is_single) for c in cells]
    assert len(visited) == said
    assert set(visited) == wanted, "some budget was not visited"
    assert set(visited[:-1]) != wanted, "it was over before"


def test_an_axis_of_one_value_is_no_parameter(tmp_path: Path) -> None:
    made = steps(schedule={"peak_lr": [0.1], "epochs": [2, 3]})
    with opened(tmp_path, made) as sampler:
        cells = draw(sampler, 3)
    assert {cell.schedule.peak_lr for cell in cells} == {0.1}
    study = optuna.load_study(study_name="one", storage=f"sqlite:///{tmp_path}/optuna.db")
    assert study.trials[0].params.keys() == {"total_macs", "members", "depth", "width", "epochs"}


@pytest.mark.parametrize("name", ["tpe", "qmc"])
def test_a_stopped_search_goes_on_as_if_it_had_not_been(tmp_path: Path, name: str) -> None:
    """Stopped with three trials under way each time: released, or left as by a kill."""
    made = steps(schedule=AXES)
    (tmp_path / "whole").mkdir()
    with opened(tmp_path / "whole", made, name) as sampler:
        whole = in_flight(sampler, 14)
    parts: dict[int, Cell] = {}
    while len(parts) < 14:
        with opened(tmp_path, made, name) as sampler:
            sampler.recover()
            parts |= in_flight(sampler, min(5, 14 - len(parts)))
            if len(parts) % 2:
                sampler.release()
    assert parts == whole


def test_resolutions_and_families_are_chosen_too(tmp_path: Path) -> None:
    shapes = [
        {"width": width, "depth": depth, "resolution": side}
        for side in (16, 32)
        for width, depth in ((0.5, 10), (1.0, 16))
    ]
    table = {k: v for k, v in TABLE.items() if k not in ("depth", "width")} | {"rungs": 60}
    one = reading.from_table("mine", table | {"shapes": shapes})
    made = ladder.build(one, Budget(amount=160_000), BASE, 32, count)
    with opened(tmp_path, made, "tpe") as sampler:
        cells = draw(sampler, 10_000)
    assert {(c.size, c.architecture) for c in cells} == {
        (c.size, c.architecture) for c in made.cells
    }
    assert len(cells) == len(made.cells) == 12
    for trial in stored(tmp_path):
        assert trial.distributions["resolution"] == CategoricalDistribution((16, 32))
        assert "family" not in trial.distributions


def test_a_fractional_depth_is_stored_as_it_is(tmp_path: Path) -> None:
    shapes = [{"family": "efficientnet", "depth": depth} for depth in (1.0, 1.1, 2.2)]
    table = {"family": "efficientnet", "members": [1, 2], "shapes": shapes}
    made = ladder.build(reading.from_table("mine", table), Budget(amount=1e5), BASE, 32, count)
    with opened(tmp_path, made) as sampler:
        cells = draw(sampler, 10_000)
    assert sorted(c.architecture.depth for c in cells) == [1, 1, 1.1, 1.1, 2.2, 2.2]
    assert {trial.params["depth"] for trial in stored(tmp_path)} == {1, 1.1, 2.2}


def stored(folder: Path) -> list[optuna.trial.FrozenTrial]:
    study = optuna.load_study(study_name="one", storage=f"sqlite:///{folder}/optuna.db")
    return study.trials


def in_flight(sampler: Sampler, trials: int) -> dict[int, Cell]:
    """Tell so many trials, always with three more asked; those told, by number."""
    told: dict[int, Cell] = {}
    asked: list[tuple[int, Cell]] = []
    while len(told) < trials:
        while len(asked) < 4:
            new = sampler.ask()
            assert new is not None
            asked.append(new)
        number, cell = asked.pop(0)
        tell(sampler, number, cell)
        told[number] = cell
    return told


def test_an_ask_reads_the_parameters_of_no_trial_that_ended_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else thousands of trials would be looked at for each new one."""
    reads: list[int] = []
    key_of = LadderSampler._key

    def counted(self: LadderSampler, params: dict[str, Any]) -> tuple[Any, ...]:
        reads[-1] += 1
        return key_of(self, params)

    with opened(tmp_path, steps(schedule=AXES)) as sampler:
        monkeypatch.setattr(LadderSampler, "_key", counted)
        for _ in range(20):
            reads.append(0)
            asked = sampler.ask()
            assert asked is not None
            tell(sampler, *asked)
    assert set(reads[2:]) == {reads[2]}


def test_failures_that_are_forgiven_are_tried_again_in_their_kinds_turn(tmp_path: Path) -> None:
    made = steps(rungs=5)
    with opened(tmp_path, made) as sampler:
        for reason in ("killed", "diverged", "killed", "killed"):
            asked = sampler.ask()
            assert asked is not None
            sampler.fail(asked[0], reason)
    with opened(tmp_path, made) as sampler:
        sampler.recover()
        cells = draw(sampler, 10_000)
    # The ensemble that diverged still counts: two single networks come first.
    assert [cell.is_single for cell in cells[:4]] == [True, True, False, True]
    assert len(cells) == len(made.cells) - 1
