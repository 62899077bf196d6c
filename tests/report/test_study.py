import csv
import dataclasses
import errno
import json
import math
import os
import re
import struct
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ensearch.core import Architecture, Cost, Evaluation, Member, Predictions, network_key
from ensearch.ensembles import averaging
from ensearch.ensembles.paired_differences import Lead
from ensearch.errors import StorageError
from ensearch.fronts.analysis import Crossover, FrontRow, Fronts, best_within
from ensearch.fronts.crossover import Status
from ensearch.pool.diversity import Diversity
from ensearch.report.study import figure, figure_data, files, text
from ensearch.report.study.results import Results, collect
from ensearch.report.study.table import print_table
from ensearch.seeds import derive
from ensearch.store import MemberRecord, Store, StudyRecord, TrialRecord
from tests.worlds import SCHEDULE, evaluation, results, surrogate

SENTENCE = "Ensembles overtake single networks at about 1.77G."


def handmade(high: float = math.inf, **changes: object) -> Results:
    """Singles win at 1.25G, nothing is matched at 2.5G, ensembles win at 5G."""
    small, large = (
        evaluation(1, 10, 2.0, 1_200_000_000, 0.90),
        evaluation(1, 28, 10.0, 4_900_000_000, 0.93),
    )
    pair, four = (
        evaluation(2, 10, 1.25, 1_250_000_000, 0.88),
        evaluation(4, 10, 2.0, 4_800_000_000, 0.95),
    )

    def row(budget: float, one: Evaluation, many: Evaluation, *ends: float | None) -> FrontRow:
        advantage, low, high = ends
        return FrontRow(
            budget=budget,
            single=one,
            ensemble=many,
            advantage=advantage,
            low=low,
            high=high,
            matched=advantage is not None,
        )

    fronts = Fronts(
        rows=(
            row(1.25e9, small, pair, -0.02, -0.03, -0.01),
            row(2.5e9, small, pair, None, None, None),
            row(5e9, large, four, 0.02, 0.005, 0.035),
        ),
        crossover=Crossover(
            status="crossed", budget=2.5e9, low=1.5e9, high=high, sentence=SENTENCE
        ),
    )
    return results(fronts, [small, pair, four, large], **changes)


def printed(found: Results, width: int = 80) -> str:
    stream = StringIO()
    print_table(found, Console(file=stream, width=width))
    return stream.getvalue()


def test_a_line_says_what_won_at_a_budget_and_by_how_much() -> None:
    top, middle, bottom = text.lines(handmade())
    assert top == (
        "5G",
        "28-10",
        "93.00",
        "4.9G",
        "4 × 10-2",
        "95.00",
        "4.8G",
        "+2.00 [+0.50, +3.50]",
    )
    assert middle.advantage == "not matched"
    assert bottom.advantage == "-2.00 [-3.00, -1.00]"


def test_counting_two_per_multiply_add_doubles_what_is_shown() -> None:
    found = handmade(flops_per_mac=2)
    assert text.lines(found)[0].budget == "10G"
    assert text.lines(found)[0].single_cost == "9.8G"
    assert "FLOPs (2 per multiply-add)" in printed(found)
    drawn = figure_data.compute(found)
    assert drawn.singles[0].cost == 2.4e9
    assert drawn.gaps[0].budget == 2.5e9


def test_headline_names_the_crossover_and_the_open_end_of_its_interval() -> None:
    assert (
        text.headline(handmade())
        == "Ensembles win above 2.5G FLOPs (95 % interval 1.5G to above 5G)"
    )


@pytest.mark.parametrize(
    ("status", "start"),
    [
        ("ensembles always", "Ensembles lead at every matched budget from 1.25G to 5G"),
        ("singles always", "Single networks lead at every matched budget from 1.25G to 5G"),
        ("crosses back", "The lead changes hands more than once from 1.25G to 5G"),
        ("not identifiable", "No clear winner from 1.25G to 5G"),
    ],
)
def test_headline_says_every_status(status: Status, start: str) -> None:
    found = handmade()
    crossover = replace(found.fronts.crossover, status=status, budget=None)
    found = replace(found, fronts=replace(found.fronts, crossover=crossover))
    assert text.headline(found).startswith(start)


