"""The charts and switches of a page, of studies whose numbers are given."""

from dataclasses import replace

import pytest

from ensearch.confirmation.plan import Confirmation, Finalist, Request
from ensearch.core import AxisCost, Evaluation
from ensearch.report.page import charts, data, views
from ensearch.report.page.charts import Chart
from ensearch.report.study.records import OnTest, Record
from ensearch.report.study.results import Results
from ensearch.store import LookRecord
from ensearch.units import milliseconds
from tests.records import NOW, done_trial
from tests.worlds import evaluation, handmade


def gaining(size: int, gain: float, width: float = 2.0, disagreement: float = 0.1) -> Evaluation:
    made = evaluation(size, 10, width, size * 10**9, 0.9 + gain)
    scores = replace(made.scores, member_accuracy=0.9, disagreement=disagreement)
    return replace(made, scores=scores)


def named(found: Results, record: Record | None = None) -> dict[str, Chart]:
    return {chart.name: chart for chart in charts.charts(found, record or Record())}


def of(*evaluations: Evaluation) -> Results:
    return replace(handmade(), evaluations=evaluations)


def test_gains_lie_on_the_law_where_they_follow_it() -> None:
    chart = named(of(gaining(1, 0), gaining(2, 0.02), gaining(4, 0.03)))["by-size"]
    assert [(spot.x, round(spot.y, 9)) for spot in chart.spots] == [(0.5, 2.0), (0.75, 3.0)]
    assert "g = +4.00 points fitted to 2 ensembles" in chart.caption
    line, law = chart.lines
    assert (line.x, line.style) == ((0.0, 0.5, 0.75), "thin")
    assert law.x == (0.0, 0.75)
    assert law.y == pytest.approx((0.0, 3.0))
    assert chart.ticks == ((0.0, "1"), (0.5, "2"), (0.75, "4"))


def test_numbers_of_members_that_would_touch_are_left_out() -> None:
    sizes = (2, 4, 8, 16, 32, 64)
    ticks = named(of(*(gaining(size, 0.01) for size in sizes)))["by-size"].ticks
    assert [name for _, name in ticks] == ["1", "2", "4", "8", "16", "64"]


def test_disagreement_stands_against_the_gain() -> None:
    chart = named(of(gaining(1, 0), gaining(2, 0.02, disagreement=0.25)))["disagreement"]
    assert [(s.x, round(s.y, 9), s.row) for s in chart.spots] == [(25.0, 2.0, 1)]


def test_calibration_is_nll_before_and_after_a_temperature() -> None:
    chart = named(handmade())["calibration"]
    assert {(spot.x, spot.y) for spot in chart.spots} == {(0.5, 0.4)}
    assert [spot.kind for spot in chart.spots] == ["single", "ensemble", "ensemble", "single"]


def history(found: Results, spent: tuple[float, ...]) -> Chart | None:
    trials = tuple(done_trial(number, e) for number, e in enumerate(found.evaluations))
    return named(found, Record(trials=trials, spent=spent)).get("history")


def test_the_area_below_the_fronts_grows_with_what_is_known() -> None:
    found = of(evaluation(1, 10, 1.0, 5 * 10**7, 0.8), evaluation(2, 10, 2.0, 5 * 10**8, 0.9))
    chart = history(found, (1e12, 4e12))
    assert chart is not None
    both, single, ensemble = chart.lines
    # From 5e8 to the budget of 5e9 is a decade, in which the ensemble is 10 points better.
    assert both.x == (1e12, 4e12)
    assert both.y == pytest.approx((0.0, 10.0))
    assert single.y == pytest.approx((0.0, 0.0))
    assert ensemble.y == pytest.approx((0.0, 10.0))
    assert "The last quarter of the training added 100.0 % of the area." in chart.caption


def test_without_a_record_of_training_there_is_no_history() -> None:
    assert history(handmade(), (0.0,) * 4) is None
    assert "history" not in named(handmade())


