"""Training whole members on scikit-learn's digits, and members that fail."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from safetensors.torch import load as from_bytes
from torch import nn

from ensearch import datasets, families
from ensearch.core import Schedule
from ensearch.datasets import Dataset
from ensearch.errors import UsageError
from ensearch.launch import Failed, MemberJob, Progress, Trained
from ensearch.training import data, loop
from ensearch.training.data import Images, normalise
from ensearch.training.device import is_out_of_memory, reproducible
from ensearch.training.state import State
from tests.members import (
    SHORT,
    SMALL,
    SOURCE,
    assert_same_bits,
    changed,
    cuda,
    failed,
    logits,
    outcome_of,
    trained,
)


def test_training_learns_digits(job: MemberJob, digits: Dataset) -> None:
    good = changed(
        replace(job, source=replace(SOURCE, limit_train=None)),
        architecture=replace(SMALL, width=1),
        schedule=replace(SHORT, epochs=4),
        dataset=datasets.load(replace(SOURCE, limit_train=None)).fingerprint,
    )
    outcome = trained(good)
    assert logits(outcome).shape == (len(digits.y_val), 10)
    assert (logits(outcome).argmax(axis=1) == digits.y_val).mean() > 0.9
    assert outcome.losses[-1] < outcome.losses[0] / 2


def test_images_are_resized_to_what_the_network_reads(job: MemberJob, digits: Dataset) -> None:
    good = changed(
        replace(job, source=replace(SOURCE, limit_train=None)),
        architecture=replace(SMALL, width=1, resolution=12),
        schedule=replace(SHORT, epochs=6),
        dataset=datasets.load(replace(SOURCE, limit_train=None)).fingerprint,
    )
    assert (logits(trained(good)).argmax(axis=1) == digits.y_val).mean() > 0.85
    small = changed(job, architecture=replace(SMALL, resolution=12))
    assert_same_bits(trained(small), trained(small))
    assert not np.array_equal(logits(trained(small)), logits(trained(job)))


def test_resizing_is_that_of_pillow_and_keeps_what_is_flat() -> None:
    """Bilinear with the filter widened where the image becomes smaller: no pixel is left out."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    for side in (8, 20, 32, 64):
        read = sized_to(pictures, side)
        assert read.shape == (3, 3, side, side)
        for picture, mine in zip(pictures, read, strict=True):
            theirs = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR)
            np.testing.assert_allclose(mine.transpose(1, 2, 0), np.asarray(theirs), atol=1.01)
    flat = sized_to(np.full((1, 32, 32, 3), 77, dtype=np.uint8), 13)
    np.testing.assert_allclose(flat, 77, rtol=1e-5)


def sized_to(pictures: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float32]:
    channels = torch.zeros(pictures.shape[3])
    images = Images(
        x_train=torch.from_numpy(pictures),
        y_train=torch.zeros(len(pictures), dtype=torch.int64),
        to_predict={},
        mean=channels,
        std=channels + 1,
        classes=2,
        reads_at=side,
    )
    read = data.as_input(data.normalise(images.x_train, images), images)
    assert read.is_contiguous(memory_format=torch.channels_last)
    return read.numpy()


def test_only_val_is_predicted_and_progress_comes_after_every_epoch(job: MemberJob) -> None:
    seen: list[Progress] = []
    outcome = outcome_of(job, seen.append)
    assert isinstance(outcome, Trained)
    assert [predictions.split for predictions in outcome.predictions] == ["val"]
    assert [(p.key, p.epoch, p.epochs) for p in seen] == [
        (job.member.key, epoch, 3) for epoch in (1, 2, 3)
    ]
    assert tuple(p.loss for p in seen) == outcome.losses
    assert outcome.key == job.member.key
    assert outcome.seconds > 0


def test_the_same_member_has_the_same_bits_whatever_was_trained_before(job: MemberJob) -> None:
    first = trained(job)
    trained(changed(job, seed=5))
    torch.manual_seed(123)
    torch.rand(1000)
    assert_same_bits(first, trained(job))


def test_another_seed_gives_another_member(job: MemberJob) -> None:
    assert not np.array_equal(logits(trained(job)), logits(trained(changed(job, seed=1))))


def test_training_leaves_the_process_as_it_found_it(job: MemberJob) -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    flag = torch.backends.cudnn.deterministic
    trained(job)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.backends.cudnn.deterministic == flag


def test_members_train_on_one_thread_with_deterministic_kernels() -> None:
    with reproducible("cpu"):
        assert torch.get_num_threads() == 1
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.benchmark


def test_weights_are_kept_only_on_request_and_give_the_predictions(
    job: MemberJob, digits: Dataset
) -> None:
    outcome = trained(job)
    assert outcome.weights is not None
    model = families.build(SMALL, 1, 10)
    model.load_state_dict(from_bytes(outcome.weights))
    model.eval()
    x = (torch.from_numpy(digits.x_val).float() - torch.tensor(digits.mean)) / digits.std[0]
    with torch.no_grad():
        again = model(x.permute(0, 3, 1, 2).float())
    np.testing.assert_allclose(again.numpy(), logits(outcome), rtol=2e-3, atol=2e-3)
    assert trained(replace(job, keep_weights=False)).weights is None


def test_kept_weights_predict_more_splits_without_training(
    job: MemberJob, digits: Dataset, tmp_path: Path
) -> None:
    whole = trained(replace(job, splits=("val", "test")))
    weights = tmp_path / "weights.safetensors"
    assert whole.weights is not None
    weights.write_bytes(whole.weights)
    later = trained(replace(job, splits=("test",), weights=weights))
    assert (later.losses, later.weights) == ((), None)
    (test,) = later.predictions
    assert (test.split, test.logits.shape) == ("test", (len(digits.y_test), 10))
    np.testing.assert_array_equal(test.logits, whole.predictions[1].logits)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(whole.weights[:100])
    assert "Safetensor" in failed(replace(job, weights=damaged)).detail


