"""The plan before the first training, against sums that can be done on paper."""

import dataclasses

import pytest

from ensearch.api.progress import line
from ensearch.budget import Budget
from ensearch.core import Architecture, Cost, Schedule
from ensearch.search_space import ladder
from ensearch.search_space.ladder import Cell, Ladder
from ensearch.study import config, work
from ensearch.study import speed as speeds
from ensearch.study.events import MemberDone, TrialDone, TrialFailed
from ensearch.study.matches import Remedy
from ensearch.study.options import RunOptions
from ensearch.study.plan import StudyPlan
from ensearch.study.precision import expect, guess
from ensearch.study.speed import Speed
from ensearch.study.work import SearchWork
from ensearch.units import flops
from tests.worlds import evaluation

SCHEDULE = Schedule(epochs=2)
SPEED = Speed(fixed=1e-3, per_mac=1e-9)


def described(asked: config.StudyConfig, steps: Ladder, ahead: SearchWork, workers: int) -> str:
    plan = StudyPlan(
        config=asked,
        ladder=steps,
        work=ahead,
        speed=SPEED,
        images={"train": 100, "val": 50, "test": 10},
        workers=workers,
        device="a CPU",
    )
    return str(plan)


def cell(size: int, width: float, macs: int, schedule: Schedule = SCHEDULE) -> Cell:
    shape = Architecture(family="wide_resnet", width=width, depth=10, resolution=8)
    return Cell(
        rung=4e6,
        size=size,
        architecture=shape,
        schedule=schedule,
        cost=Cost(macs=macs * size, params=1),
    )


def cost_of(architecture: Architecture) -> Cost:
    """10,000 at depth 10 and width 1, 40,000 at width 2."""
    return Cost(macs=round(1000 * architecture.depth * architecture.width**2), params=1)


@pytest.fixture
def two_cells() -> Ladder:
    """1 member and 4 members of the same network of 1 M multiply-adds."""
    cells = (cell(1, 1, 1_000_000), cell(4, 1, 1_000_000))
    return Ladder(budget=Budget(amount=4e6), cells=cells)


def test_members_that_trials_share_are_paid_for_once(two_cells: Ladder) -> None:
    """Both trials need 4 members: 4 x 3 x 1e6 x 100 images x 2 epochs = 2.4e9."""
    made = work.estimate(two_cells, images=100, trials=2, seeds=1, speed=SPEED, workers=2)
    assert made.members == 4
    assert made.train_macs == 2.4e9
    # 4 members x 200 images x 2 ms over 2 workers.
    assert made.seconds == pytest.approx(0.8)
    assert made.longest == pytest.approx(0.4)


def test_predictions_take_a_third_of_the_time_of_training(two_cells: Ladder) -> None:
    """150 images to score are like 50 more to train, 250 x 2 ms for each of the 4 members."""
    made = work.estimate(two_cells, 100, 2, seeds=1, speed=SPEED, workers=2, predicted=150)
    assert made.longest == pytest.approx(0.5)
    assert made.seconds == pytest.approx(1.0)
    assert made.train_macs == 2.4e9


def test_members_beyond_the_size_are_paid_for(two_cells: Ladder) -> None:
    """Six of the one network; three where a single one is all there is."""
    made = work.estimate(two_cells, images=100, trials=2, seeds=6, speed=SPEED, workers=2)
    assert (made.members, made.train_macs) == (6, 3.6e9)
    assert made.seconds == pytest.approx(1.2)
    one = Ladder(budget=Budget(amount=4e6), cells=two_cells.cells[:1])
    made = work.estimate(one, images=100, trials=1, seeds=3, speed=SPEED, workers=2)
    assert (made.members, made.train_macs) == (3, 1.8e9)
    assert made.longest == pytest.approx(0.4)