def test_headline_of_one_clear_side_without_a_crossover() -> None:
    found = handmade()
    crossover = replace(found.fronts.crossover, status="not identifiable", budget=None)
    rows = (*found.fronts.rows[:2], replace(found.fronts.rows[2], low=-0.01))
    fronts = replace(found.fronts, rows=rows, crossover=crossover)
    assert text.headline(replace(found, fronts=fronts)).startswith(
        "Single networks are clearly ahead at 1.25G FLOPs"
    )


def test_table_holds_its_numbers_and_its_conditions_in_80_columns() -> None:
    shown = printed(handmade())
    assert "\x1b" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert re.search(
        r"^ +5G +28-10 +93\.00 +4\.9G +4 × 10-2 +95\.00 +4\.8G +\+2\.00 \[\+0\.50, \+3\.50\]",
        shown,
        re.MULTILINE,
    )
    flat = " ".join(shown.split())
    for needed in (
        SENTENCE,
        "FLOPs (multiply-adds)",
        "Data: cifar10, 10 classes. Scored on 5,000 val images",
        "optimistic",
        "10 epochs of 45,000 images. Short schedule only",
        "longer training may move fronts and crossover",
        "seed 0; arithmetic mean",
        "41 trials done by tpe, 2 failed (diverged 1, killed 1); 63 members",
        "3h12m of worker time, an estimated 1.2P FLOPs",
        "Not matched:",
    ):
        assert needed in flat


def test_not_matched_is_explained_only_where_it_appears() -> None:
    found = handmade()
    rows = (found.fronts.rows[0], found.fronts.rows[2])
    found = replace(found, fronts=replace(found.fronts, rows=rows))
    assert "ot matched" not in printed(found)


def test_a_narrow_terminal_cuts_no_number() -> None:
    shown = printed(handmade(), width=46)
    for number in ("1.25G", "93.00", "95.00", "4.9G", "4.8G"):
        assert number in shown
    assert "…" not in shown


def test_csv_names_its_units_and_gives_back_every_number(tmp_path: Path) -> None:
    found = handmade()
    path, _ = files.write(found, tmp_path / "new" / "folder")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found.evaluations)
    for row, e in zip(rows, found.evaluations, strict=True):
        assert int(row["cost_multiply_adds_per_example"]) == e.cost.macs
        assert int(row["params"]) == e.cost.params
        assert float(row["train_macs_estimate"]) == e.train_macs
        assert float(row["accuracy_val_fraction"]) == e.scores.accuracy
        assert float(row["nll_val_nats"]) == e.scores.nll
        assert (int(row["size"]), int(row["depth"]), float(row["width"])) == (
            e.size,
            e.architecture.depth,
            e.architecture.width,
        )
        assert (row["split"], row["trained"], row["subsets"]) == ("val", str(e.trained), "1")


def strict_json(path: Path) -> dict[str, object]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    loaded: dict[str, object] = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    return loaded


def test_summary_is_strict_json_that_names_its_unit(tmp_path: Path) -> None:
    _, path = files.write(handmade(), tmp_path)
    summary = strict_json(path)
    assert summary["schema"] == 1
    assert summary["unit"] == "multiply-adds of one forward pass of all members, per example"
    assert summary["crossover"] == {
        "status": "crossed",
        "budget_multiply_adds": 2.5e9,
        "low_multiply_adds": 1.5e9,
        "low_beyond_budgets": None,
        "high_multiply_adds": None,
        "high_beyond_budgets": "above",
        "sentence": SENTENCE,
    }
    rows = summary["rows"]
    assert isinstance(rows, list)
    assert rows[1]["advantage_fraction"] is None
    assert rows[1]["matched"] is False
    assert rows[2]["ensemble"]["size"] == 4
    assert rows[2]["advantage_low"] == 0.005


@pytest.mark.parametrize(
    ("low", "high", "beyond"),
    [
        (0.0, 0.0, ("below", "below")),
        (0.0, math.inf, ("below", "above")),
        (math.inf, math.inf, ("above", "above")),
        (None, None, (None, None)),
    ],
)
def test_every_open_interval_is_strict_json(
    tmp_path: Path, low: float | None, high: float | None, beyond: tuple[str | None, str | None]
) -> None:
    """`singles always` has both ends above all budgets: inf, which JSON does not know."""
    found = handmade()
    crossover = dataclasses.replace(found.fronts.crossover, budget=None, low=low, high=high)
    fronts = dataclasses.replace(found.fronts, crossover=crossover)
    _, path = files.write(dataclasses.replace(found, fronts=fronts), tmp_path)
    written = strict_json(path)["crossover"]
    assert isinstance(written, dict)
    assert (written["low_multiply_adds"], written["high_multiply_adds"]) == (None, None)
    assert (written["low_beyond_budgets"], written["high_beyond_budgets"]) == beyond