def test_label_smoothing_keeps_the_loss_above_the_entropy_of_the_targets(job: MemberJob) -> None:
    # Half of the probability spread over 10 classes: targets 0.55 and 9 x 0.05, whose entropy
    # 0.55 ln(1/0.55) + 0.45 ln 20 = 1.6769 no prediction can beat.
    long = replace(SHORT, epochs=6)
    job = changed(job, architecture=replace(SMALL, width=1))
    smooth = trained(changed(job, schedule=replace(long, label_smoothing=0.5)))
    sharp = trained(changed(job, schedule=replace(long, label_smoothing=0)))
    assert min(smooth.losses) >= 1.6769
    assert sharp.losses[-1] < 1.6769


def test_each_augmentation_changes_what_is_learnt(job: MemberJob) -> None:
    base = Schedule(epochs=1, batch_size=64, peak_lr=0.1)
    schedules = [
        base,
        replace(base, crop=1),
        replace(base, cutout=2),
        replace(base, flip=True),
        replace(base, crop_scale=0.5),
    ]
    losses = {trained(changed(job, schedule=schedule)).losses for schedule in schedules}
    assert len(losses) == len(schedules)


def images_of(count: int) -> Images:
    x = torch.randint(
        0, 256, (count, 8, 8, 1), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    return Images(
        x_train=x,
        y_train=torch.arange(count) % 10,
        to_predict={"val": x},
        mean=torch.tensor([100.0]),
        std=torch.tensor([50.0]),
        classes=10,
    )


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(20, 8, [8, 8]), (16, 8, [8, 8]), (8, 8, [8]), (5, 8, [5]), (15, 8, [8])],
)
def test_an_incomplete_batch_is_dropped_unless_it_is_the_only_one(
    job: MemberJob,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    batch_size: int,
    sizes: list[int],
) -> None:
    seen: list[int] = []
    step = loop.train_step

    def recorded(state: State, x: torch.Tensor, *others: Any, **named: Any) -> torch.Tensor:
        seen.append(len(x))
        assert x.is_contiguous(memory_format=torch.channels_last)
        return step(state, x, *others, **named)

    monkeypatch.setattr(loop, "train_step", recorded)
    member = changed(job, schedule=replace(SHORT, batch_size=batch_size)).member
    images = images_of(count)
    loop.train_epoch(loop.fresh(member, images, "cpu"), images, member, 0, "cpu")
    assert seen == sizes


def test_pixels_are_normalised_by_the_mean_and_deviation_of_the_training_images() -> None:
    pixels = torch.tensor([0, 100, 200], dtype=torch.uint8).reshape(3, 1, 1, 1)
    assert normalise(pixels, images_of(1)).flatten().tolist() == [-2.0, 0.0, 2.0]


# Members that fail.


def test_a_huge_learning_rate_diverges_and_says_when(job: MemberJob) -> None:
    outcome = failed(changed(job, schedule=replace(SHORT, peak_lr=1e12)))
    assert outcome.reason == "diverged"
    assert "epoch 1 of 3" in outcome.detail
    assert "nan" in outcome.detail or "inf" in outcome.detail
    assert outcome.key == changed(job, schedule=replace(SHORT, peak_lr=1e12)).member.key


def test_outputs_beyond_float16_count_as_diverged(
    job: MemberJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Loud(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(64, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.head(x.flatten(1))
            return out if self.training else out + 70000.0  # float16 ends at 65504

    monkeypatch.setattr(families, "build", lambda *_: Loud())
    outcome = failed(job)
    assert outcome.reason == "diverged"
    assert "not finite" in outcome.detail


def test_changed_data_is_refused_naming_both_fingerprints(job: MemberJob, digits: Dataset) -> None:
    outcome = failed(changed(job, dataset="0123456789abcdef"))
    assert outcome.reason == "unavailable"
    assert "0123456789abcdef" in outcome.detail
    assert digits.fingerprint in outcome.detail


def test_images_of_another_resolution_than_the_networks_are_refused(job: MemberJob) -> None:
    other = changed(job, architecture=replace(SMALL, resolution=32))
    with pytest.raises(UsageError, match=r"32 pixels a side; it is given 8"):
        loop.fresh(other.member, loop.images_of(job), "cpu")


def test_an_unexpected_error_is_an_outcome_with_its_type(job: MemberJob) -> None:
    def broken(progress: Progress) -> None:
        raise LookupError("nobody listens")

    assert outcome_of(job, broken) == Failed(
        key=job.member.key, reason="error", detail="LookupError: nobody listens"
    )


def test_an_interrupt_is_not_an_outcome(job: MemberJob) -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome_of(job, interrupt)


def test_a_real_allocation_that_is_too_large_is_out_of_memory(
    job: MemberJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 2**60 bytes are more than any address space has.
    monkeypatch.setattr(families, "build", lambda *_: torch.empty(2**58))
    outcome = failed(job)
    assert outcome.reason == "out_of_memory"
    assert "RuntimeError" in outcome.detail


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_only_errors_of_memory_count_as_out_of_memory(error: Exception, short: bool) -> None:
    assert is_out_of_memory(error) == short


@cuda
def test_on_cuda_the_same_member_has_the_same_bits_and_learns(
    job: MemberJob, digits: Dataset
) -> None:
    on_gpu = changed(replace(job, device="cuda"), schedule=replace(SHORT, epochs=10, cutout=2))
    first, second = trained(on_gpu), trained(on_gpu)
    assert_same_bits(first, second)
    assert (logits(first).argmax(axis=1) == digits.y_val).mean() > 0.7