def test_the_plan_begins_with_every_budget_as_the_search_does() -> None:
    """One network of 1 M and nine of 4 M: two trials at first take one of either."""
    cheap = dataclasses.replace(cell(1, 1, 1_000_000), rung=1e6)
    dear = tuple(cell(1, width, 4_000_000) for width in range(2, 11))
    steps = Ladder(budget=Budget(amount=4e6), cells=(*dear, cheap))
    made = work.estimate(steps, images=1, trials=2, seeds=1, speed=SPEED, workers=1)
    assert made.train_macs == 3 * 2 * 5e6
    later = work.estimate(steps, images=1, trials=2, seeds=1, speed=SPEED, workers=1, told=4)
    assert later.train_macs > made.train_macs


def test_no_more_trials_than_configurations(two_cells: Ladder) -> None:
    speed = Speed(fixed=0, per_mac=1e-9)
    assert work.estimate(two_cells, 100, 50, 1, speed, 1).trials == 2
    assert work.estimate(two_cells, 100, 0, 1, speed, 1).seconds == 0


def test_schedules_are_paid_for_by_their_own_epochs() -> None:
    """One network twice: 2 epochs for one member, 10 for two, of 100 images each."""
    cells = (cell(1, 1, 10**6), cell(2, 1, 10**6, Schedule(epochs=10)))
    steps = Ladder(budget=Budget(amount=4e6), cells=cells)
    made = work.estimate(steps, images=100, trials=2, seeds=1, speed=SPEED, workers=1)
    assert made.members == 3
    assert made.train_macs == 3 * 1e6 * 100 * (2 + 2 * 10)
    assert made.seconds == pytest.approx(2e-3 * 100 * (2 + 2 * 10))
    assert made.longest == pytest.approx(2e-3 * 100 * 10)


@pytest.mark.parametrize(("trials", "singles"), [(2, 1), (4, 2), (5, 2), (6, 2)])
def test_the_plan_shares_the_trials_as_the_search_does(trials: int, singles: int) -> None:
    """2 single networks of 1 M, 4 pairs of 10 M in all: the sum says how many of each."""
    cells = [cell(1, width, 1_000_000) for width in (1, 2)]
    cells += [cell(2, width, 5_000_000) for width in (3, 4, 5, 6)]
    steps = Ladder(budget=Budget(amount=1e7), cells=tuple(cells))
    made = work.estimate(steps, images=1, trials=trials, seeds=1, speed=SPEED, workers=1)
    assert made.train_macs == 3 * 2 * (1e6 * singles + 1e7 * (trials - singles))


def test_the_plan_says_what_each_budget_offers_to_both_kinds() -> None:
    """4 × 10-2 = 160,000 and so on: counted by hand from the cells of this small ladder."""
    table = {
        "family": "wide_resnet",
        "members": [1, 2],
        "depth": [10],
        "width": {"low": 1.0, "high": 2.0, "step": 1.0},
        "rungs": 4,
        "schedule": {"peak_lr": [0.1, 0.4], "epochs": [3, 12]},
    }
    asked = config.resolve(RunOptions(budget="80e3", dataset="digits", space=table))
    steps = ladder.build(
        asked.space,
        asked.budget,
        asked.schedule,
        8,
        cost_of,
    )
    made = work.estimate(steps, 100, 40, 1, SPEED, 1)
    text = described(asked, steps, made, 1)
    # 80k: 2 × 10-2. 40k: 10-2. Each with 4 schedules; 20k lies a rung below the 4.
    assert "single networks + ensembles: 0 + 4 at 80k, 4 + 0 at 40k" in text
    assert "8 distinct configurations, 4 single networks and 4 ensembles" in text
    assert "single networks and ensembles take turns" in text
    assert "peak_lr 0.1, 0.4; epochs 3, 12" in text
    assert "schedule  3 or 12 epochs" in text
    assert "cheapest  10-2 at 40k" in text
    assert "this study searches epochs" in text
    plain = dataclasses.replace(asked, space=dataclasses.replace(asked.space, schedule=()))
    steps = ladder.build(plain.space, plain.budget, plain.schedule, 8, cost_of)
    text = described(plain, steps, made, 1)
    assert "axis" not in text
    assert "axes" not in text