@pytest.fixture
def on_test() -> OnTest:
    found = handmade().evaluations
    finalists = tuple(
        Finalist(
            architecture=e.architecture,
            short=e.schedule,
            full=replace(e.schedule, epochs=40),
            size=e.size,
            members=e.size,
            macs=e.cost.macs,
            accuracy=e.scores.accuracy,
            reasons=(),
            changes=(),
        )
        for e in found
    )
    plan = Confirmation(
        number=1, request=Request(), budgets=(1.25e9, 5e9), finalists=finalists, created=""
    )
    full = [replace(e, schedule=finalists[0].full) for e in found]
    test = [
        replace(e, split="test", scores=replace(e.scores, accuracy=e.scores.accuracy - 0.01))
        for e in full
    ]
    return OnTest(plan, tuple(full), tuple(test))


def test_finalists_stand_on_both_schedules(on_test: OnTest) -> None:
    chart = named(handmade(), Record(on_test=on_test))["schedules"]
    assert [(spot.x, spot.y, spot.row) for spot in chart.spots] == [
        (90.0, 89.0, 0),
        (88.0, 87.0, 1),
        (95.0, pytest.approx(94.0), 2),
        (93.0, 92.0, 3),
    ]
    assert "4 finalists" in chart.caption
    assert "40 epochs (4 x the search's 10)" in chart.caption
    assert chart.table == 1


def test_a_figure_for_every_cost_and_one_on_test(on_test: OnTest) -> None:
    found = handmade()
    made = views.views(found, on_test)
    assert [view.label for view in made] == ["FLOPs", "parameters", "training", "FLOPs, test"]
    assert [view.table for view in made] == [0, 0, 0, 1]
    own, parameters, training, test = made
    assert own.dots[0] == (1.2e9, 90.0, "single", 0)
    assert parameters.dots[0] == (1.2e6, 90.0, "single", 0)
    assert parameters.tradeoff.single_front.costs[:-1] == (1.2e6, 4.9e6)
    assert training.dots[0].cost == 3.0 * 1.2e9 * 45_000 * 10
    assert {view.tradeoff.y_range for view in made[:3]} == {own.tradeoff.y_range}
    # What val selected for each budget of the confirmation, scored on test.
    assert test.tradeoff.single_front.accuracies == (89.0, 92.0, 92.0)
    assert test.tradeoff.y_label == "measured accuracy on test (%)"


def test_a_figure_by_time_leaves_out_what_nobody_timed() -> None:
    """The table has what was timed, and the figure over FLOPs the dots of these."""
    base = handmade()
    some = [replace(e, on_axis=AxisCost(value=1.0)) for e in base.evaluations[:3]]
    axis = milliseconds(64, "a CPU")
    timed = replace(
        base,
        conditions=replace(base.conditions, other_axis=axis, is_own=False),
        evaluations=tuple(some),
        beside=(base,),
    )
    own, beside = views.views(timed, None)[:2]
    assert [dot.row for dot in own.dots] == [dot.row for dot in beside.dots] == [0, 1, 2]


def test_the_confirmation_has_a_table_of_its_own(on_test: OnTest) -> None:
    made = data.compute(handmade(), Record(on_test=on_test))
    assert made.confirmed is not None
    keys = [column.key for column in made.confirmed.columns]
    assert [row[keys.index("accuracy")] for row in made.confirmed.rows] == [0.89, 0.87, 0.94, 0.92]
    assert data.compute(handmade(), Record()).confirmed is None


def test_what_was_tried_is_counted_between_budgets() -> None:
    tried = data.compute(handmade(), Record()).tried
    assert tried.heads == ("Budget", "1 member", "2 members", "4 members", "Costs")
    assert tried.lines == (
        ("5G", "1", "", "1", "matched"),
        ("2.5G", "", "", "", "not matched"),
        ("1.25G", "1", "1", "", "matched"),
    )


def test_looks_are_told_where_there_was_more_than_one() -> None:
    claims = [{"budget": 5e9, "low": -0.01, "high": 0.02}]
    first = LookRecord(number=1, share=1.0, claims=claims, seen=NOW)
    second = LookRecord(number=2, share=0.5, train_macs=1e12, claims=claims, seen=NOW)
    assert data.compute(handmade(), Record(looks=(first,))).looks == ()
    told = data.compute(handmade(), Record(looks=(first, second))).looks
    assert [tuple(fact) for fact in told][1] == (
        "look 2, 2026-01-02",
        "after 1T FLOPs of training beyond the search: [-1.00, +2.00] points at the largest budget",
    )
