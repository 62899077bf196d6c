"""The benchmark against a search by hand: its arithmetic, and that both sides can be read back."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ensearch import cost
from ensearch.core import Architecture
from ensearch.store import Store
from ensearch.study import search, study
from ensearch.study.options import Limits
from ensearch.study.placement import Placement
from scripts.benchmarks.search import by_hand, curves, sides
from scripts.benchmarks.search.sides import Seen, Task
from tests.closed_form import train, write_dataset

SPACE = {
    "name": "tiny",
    "family": "wide_resnet",
    "members": [1, 2, 4],
    "depth": [10],
    "width": {"low": 0.25, "high": 1.0, "step": 0.25},
    "rungs": 6,
}
SCALE = curves.Scale(low=1e6, budget=1e8, chance=0.1)


def seen(seconds: float, macs: float, accuracy: float, name: str = "") -> Seen:
    return Seen(
        seconds=seconds,
        name=name or str(macs),
        macs=int(macs),
        accuracy=accuracy,
        size=1,
        members=("a",),
    )


def test_hypervolume_is_the_mean_height_over_chance() -> None:
    """Nothing for the first decade, then 50 points over chance for the second."""
    assert SCALE.points([1e7], [0.6]) == pytest.approx(25)
    assert SCALE.points([1e6, 1e7], [0.6, 0.8]) == pytest.approx((50 + 70) / 2)
    assert SCALE.points([], []) == 0


def test_a_later_accuracy_of_the_same_name_replaces_the_earlier_one() -> None:
    lucky, sober = seen(1, 1e6, 0.6, "one"), seen(5, 1e6, 0.4, "one")
    times, heights = zip(*curves.curve(SCALE, [lucky, sober]), strict=True)
    assert times == (1, 5)
    assert heights == pytest.approx((50, 30))


def test_a_level_counts_as_passed_from_when_it_is_held() -> None:
    rows = [seen(1, 1e6, 0.6, "one"), seen(5, 1e6, 0.4, "one"), seen(7, 1e6, 0.7, "two")]
    assert curves.passes(SCALE, rows, 25) == 1
    assert curves.passes(SCALE, rows, 45) == 7
    assert curves.passes(SCALE, rows, 65) is None


def test_the_front_is_better_than_all_that_is_cheaper() -> None:
    rows = [seen(1, 2e6, 0.5), seen(1, 4e6, 0.5), seen(2, 8e6, 0.6), seen(9, 1e6, 0.7)]
    assert [row.macs for row in curves.front(rows, 5)] == [2e6, 8e6]


def test_on_test_the_pick_of_val_counts_even_where_it_falls() -> None:
    picks = [(10**6, 0.5, 0.6, "a"), (10**7, 0.6, 0.4, "b")]
    assert curves.on_test(SCALE, picks) == pytest.approx((50 + 30) / 2)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only lose by more, and much where other tests run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(
        settings={
            "dataset": "digits",
            "budget": "2e5",
            "epochs": 1,
            "limit_train": 150,
            "schedule": {},
        },
        seed=3,
        folder=tmp_path,
        data_dir=tmp_path,
        seconds=60,
    )


def test_the_script_by_hand_searches_within_the_budget(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*sides._by_hand(task, 0)[1:], "--trials", "4"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.chdir(task.folder)
    started = time.time()
    by_hand.main()
    whole = sides.seen_by_hand(task, started, parts=False)
    parts = sides.seen_by_hand(task, started, parts=True)
    assert whole
    assert all(0 < row.seconds < 60 and 0 < row.macs <= 2e5 for row in whole)
    assert {row.name for row in whole} <= {row.name for row in parts}
    assert len(parts) == sum(row.size for row in whole)
    assert all(0 <= test <= 1 for test in sides.test_by_hand(task, parts))


def test_the_script_by_hand_counts_as_ensearch_does_but_for_norms(tmp_path: Path) -> None:
    pixels, labels = np.zeros((10, 32, 32, 3), np.uint8), np.arange(10)
    pixels[::2] = 255
    path = tmp_path / "pictures.npz"
    np.savez(path, x_train=pixels, y_train=labels, x_val=pixels, y_val=labels)
    options = argparse.Namespace(data=path, crop=0, flip=False, batch_size=2, num_workers=0)
    data = by_hand.Data(options)
    shape = Architecture(family="wide_resnet", width=1, depth=16, resolution=32)
    ours = cost.count(shape, 3, 10).macs
    assert ours < by_hand.count(16, 16, data) < 1.03 * ours


def test_what_ensearch_saw_is_read_back_from_its_storage(task: Task) -> None:
    """Per trial as it was then; the last of every name is what the storage holds."""
    spec = write_dataset(task.folder / "two.npz", images=1000)
    task.settings.update(dataset=spec, budget="1e6", limit_train=None, space=SPACE)
    where = Placement(device="cpu", workers=1, launcher="inline")
    started = time.time()
    with Store.open(f"sqlite:///{task.folder / 'ensearch.db'}", create=True) as store:
        opened = study.open_study(task.config(), store, task.data_dir, "a CPU")
        search.run(opened, store, Limits(trials=12), where, train=train)
        stored = {row.key: row for row in store.evaluations(sides.STUDY)}
    rows = sides.seen_by_ensearch(task, started)
    assert all(0 < row.seconds < 60 for row in rows)
    assert rows == sorted(rows, key=lambda row: row.seconds)
    last = {row.name: row for row in rows}
    assert last.keys() == stored.keys()
    for name, row in last.items():
        assert row.accuracy == pytest.approx(stored[name].scores.accuracy)
        assert row.macs == stored[name].cost.macs
        assert row.size == stored[name].size
