"""Checkpoints: a member that is killed goes on where it was and becomes the same bits."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ensearch import families
from ensearch.launch import MemberJob, Progress, Trained
from ensearch.schedule import OPTIMIZERS
from ensearch.store import files
from ensearch.training import checkpoint, loop
from ensearch.training.state import tensors
from tests.members import SHORT, assert_same_bits, changed, cuda, outcome_of, trained


class Killed(BaseException):
    """Stands for SIGKILL: nothing in training catches it."""


def killed_after(epochs: int, job: MemberJob) -> None:
    def count(progress: Progress) -> None:
        if progress.epoch > epochs:
            raise Killed

    with pytest.raises(Killed):
        outcome_of(job, count)


@pytest.fixture
def checkpointed(job: MemberJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemberJob:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    rich = replace(SHORT, epochs=4, flip=True, cutout=2)
    return replace(changed(job, schedule=rich), checkpoint=tmp_path / "new" / "member.safetensors")


def by(optimizer: str, job: MemberJob) -> MemberJob:
    return changed(job, schedule=job.member.schedule.changed(optimizer=optimizer))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_resumed_member_equals_an_uninterrupted_one(
    checkpointed: MemberJob, epochs: int, optimizer: str
) -> None:
    checkpointed = by(optimizer, checkpointed)
    whole = trained(replace(checkpointed, checkpoint=None))
    killed_after(epochs, checkpointed)
    seen: list[Progress] = []
    outcome = outcome_of(checkpointed, seen.append)
    assert isinstance(outcome, Trained)
    assert [p.epoch for p in seen] == list(range(epochs + 1, 5))
    assert_same_bits(outcome, whole)


def test_dropout_meets_the_same_numbers_after_a_resume(
    checkpointed: MemberJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        families, "build", lambda *_: nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 10))
    )
    whole = trained(replace(checkpointed, checkpoint=None))
    killed_after(2, checkpointed)
    assert_same_bits(trained(checkpointed), whole)


def test_a_finished_member_keeps_its_checkpoint_until_it_is_discarded(
    checkpointed: MemberJob,
) -> None:
    path = checkpointed.checkpoint
    assert path is not None
    first = trained(checkpointed)
    assert path.exists()
    seen: list[Progress] = []
    again = outcome_of(checkpointed, seen.append)
    assert seen == []  # nothing is trained twice if the driver died before it recorded the member
    assert isinstance(again, Trained)
    assert_same_bits(first, again)
    (path.parent / f".{path.name}.123.tmp").write_bytes(b"half")
    files.discard_checkpoint(path)
    files.discard_checkpoint(path)
    assert list(path.parent.iterdir()) == []


def test_a_damaged_checkpoint_is_deleted_and_training_starts_again(
    checkpointed: MemberJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training reads it by `resume` alone, which leaves a fresh state as it was."""
    path = checkpointed.checkpoint
    assert path is not None
    whole = trained(replace(checkpointed, checkpoint=None))
    killed_after(2, checkpointed)
    good, member = path.read_bytes(), checkpointed.member
    images = loop.images_of(checkpointed)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", math.inf)

    def resumed() -> bool:
        """Whether a fresh state is another one afterwards, in any bit."""
        state, fresh = (loop.fresh(member, images, "cpu") for _ in range(2))
        checkpoint.resume(path, member.key, state)
        pairs = zip(tensors(state).items(), tensors(fresh).items(), strict=True)
        same = all(a == b and torch.equal(one, other) for (a, one), (b, other) in pairs)
        return not same or bool(state.losses or state.seconds or state.strategies)

    assert resumed()
    for bad in (
        b"",
        b"nonsense",
        good[:-1],
        good[: len(good) // 2],
        good.replace(b"losses", b"lo", 1),
        good[:-100] + bytes([good[-100] ^ 1]) + good[-99:],  # a bit of a tensor
        good[:-32],  # of an earlier version
    ):
        path.write_bytes(bad)
        assert not resumed()
        assert not path.exists()
    path.write_bytes(bad)
    seen: list[Progress] = []
    outcome = outcome_of(checkpointed, seen.append)
    assert isinstance(outcome, Trained)
    assert len(seen) == 4
    assert_same_bits(outcome, whole)
    assert not path.exists()


def test_a_checkpoint_of_another_member_is_left_alone_and_not_used(
    checkpointed: MemberJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after(2, checkpointed)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", math.inf)
    other = changed(checkpointed, seed=7)
    assert_same_bits(trained(other), trained(replace(other, checkpoint=None)))
    assert checkpointed.checkpoint is not None
    assert checkpointed.checkpoint.exists()


def test_short_members_write_no_checkpoint(job: MemberJob, tmp_path: Path) -> None:
    trained(replace(job, checkpoint=tmp_path / "member.safetensors"))
    assert list(tmp_path.iterdir()) == []


@cuda
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_on_cuda_a_resumed_member_equals_an_uninterrupted_one(
    checkpointed: MemberJob, optimizer: str
) -> None:
    on_gpu = replace(by(optimizer, checkpointed), device="cuda")
    whole = trained(replace(on_gpu, checkpoint=None))
    killed_after(2, on_gpu)
    assert_same_bits(trained(on_gpu), whole)