def test_a_path_with_dollar_signs_is_no_formula(tmp_path: Path) -> None:
    found = handmade(dataset="npz:/data/$x_{$y.npz", study="a$b_{")
    figure.draw_png(figure_data.compute(found), tmp_path / "t.png")
    assert (tmp_path / "t.png").is_file()


def test_costs_in_files_are_multiply_adds_whatever_the_tables_count(tmp_path: Path) -> None:
    one = files.write(handmade(), tmp_path / "one")[0].read_bytes()
    assert files.write(handmade(flops_per_mac=2), tmp_path / "two")[0].read_bytes() == one


def test_a_full_disk_leaves_the_old_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = files.write(handmade(), tmp_path)
    before = path.read_bytes()

    def full(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match=r"cannot write .*No space left"):
        files.write(surrogate((16,), 2, 100), tmp_path)
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"evaluations.csv", "summary.json"}


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        files.write(handmade(), tmp_path / "report")


def test_tradeoff_holds_what_the_figure_shows() -> None:
    drawn = figure_data.compute(handmade())
    assert drawn.title == text.headline(handmade())
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
    assert [(gap.budget, gap.points) for gap in drawn.gaps] == [(1.25e9, -2.0), (5e9, 2.0)]
    assert {(n.dot.label, n.above) for n in drawn.named} == {
        ("28-10", False),
        ("4 × 10-2", True),
        ("10-2", True),
        ("2 × 10-1.25", False),
    }


def test_of_many_corners_four_are_named_and_the_cheapest_is_not() -> None:
    crossover = Crossover(status="not identifiable", budget=None, low=None, high=None, sentence="")
    found = [evaluation(1, 10, 1.0 + i, 10**7 * (i + 1), 0.5 + i / 100) for i in range(9)]
    named = figure_data.compute(results(Fronts(rows=(), crossover=crossover), found)).named
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


def test_an_interval_beyond_the_budgets_ends_at_the_axis() -> None:
    drawn = figure_data.compute(handmade())
    assert drawn.crossing == (2.5e9, 1.5e9, drawn.x_range[1])
    assert figure_data.compute(handmade(high=3e9)).crossing == (2.5e9, 1.5e9, 3e9)


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
    crossover = Crossover(status="not identifiable", budget=None, low=None, high=None, sentence="")
    shown = figure_data.compute(results(Fronts(rows=(), crossover=crossover), found))
    for steps, singles in ((shown.single_front, True), (shown.ensemble_front, False)):
        for cost, accuracy in zip(steps.costs[:-1], steps.accuracies[:-1], strict=True):
            best = best_within(found, cost, singles)
            assert best is not None
            assert 100 * best.scores.accuracy == accuracy
        assert list(steps.accuracies) == sorted(steps.accuracies)


@pytest.fixture(scope="module")
def worlds_to_draw() -> dict[str, Results]:
    single = evaluation(1, 10, 1.0, 10**9, 0.5)
    crossover = Crossover(status="not identifiable", budget=None, low=None, high=None, sentence="")
    return {
        "crossed": surrogate((10, 16, 28), 12, 20_000, gain=0.7),
        "unclear": surrogate((10, 16), 8, 300, gain=0.4),
        "few": surrogate((16,), 2, 1_000),
        "many": surrogate((10, 14, 16, 20, 22, 28, 34, 40), 12, 1_000),
        "one": results(Fronts(rows=(), crossover=crossover), [single]),
    }