def test_the_plan_names_what_no_rung_holds() -> None:
    """A network costs 1,000 x depth x width**2; rungs are 80k to 23.8k.

    Depth 100 costs 100k at width 1; two of depth 10 cost 20k, which is a rung below the last.
    """
    table = {
        "family": "wide_resnet",
        "members": [1, 2],
        "depth": [10, 100],
        "width": {"low": 1.0, "high": 2.0, "step": 1.0},
        "rungs": 4,
    }
    listed = [{"depth": depth, "width": 1.0} for depth in (10, 16, 100, 106)]
    shapes = {"family": "wide_resnet", "members": [1, 2], "shapes": listed, "rungs": 4}
    for space, left in ((table, "depth 100"), (shapes, "10-1, 100-1, 106-1")):
        asked = config.resolve(RunOptions(budget="80e3", dataset="digits", space=space))
        steps = ladder.build(asked.space, asked.budget, asked.schedule, 8, cost_of)
        made = work.estimate(steps, 100, 4, 1, SPEED, 1)
        text = described(asked, steps, made, 1)
        lines = [line for line in text.splitlines() if line.startswith("left out")]
        assert lines == [
            f"left out  {left}: too expensive for the budget, or cheaper than its lowest rung"
        ]


def test_one_of_a_thing_is_not_several(two_cells: Ladder) -> None:
    asked = config.resolve(RunOptions(budget="4e6", dataset="digits"))
    one = Ladder(budget=Budget(amount=4e6), cells=(cell(1, 1, 10**6, Schedule(epochs=1)),))
    made = work.estimate(one, 100, 1, 1, SPEED, 1)
    text = described(asked, one, made, 1)
    assert "schedule  1 epoch, batches" in text
    assert "1 trial, up to about 1 member and" in text
    assert "with 1 worker on" in text


def test_the_most_expensive_member_is_not_said_to_be_part_of_less_time(two_cells: Ladder) -> None:
    asked = config.resolve(RunOptions(budget="4e6", dataset="digits"))
    made = SearchWork(trials=2, members=4, train_macs=1e9, seconds=47, longest=63)
    text = described(asked, two_cells, made, 2)
    assert "about 47s with 2 workers on a CPU, up to 1m3s more if the most expensive member" in text
    # Nor does a study of one member take half its time on two workers: 100 images x 2 x 2 ms.
    one = Ladder(budget=Budget(amount=4e6), cells=(cell(1, 1, 1_000_000),))
    assert work.estimate(one, 100, 1, 1, SPEED, 2).seconds == pytest.approx(0.4)


def test_a_plan_says_what_it_can_decide(two_cells: Ladder) -> None:
    """One network of 1 M and four of it: the pair has no match at 4 M."""
    plan = StudyPlan(
        config=config.resolve(RunOptions(budget="4e6", dataset="digits")),
        ladder=two_cells,
        work=SearchWork(trials=2, members=4, train_macs=1e9, seconds=1, longest=1),
        speed=SPEED,
        images={"train": 100, "val": 50, "test": 10},
        workers=1,
        device="a CPU",
        remedies=(Remedy(kind="budget", value=8e6, budgets=2),),
    )
    assert (plan.matched, plan.obstacle) == ((), "one ensemble")
    table = plan.to_dict()
    assert table["obstacle"] == "one ensemble"
    assert table["remedies"] == [{"kind": "budget", "value": 8e6, "budgets": 2}]
    assert table["precision"] is None
    assert len(plan.brief()) < len(plan.lines())
    said = [line for line in plan.brief() if line.startswith(("warning", "remedy", "decides"))]
    assert len(said) == 2
    assert "a budget of 8M" in said[1]
    meeting = (*two_cells.cells, cell(2, 2, 1_900_000), cell(1, 3, 3_900_000))
    width = expect(guess("digits"), images=50, seeds=3, margin=0.01)
    fine = dataclasses.replace(
        plan, ladder=Ladder(budget=Budget(amount=4e6), cells=meeting), precision=width, remedies=()
    )
    assert (fine.matched, fine.obstacle) == ((4e6,), "one match")
    assert fine.to_dict()["precision"]["spread"]["networks"] == 0
    assert f"±{100 * width.half_width:.1f} points" in str(fine)
    assert not width.shows_margin
    assert f"{100 * width.half_width_members:.3g}" == "2.11"
    assert "with 50 validation images differences below 2.1 points cannot be shown" in str(fine)


