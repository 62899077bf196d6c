"""The figure of a study: what is computed for it, and that nothing covers anything."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensearch.fronts import Zone, best_within
from ensearch.report.study import brief, figure, figure_data
from ensearch.report.study.results import Results
from tests.worlds import evaluation, fronts_of, handmade, results, surrogate


def test_tradeoff_holds_what_the_figure_shows() -> None:
    drawn = figure_data.compute(handmade())
    assert drawn.title == brief.first(handmade())
    assert "5,000 val images" in drawn.subtitle
    assert "seed 0" in drawn.subtitle
    assert drawn.x_label == "FLOPs (multiply-adds) per example, all members"
    assert [(d.cost, d.accuracy, d.label) for d in drawn.singles] == [
        (1.2e9, 90.0, "10-2"),
        (4.9e9, 93.0, "28-10"),
    ]
    # 4 x 10-2 is joined to the single 10-2; 2 x 10-1.25 stands alone.
    assert sorted([d.label for d in line] for line in drawn.ensembles) == [
        ["10-2", "4 × 10-2"],
        ["2 × 10-1.25"],
    ]
    end = drawn.x_range[1]
    assert drawn.single_front == ((1.2e9, 4.9e9, end), (90.0, 93.0, 93.0))
    assert drawn.ensemble_front == ((1.25e9, 4.8e9, end), (88.0, 95.0, 95.0))
    assert [(each.budget, each.points) for each in drawn.advantages] == [(1.25e9, -2.0), (5e9, 2.0)]
    assert {(n.dot.label, n.above) for n in drawn.named} == {
        ("28-10", False),
        ("4 × 10-2", True),
        ("10-2", True),
        ("2 × 10-1.25", False),
    }


def test_of_many_corners_four_are_named_and_the_cheapest_is_not() -> None:
    found = [evaluation(1, 10, 1.0 + i, 10**7 * (i + 1), 0.5 + i / 100) for i in range(9)]
    named = figure_data.compute(results(fronts_of(), found)).named
    assert [n.dot.cost for n in named] == [9e7, 7e7, 5e7, 3e7]


@pytest.mark.parametrize("name", ["crossed", "unclear", "few", "many", "one"])
def test_labels_cover_no_marker_no_front_and_no_label(
    name: str, worlds_to_draw: dict[str, Results]
) -> None:
    shown = figure_data.compute(worlds_to_draw[name])
    drawn = figure.draw(shown)
    upper, names = drawn.axes[0], {n.dot.label for n in shown.named}
    boxes = [t.get_window_extent() for t in upper.texts if t.get_text() in names]
    assert boxes
    dots = [*shown.singles, *(dot for line in shown.ensembles for dot in line)]
    places = [(dot.cost, dot.accuracy) for dot in dots]
    for front in (shown.single_front, shown.ensemble_front):
        for low, high, accuracy in zip(
            front.costs, front.costs[1:], front.accuracies, strict=False
        ):
            places += [(cost, accuracy) for cost in np.geomspace(low, high, 50)]
    pixels = upper.transData.transform(places)
    for index, box in enumerate(boxes):
        assert not any(box.contains(x, y) for x, y in pixels)
        assert not any(box.overlaps(other) for other in boxes[:index])


def test_predicted_points_are_on_the_axis_or_counted() -> None:
    found = handmade()
    best = max(e.scores.accuracy for e in found.evaluations)
    promised = replace(evaluation(8, 10, 2.0, 5_000_000_000, best + 0.03), trained=4, subsets=0)
    drawn = figure_data.compute(replace(found, predicted=(promised,)))
    assert drawn.y_range[1] > 100 * promised.scores.accuracy
    assert drawn.hidden == 0
    weak = replace(promised, scores=replace(promised.scores, accuracy=0.1))
    assert figure_data.compute(replace(found, predicted=(weak,))).hidden == 1


def test_the_crossover_is_a_zone_and_none_is_drawn_while_the_search_is_under_way() -> None:
    found = handmade()
    assert figure_data.compute(found).crossing == (1.25e9, 5e9)
    assert figure_data.compute(replace(found, under_way=True)).crossing is None
    fronts = replace(found.fronts, zone=Zone(status="ensembles", low=5e9))
    assert figure_data.compute(replace(found, fronts=fronts)).crossing is None


def test_weak_configurations_are_counted_instead_of_stretching_the_axis() -> None:
    found = handmade()
    weak = evaluation(1, 10, 0.25, 1_300_000_000, 0.10)
    drawn = figure_data.compute(replace(found, evaluations=(*found.evaluations, weak)))
    assert drawn.hidden == 1
    assert 80 < drawn.y_range[0] < 90
    assert figure_data.compute(found).hidden == 0


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(10**6, 5 * 10**9), st.integers(0, 1000)),
        min_size=1,
        max_size=20,
    )
)
def test_a_drawn_front_is_the_best_within_every_cost(drawn: list[tuple[int, int, int]]) -> None:
    found = [
        evaluation(size, 10, 1.0 + i, macs, hits / 1000)
        for i, (size, macs, hits) in enumerate(drawn)
    ]
    shown = figure_data.compute(results(fronts_of(), found))
    for steps, singles in ((shown.single_front, True), (shown.ensemble_front, False)):
        for cost, accuracy in zip(steps.costs[:-1], steps.accuracies[:-1], strict=True):
            best = best_within(found, cost, singles)
            assert best is not None
            assert 100 * best.scores.accuracy == accuracy
        assert list(steps.accuracies) == sorted(steps.accuracies)


@pytest.fixture(scope="module")
def worlds_to_draw() -> dict[str, Results]:
    single = evaluation(1, 10, 1.0, 10**9, 0.5)
    return {
        "crossed": surrogate((10, 16, 28), 12, 20_000, gain=0.7),
        "unclear": surrogate((10, 16), 8, 300, gain=0.4),
        "few": surrogate((16,), 2, 1_000),
        "many": surrogate((10, 14, 16, 20, 22, 28, 34, 40), 12, 1_000),
        "one": results(fronts_of(), [single]),
    }


@pytest.mark.parametrize("name", ["crossed", "one"])
def test_png_is_1200_by_800(name: str, worlds_to_draw: dict[str, Results], tmp_path: Path) -> None:
    drawn = figure_data.compute(worlds_to_draw[name])
    content = figure.draw_png(drawn, tmp_path / "f.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1200, 800)


def test_the_worlds_that_are_drawn_are_what_they_are_called(
    worlds_to_draw: dict[str, Results],
) -> None:
    statuses = {name: w.fronts.zone.status for name, w in worlds_to_draw.items()}
    assert statuses["crossed"] == "crossed"
    assert statuses["unclear"] == "undecided"
    assert len(worlds_to_draw["many"].evaluations) > 300
