"""Images that are mapped or streamed train the same members, bit for bit, as those in memory."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ensearch import datasets, training
from ensearch.core import Architecture, Member, Schedule
from ensearch.datasets import Dataset, Source, Stored
from ensearch.launch import Failed, Measured, MemberJob, Trained, Update
from ensearch.training import data, loop, prefetch
from ensearch.training.lockstep import Lockstep
from ensearch.training.prefetch import OnHost
from ensearch.training.strategy import Strategy
from tests.folders import source, write_tree

SMALL = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=16)
SHORT = Schedule(epochs=2, batch_size=8, peak_lr=0.1, crop=2, flip=True, cutout=3, crop_scale=0.5)
CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Source:
    """24 training pictures and 12 of val."""
    return source(write_tree(tmp_path / "pets", train=18), suffix="@16")


@pytest.fixture(autouse=True)
def nothing_cached() -> Iterator[None]:
    data.load.cache_clear()
    yield
    data.load.cache_clear()


def jobs(of: Source, members: int = 1) -> tuple[MemberJob, ...]:
    fingerprint = datasets.load(of).fingerprint
    return tuple(
        MemberJob(
            member=Member(architecture=SMALL, schedule=SHORT, dataset=fingerprint, seed=seed),
            source=of,
            device="cpu",
            keep_weights=True,
            checkpoint=None,
            splits=("val", "test"),
        )
        for seed in range(members)
    )


def updates_of(tasks: tuple[MemberJob, ...]) -> list[Update]:
    data.load.cache_clear()
    updates: list[Update] = []
    training.train_members(tasks, updates.append)
    assert not [update for update in updates if isinstance(update, Failed)]
    return updates


def trained(tasks: tuple[MemberJob, ...]) -> Trained:
    (found,) = (update for update in updates_of(tasks) if isinstance(update, Trained))
    return found


def assert_same_bits(one: Trained, other: Trained) -> None:
    assert one.losses == other.losses
    assert one.weights == other.weights
    for mine, theirs in zip(one.predictions, other.predictions, strict=True):
        assert mine.split == theirs.split
        np.testing.assert_array_equal(mine.logits, theirs.logits)


def in_memory(patch: pytest.MonkeyPatch) -> None:
    """Every dataset as arrays, as if it had never been in a file."""
    real = datasets.load

    def load(of: Source) -> Dataset:
        found = real(of)
        x_train, x_val, x_test = map(np.asarray, (found.x_train, found.x_val, found.x_test))
        return replace(found, x_train=x_train, x_val=x_val, x_test=x_test)

    patch.setattr(datasets, "load", load)


def streamed(patch: pytest.MonkeyPatch) -> None:
    """A device on which no image fits."""
    patch.setattr(data, "room", lambda device: 0)


def test_mapped_streamed_and_resident_images_give_the_same_member(
    folder: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = jobs(folder)
    mapped = trained(tasks)
    with monkeypatch.context() as patch:
        streamed(patch)
        assert_same_bits(mapped, trained(tasks))
    with monkeypatch.context() as patch:
        in_memory(patch)
        assert_same_bits(mapped, trained(tasks))
        streamed(patch)
        assert_same_bits(mapped, trained(tasks))


def test_places_are_what_the_names_say(folder: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    found = datasets.load(folder)
    assert isinstance(found.x_train, Stored)
    mapped = data.load(folder, found.fingerprint, "cpu")
    assert (mapped.count, len(mapped.x_train), mapped.streamed) == (24, 42, False)
    file = found.x_train.pixels
    # Another mapping of the same file, and not a copy of it.
    assert not np.shares_memory(mapped.x_train.numpy(), file)
    np.testing.assert_array_equal(mapped.x_train.numpy(), file)
    with monkeypatch.context() as patch:
        in_memory(patch)
        data.load.cache_clear()
        resident = data.load(folder, found.fingerprint, "cpu")
    assert (resident.count, len(resident.x_train), resident.rows) == (24, 24, None)
    assert mapped.rows is not None
    torch.testing.assert_close(mapped.x_train[mapped.rows], resident.x_train)
    torch.testing.assert_close(mapped.y_train[mapped.rows], resident.y_train)
    with monkeypatch.context() as patch:
        streamed(patch)
        data.load.cache_clear()
        assert data.load(folder, found.fingerprint, "cpu").streamed


def test_digits_can_be_streamed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = jobs(Source(spec="digits", data_dir=Path("unused"), limit_train=100))
    tasks = (replace(job, member=replace(job.member, architecture=replace(SMALL, resolution=8))),)
    resident = trained(tasks)
    streamed(monkeypatch)
    assert_same_bits(resident, trained(tasks))


def test_members_of_streamed_images_train_one_after_another(
    folder: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed(monkeypatch)
    updates = updates_of(jobs(folder, 2))
    assert not [update for update in updates if isinstance(update, Measured)]
    assert sum(isinstance(update, Trained) for update in updates) == 2


def test_members_in_lockstep_read_the_rows_that_train(
    folder: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [job.member for job in jobs(folder, 2)]
    strategy = Strategy(kind="fused", chunk=2, graph=False)

    def losses() -> list[float]:
        data.load.cache_clear()
        images = data.load(folder, members[0].dataset, "cpu")
        states = [loop.fresh(member, images, "cpu") for member in members]
        return Lockstep(strategy, states, members, images).run(states, members, 0)

    mapped = losses()
    in_memory(monkeypatch)
    assert losses() == mapped


def numbered(count: int) -> OnHost:
    """Images of 2 x 2 pixels that say which they are; every second one of twice as many."""
    pixels = torch.arange(2 * count, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 2, 2, 3)
    return OnHost(pixels=pixels.contiguous(), rows=torch.arange(0, 2 * count, 2))


@pytest.mark.parametrize("size", [1, 3, 4, 50, 100])
def test_batches_come_in_order_and_complete(size: int) -> None:
    images = numbered(50)
    found = list(prefetch.batches(images, size, CPU))
    assert [len(batch) for batch in found[:-1]] == [size] * (len(found) - 1)
    torch.testing.assert_close(torch.cat(found), images.pixels[images.rows])


def test_a_reader_that_stops_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    reader = prefetch.batches(numbered(50), 2, CPU)
    next(reader)
    assert threading.active_count() == before + 1
    del reader
    assert threading.active_count() == before


def test_only_a_few_batches_are_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[npt.NDArray[np.int64]] = []
    real = prefetch._fetch

    def count(*args: object) -> torch.Tensor:
        fetched.append(args[3].numpy())  # type: ignore[attr-defined]
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(prefetch, "_fetch", count)
    reader = prefetch.batches(numbered(50), 2, CPU)
    for taken in range(1, 5):
        next(reader)
        assert len(fetched) <= taken + prefetch.AHEAD
    reader.close()  # type: ignore[attr-defined]


def test_an_image_that_cannot_be_read_ends_training_with_its_error() -> None:
    images = OnHost(pixels=numbered(4).pixels, rows=torch.tensor([0, 1, 99]))
    with pytest.raises(IndexError):
        list(prefetch.batches(images, 1, CPU))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_cuda_streamed_images_give_the_same_bits_as_resident_ones(
    folder: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = tuple(replace(job, device="cuda") for job in jobs(folder))
    resident = trained(tasks)
    streamed(monkeypatch)
    assert_same_bits(resident, trained(tasks))