def test_speed_separates_overhead_from_arithmetic() -> None:
    cells = (cell(1, 1, 1_000_000), cell(1, 2, 9_000_000))
    speed = speeds.measure(
        Ladder(budget=Budget(amount=1e7), cells=cells),
        lambda *networks: [{1: 2e-3, 2: 10e-3}[int(a.width)] for a in networks],
    )
    assert speed.per_mac == pytest.approx(1e-9)
    assert speed.fixed == pytest.approx(1e-3)
    assert speed.seconds(100_000_000) == pytest.approx(0.101)


def test_a_plan_of_more_than_a_day_says_what_makes_it_smaller(two_cells: Ladder) -> None:
    made = SearchWork(trials=2, members=4, train_macs=1e18, seconds=3e5, longest=1e5)
    asked = config.resolve(RunOptions(budget="4e6", dataset="digits"))
    text = described(asked, two_cells, made, 2)
    assert "3d11h" in text
    assert "500 images/s at 1M" in text  # 1 ms and 1e6 times 1 ns each
    for remedy in ("budget", "epochs", "training images", "trials", "time limit", "GPU"):
        assert remedy in text
    short = dataclasses.replace(made, seconds=60)
    assert "would take" not in described(asked, two_cells, short, 2)


def test_the_plan_counts_in_the_unit_asked_for(two_cells: Ladder) -> None:
    asked = config.resolve(RunOptions(budget="8e6", dataset="digits", flops_per_mac=2))
    made = SearchWork(trials=2, members=4, train_macs=1e9, seconds=1, longest=1)
    text = described(asked, two_cells, made, 2)
    assert "8M FLOPs (2 per multiply-add)" in text
    assert "4 × 10-1 at 8M" in text


def test_a_cpu_plan_for_the_papers_budget_is_honest() -> None:
    """80 trials of up to 5.25 G on 45,000 images at 5 GMAC/s and core take weeks, not hours."""
    from ensearch import cost
    from ensearch.search_space import reading

    steps = ladder.build(
        reading.load("wide_resnet"),
        Budget(amount=5.25e9),
        SCHEDULE,
        32,
        lambda a: cost.count(a, 3, 10),
    )
    speed = Speed(fixed=0, per_mac=3 / 5e9)
    made = work.estimate(steps, 45_000, 80, 1, speed, workers=2)
    assert made.seconds > 7 * 86400


def test_progress_lines_carry_unit_and_best() -> None:
    single, ensemble = evaluation(1, 10, 1, 1_000_000, 0.9), evaluation(4, 10, 1, 4_000_000, 0.95)
    done = TrialDone(
        number=3, label="4 × 10-1", evaluation=ensemble, told=4, trials=9, seconds_left=90.0,
        best_single=single, best_ensemble=ensemble,
    )  # fmt: skip
    text = line(done, 2, flops(2))
    assert text is not None
    assert "trial 4/9: 4 × 10-1 at 8M FLOPs, val 95.00%" in text
    assert "best single 10-1 90.00% at 2M" in text
    assert "about 1m30s left" in text
    alone = dataclasses.replace(done, best_ensemble=None)
    assert "no ensemble yet" in (line(alone, 1, flops(1)) or "")
    failed = TrialFailed(label="10-1", reason="diverged", told=5, trials=9)
    assert line(failed, 1, flops(1)) == "trial 5/9: 10-1 failed: diverged"
    assert (
        line(MemberDone(key="k", label="10-1", seconds=42), 1, flops(1))
        == "member 10-1 trained in 42s"
    )