@pytest.mark.parametrize("name", ["crossed", "unclear", "few", "many", "one"])
def test_png_is_1200_by_800(name: str, worlds_to_draw: dict[str, Results], tmp_path: Path) -> None:
    drawn = figure_data.compute(worlds_to_draw[name])
    content = figure.draw_png(drawn, tmp_path / "f.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1200, 800)


def test_the_worlds_that_are_drawn_are_what_they_are_called(
    worlds_to_draw: dict[str, Results],
) -> None:
    statuses = {name: w.fronts.crossover.status for name, w in worlds_to_draw.items()}
    assert statuses["crossed"] == "crossed"
    assert statuses["unclear"] == "not identifiable"
    assert len(worlds_to_draw["many"].evaluations) > 300


# A store with two members of 10-1 and one of 10-2 on six images.
LABELS = np.array([0, 0, 1, 1, 2, 2], dtype=np.int64)
NAME = "digits-wide_resnet-10M"


def member(width: float, seed: int) -> Member:
    shape = Architecture(family="wide_resnet", width=width, depth=10, resolution=8)
    return Member(architecture=shape, schedule=SCHEDULE, dataset="0" * 16, seed=seed)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """As the search leaves it: evaluations of sizes 1 and 2 of 10-1 and of size 1 of 10-2."""
    opened = Store.open(f"sqlite:///{tmp_path / 'ensearch.db'}", create=True)
    now = datetime.now(UTC)
    config: dict[str, object] = {
        "name": NAME,
        "budget": 1e7,
        "flops_per_mac": 1,
        "dataset": "digits",
        "limit_train": None,
        "space": {"name": "wide_resnet", "family": "wide_resnet", "members": [1, 2, 4]},
        "schedule": {"epochs": 10, "flip": True, "crop": 4},
        "seed": 3,
        "rule": "arithmetic",
        "sampler": "tpe",
        "images": {"train": 100, "val": 6, "test": 10},
        "budgets": [1e7, 5e6],
        "classes": 3,
    }
    opened.add_study(StudyRecord(name=NAME, config=config, environment={}, created=now))
    opened.set_note(NAME, "val_labels", LABELS.tolist())
    rng = np.random.default_rng(0)
    for width, macs, seeds in ((1.0, 5_000_000, (0, 1)), (2.0, 10_000_000, (0,))):
        members, outputs = [member(width, seed) for seed in seeds], []
        for one in members:
            logits = rng.normal(size=(6, 3)).astype(np.float16)
            outputs.append(averaging.probs_of(logits))
            record = MemberRecord(
                member=one,
                cost=Cost(macs=macs, params=10),
                train_macs=100.0,
                state="trained",
                reason=None,
                detail=None,
                seconds=2.0,
                losses=(1.0,),
                device="cpu",
                trained_by=NAME if one.seed == 0 else "another",
                created=now,
            )
            opened.add_trained(
                record, (Predictions(member=one.key, split="val", logits=logits),), None
            )
        rows, found = [], []
        for size in range(1, len(members) + 1):
            shape = members[0].architecture
            network = network_key(shape, members[0].schedule)
            scores, outcomes = averaging.evaluate(
                np.stack(outputs), LABELS, size, seed=derive(3, "subsets", network, size)
            )
            found.append(outcomes)
            rows.append(
                Evaluation(
                    architecture=shape,
                    schedule=members[0].schedule,
                    size=size,
                    trained=len(members),
                    subsets=len(outcomes.subsets),
                    split="val",
                    cost=Cost(macs=macs * size, params=10 * size),
                    train_macs=100.0 * size,
                    scores=scores,
                )
            )
        opened.save_evaluations(NAME, rows, [m.key for m in members], found)
    for number, (width, size, reason) in enumerate(((1.0, 2, None), (4.0, 1, "diverged"))):
        one_of = member(width, 0)
        opened.save_trial(
            NAME,
            TrialRecord(
                number=number + 1,
                state="failed" if reason else "done",
                network=network_key(one_of.architecture, one_of.schedule),
                size=size,
                reason=reason,
                overhead_seconds=0.1,
                members=(),
            ),
        )
    return opened


def test_collect_reads_a_study_and_judges_it_from_stored_predictions(store: Store) -> None:
    found = collect(store, NAME)
    assert [row.budget for row in found.fronts.rows] == [5e6, 1e7]
    top = found.fronts.rows[1]
    assert top.single is not None
    assert top.ensemble is not None
    assert (top.matched, top.ensemble.size) == (True, 2)
    assert top.low is not None
    assert found.conditions.schedule == SCHEDULE
    assert (found.trials_done, found.trials_failed, found.failures) == (1, 1, {"diverged": 1})
    assert (found.members, found.train_macs, found.train_seconds) == (3, 300.0, 6.0)
    assert found.notes == ("1 of the 3 members were trained by other studies.",)


def forget_outcomes(store: Store) -> None:
    """As in a storage that was made before they were kept."""
    evaluations = store.evaluations(NAME)
    for network, keys in store.evaluation_members(NAME).items():
        store.save_evaluations(NAME, [e for e in evaluations if e.network == network], keys)


def test_outcomes_that_were_kept_say_what_the_predictions_say(store: Store) -> None:
    kept = collect(store, NAME)
    forget_outcomes(store)
    again = collect(store, NAME)
    assert (kept.fronts, kept.seed_errors) == (again.fronts, again.seed_errors)
    assert kept.fronts.rows[1].low is not None


def test_collect_needs_no_predictions_where_outcomes_were_kept(store: Store) -> None:
    before = collect(store, NAME)
    for path in store.files.rglob("*.npz"):
        path.unlink()
    assert collect(store, NAME).fronts == before.fronts


def test_collect_goes_on_without_a_band_when_predictions_are_missing(store: Store) -> None:
    forget_outcomes(store)
    missing = next(store.files.rglob("*.npz"))
    missing.unlink()
    found = collect(store, NAME)
    assert all(row.low is None for row in found.fronts.rows)
    assert found.fronts.crossover.status == "not identifiable"
    assert missing.name in found.notes[0]


def test_collect_goes_on_without_a_band_when_labels_are_missing(store: Store) -> None:
    store.set_note(NAME, "val_labels", None)
    found = collect(store, NAME)
    assert all(row.low is None for row in found.fronts.rows)
    assert "labels" in found.notes[0]


def test_collect_refuses_a_study_of_another_version(store: Store) -> None:
    old = replace(store.study(NAME), name="old", config={"dataset": "digits"})
    store.add_study(old)
    with pytest.raises(StorageError, match=r"'old' cannot be read .* another version"):
        collect(store, "old")


def test_collect_says_what_to_do_about_a_study_without_results(store: Store) -> None:
    store.add_study(replace(store.study(NAME), name="empty"))
    with pytest.raises(StorageError, match="`ensearch resume empty`"):
        collect(store, "empty")
    with pytest.raises(StorageError, match="Did you mean 'empty'"):
        collect(store, "emty")


def test_reports_import_neither_torch_nor_optuna() -> None:
    code = (
        "import sys, ensearch.report.collect, ensearch.report.table, ensearch.report.files, "
        "ensearch.report.figure; print({'torch', 'optuna'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("difference", "half", "says"),
    [
        (
            0.02,
            0.01,
            "within 4M beat ensembles of one network: +2.00 points [+1.00, +3.00] (halves",
        ),
        (0.02, 0.03, "cannot be told from ensembles of one network: +2.00 points [-1.00, +5.00]"),
        (-0.02, 0.01, "lose to ensembles of one network: -2.00"),
        (0.0, 0.0, "the best ensemble is of one network: mixing gains nothing"),
        (None, 0.0, "were not compared: `ensearch front` does it"),
    ],
)
def test_a_report_says_whether_mixing_gains(
    difference: float | None, half: float, says: str
) -> None:
    lead = (
        None
        if difference is None
        else Lead(difference=difference, low=difference - half, high=difference + half)
    )
    found = Diversity(split="val", members=9, networks=5, copies=2, budget=4e6, lead=lead)
    whole = replace(handmade(), diversity=found)
    assert says in " ".join(text.further(whole))
    assert "9 members of 5 networks (at most 2 of one)" in " ".join(text.further(whole))
    table = files.summary(whole)["mixed_minus_same_architecture"]
    assert table["difference_fraction"] == difference
    assert files.summary(handmade())["mixed_minus_same_architecture"] is None
    if lead and half:
        tested = replace(handmade(), diversity=replace(found, split="test"))
        assert "(val chooses, test scores)" in " ".join(text.further(tested))


def test_a_correction_is_said_beside_the_advantage_and_in_the_figure() -> None:
    plain = handmade()
    assert "corrected by" not in " ".join(text.conditions(plain))
    assert not figure_data.compute(plain).corrected
    corrected = replace(plain, fronts=replace(plain.fronts, correction=-0.0405))
    assert (
        "95 % band, corrected by +4.05 points by which choosing flatters single networks more, so "
        "that it differs from that of the columns."
    ) in " ".join(text.conditions(corrected))
    assert figure_data.compute(corrected).corrected


def test_a_single_matched_budget_is_no_range() -> None:
    whole = handmade()
    rows = (replace(whole.fronts.rows[0], high=0.01), replace(whole.fronts.rows[2], matched=False))
    crossover = replace(whole.fronts.crossover, status="not identifiable", budget=None)
    one = replace(whole, fronts=replace(whole.fronts, rows=rows, crossover=crossover))
    assert text.headline(one) == "No clear winner at 1.25G FLOPs"
