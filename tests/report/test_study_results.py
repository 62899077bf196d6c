"""Collecting the results of a study from a storage."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete

from ensearch.core import Architecture, Cost, Evaluation, Member, Predictions, network_key
from ensearch.ensembles import averaging
from ensearch.errors import StorageError
from ensearch.fronts import Difference
from ensearch.pool.diversity import Diversity
from ensearch.report.study import files, text
from ensearch.report.study.results import collect
from ensearch.seeds import derive
from ensearch.store import (
    LatencyRecord,
    MemberRecord,
    Setup,
    Store,
    StudyRecord,
    TrialRecord,
    tables,
)
from tests.worlds import SCHEDULE, handmade

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
    opened.begin_study(NAME, ladder={}, remarks=(), val=LABELS)
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
                study=NAME if one.seed == 0 else "another",
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
    assert found.fronts.zone.status == "undecided"
    assert missing.name in found.notes[0]


def test_collect_goes_on_without_a_band_when_labels_are_missing(store: Store) -> None:
    with store._write() as connection:
        connection.execute(delete(tables.study_labels))
    found = collect(store, NAME)
    assert all(row.low is None for row in found.fronts.rows)
    assert "labels" in found.notes[0]


TORCH = Setup(device="a CPU", runtime="torch", threads=1, versions="torch 2")
SIZES = ((1.0, 1), (1.0, 2), (2.0, 1))  # widths and sizes of what the study evaluated


def keep_times(
    store: Store, *times: float | None, setup: Setup = TORCH, batch: int = 64, minute: int = 0
) -> None:
    """Keep milliseconds of SIZES; None for what was not measured."""
    records = [
        LatencyRecord(
            architecture=member(width, 0).architecture.key,
            macs=int(5_000_000 * width),
            size=size,
            batch=batch,
            setup=setup,
            ms=ms,
            ms_p95=ms,
            low=ms,
            high=1.04 * ms,
            runs=5,
            measured=datetime(2026, 1, 2, 3, minute, tzinfo=UTC),
        )
        for (width, size), ms in zip(SIZES, times, strict=True)
        if ms is not None
    ]
    store.save_latencies(records)


def test_collect_over_milliseconds(store: Store) -> None:
    keep_times(store, 0.2, 0.41, 0.4)
    found = collect(store, NAME, x="ms@64")
    prices = {(e.architecture.width, e.size): e.price for e in found.evaluations}
    assert prices == dict(zip(SIZES, (0.2, 0.41, 0.4), strict=True))
    assert (found.conditions.axis.name, found.conditions.budgets) == ("ms@64", (0.2, 0.41))
    top = found.fronts.rows[-1]
    assert top.matched
    assert top.ensemble is not None
    assert (top.ensemble.size, top.ensemble.price) == (2, 0.41)
    (flops,) = found.beside
    assert flops.fronts == collect(store, NAME).fronts
    assert [other.conditions.axis.name for other in collect(store, NAME).beside] == ["ms@64"]
    assert found.folder is not None
    assert found.folder.name == "ms@64"
    assert "rounds that are 4% apart" in " ".join(found.notes)


def test_times_that_were_not_measured_are_marked_or_left_out(store: Store) -> None:
    keep_times(store, 0.2, None, None)
    found = collect(store, NAME, x="ms@64")
    assert [(e.size, e.price) for e in found.evaluations] == [(1, 0.2), (2, 0.4)]
    assert text.price(found.evaluations[1], found.conditions) == "≈0.4"
    notes = " ".join(found.notes)
    assert "≈ marks the time of a size that was not measured" in notes
    assert "1 of 3 configurations are left out" in notes
    rows = csv.reader(io.StringIO(files.csv_of(collect(store, NAME))))
    ends = [row[-2:] for row in rows]
    assert ends[0] == ["ms_per_image_in_batches_of_64", "ms_per_image_in_batches_of_64_measured"]
    assert sorted(ends[1:4]) == [["", ""], ["0.2", "yes"], ["0.4", "no, by its sizes"]]


def test_the_latest_times_count_unless_a_runtime_is_named(store: Store) -> None:
    keep_times(store, 0.2, 0.4, 0.4)
    onnx = replace(TORCH, runtime="onnx", versions="onnxruntime 1")
    keep_times(store, 0.1, 0.2, 0.2, setup=onnx, minute=1)
    keep_times(store, 1.0, 2.0, 2.0, setup=onnx, minute=1, batch=1)
    latest = collect(store, NAME, x="ms@64")
    assert latest.evaluations[0].price == 0.1
    assert "others were measured on a CPU, one thread, torch 2" in " ".join(latest.notes)
    assert collect(store, NAME, x="ms@64:torch").evaluations[0].price == 0.2
    beside = collect(store, NAME).beside
    assert [other.conditions.axis.name for other in beside] == ["ms@1:onnx", "ms@64:onnx"]
    for x, says in (("ms@1:torch", "one image at a time by torch"), ("ms@2", "in batches of 2")):
        with pytest.raises(StorageError, match=f"was not measured {says}; there is ms@1:onnx"):
            collect(store, NAME, x=x)


def test_collect_refuses_a_study_of_another_version(store: Store) -> None:
    old = replace(store.study(NAME), name="old", config={"dataset": "digits"})
    store.add_study(old)
    with pytest.raises(StorageError, match=r"'old' cannot be read .* another version"):
        collect(store, "old")


def test_collect_says_what_to_do_about_a_study_without_results(store: Store) -> None:
    store.add_study(replace(store.study(NAME), name="empty"))
    with pytest.raises(StorageError, match="no finished evaluation to report"):
        collect(store, "empty")
    with pytest.raises(StorageError, match="Did you mean 'empty'"):
        collect(store, "emty")


@pytest.mark.parametrize(
    ("difference", "half", "says"),
    [
        (
            0.02,
            0.01,
            "within 4M are better than ensembles of one architecture: +2.00 [+1.00, +3.00] points. "
            "One half of val",
        ),
        (
            0.02,
            0.03,
            "cannot be told from ensembles of one architecture: +2.00 [-1.00, +5.00] points",
        ),
        (-0.02, 0.01, "are worse than ensembles of one architecture: -2.00"),
        (0.0, 0.0, "the best ensemble has one architecture: mixing gains nothing"),
        (None, 0.0, "were not compared; a search of the pool compares them"),
    ],
)
def test_a_report_says_whether_mixing_gains(
    difference: float | None, half: float, says: str
) -> None:
    lead = (
        None
        if difference is None
        else Difference(value=difference, low=difference - half, high=difference + half)
    )
    found = Diversity(split="val", members=9, networks=5, copies=2, budget=4e6, lead=lead)
    whole = replace(handmade(), diversity=found)
    assert says in " ".join(text.further(whole))
    assert "9 members of 5 networks (at most 2 of one network)" in " ".join(text.further(whole))
    table = files.summary(whole)["mixed_minus_same_architecture"]
    assert table["difference_fraction"] == difference
    assert files.summary(handmade())["mixed_minus_same_architecture"] is None
    if lead and half:
        tested = replace(handmade(), diversity=replace(found, split="test"))
        assert "They were selected on val and scored on test" in " ".join(text.further(tested))
