"""Training: the parts against arithmetic done on paper, whole members on scikit-learn's digits."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load as from_bytes
from torch import nn

from ensearch import datasets, families, training
from ensearch.core import Architecture, Member, Schedule
from ensearch.datasets import Dataset, Source
from ensearch.errors import UnavailableError, UsageError
from ensearch.launch import Failed, MemberJob, Progress, Trained, Update
from ensearch.store import files
from ensearch.training import augment, data, device, hardware, loop, optimizer, speed
from ensearch.training.data import Images, normalise
from ensearch.training.device import is_out_of_memory, mixed_precision, reproducible
from ensearch.training.schedule import learning_rate
from ensearch.training.state import State

SOURCE = Source(spec="digits", data_dir=Path("unused"), limit_train=400)
SMALL = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8)
SHORT = Schedule(epochs=3, batch_size=64, peak_lr=0.1, crop=1)
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return datasets.load(SOURCE)


@pytest.fixture
def job(digits: Dataset) -> MemberJob:
    member = Member(architecture=SMALL, schedule=SHORT, dataset=digits.fingerprint, seed=0)
    return MemberJob(member=member, source=SOURCE, device="cpu", keep_weights=True, checkpoint=None)


def changed(job: MemberJob, **member: object) -> MemberJob:
    return replace(job, member=replace(job.member, **member))  # type: ignore[arg-type]


def outcome_of(
    job: MemberJob, on_epoch: Callable[[Progress], None] = lambda progress: None
) -> Trained | Failed:
    """What becomes of a job in a task of its own."""
    outcomes: list[Trained | Failed] = []

    def report(update: Update) -> None:
        if isinstance(update, Progress):
            on_epoch(update)
        elif isinstance(update, Trained | Failed):
            outcomes.append(update)

    training.train_members((job,), report)
    (outcome,) = outcomes
    return outcome


def trained(job: MemberJob) -> Trained:
    outcome = outcome_of(job)
    assert isinstance(outcome, Trained), outcome
    return outcome


def failed(job: MemberJob) -> Failed:
    outcome = outcome_of(job)
    assert isinstance(outcome, Failed), outcome
    return outcome


def logits(outcome: Trained) -> npt.NDArray[np.float16]:
    (predictions,) = outcome.predictions
    return predictions.logits


def assert_same_bits(one: Trained, other: Trained) -> None:
    assert one.losses == other.losses
    assert one.weights == other.weights
    np.testing.assert_array_equal(logits(one), logits(other))


# The learning rate.


def test_learning_rate_rises_and_falls_in_straight_lines() -> None:
    rates = [learning_rate(step, 10, 0.2, 0.8) for step in range(10)]
    assert rates == pytest.approx([0.4, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


def test_learning_rate_without_warmup_starts_at_the_peak() -> None:
    assert [learning_rate(step, 4, 0, 1.0) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]


def test_learning_rate_with_only_warmup_ends_at_the_peak() -> None:
    assert [learning_rate(step, 4, 1, 1.0) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


@given(st.integers(1, 200), st.floats(0, 1), st.floats(1e-3, 10))
def test_learning_rate_is_positive_and_reaches_the_peak(
    steps: int, warmup: float, peak: float
) -> None:
    rates = [learning_rate(step, steps, warmup, peak) for step in range(steps)]
    assert min(rates) > 0
    assert max(rates) == peak


# Augmentation.


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, side: int, channels: int) -> torch.Tensor:
    """Images whose pixels are all different within a channel."""
    values = torch.arange(count * side * side * channels) % 251
    return values.to(torch.uint8).reshape(count, side, side, channels)


def plan(
    flip: list[bool] | None = None,
    shift: list[tuple[int, int]] | None = None,
    hole: list[tuple[int, int]] | None = None,
    hole_side: int = 0,
    box: list[tuple[float, float, float, float]] | None = None,
) -> augment.Augmentation:
    return augment.Augmentation(
        flip=None if flip is None else torch.tensor(flip),
        shift=None if shift is None else torch.tensor(shift),
        hole=None if hole is None else torch.tensor(hole),
        hole_side=hole_side,
        box=None if box is None else torch.tensor(box),
    )


def test_flip_mirrors_only_the_images_drawn() -> None:
    images = pictures(2, 4, 3)
    out = augment.take(images, torch.tensor([1, 0]), plan(flip=[True, False]))
    assert torch.equal(out[0], images[1].flip(1))
    assert torch.equal(out[1], images[0])


@given(st.integers(0, 3), st.integers(-3, 3), st.integers(-3, 3), st.booleans())
def test_crop_equals_reflection_padding_and_slicing(
    seed: int, down: int, right: int, flip: bool
) -> None:
    image = torch.randint(0, 256, (1, 5, 5, 3), generator=generator(seed), dtype=torch.uint8)
    out = augment.take(image, torch.tensor([0]), plan(flip=[flip], shift=[(down, right)]))
    padded = np.pad(image[0].numpy(), ((3, 3), (3, 3), (0, 0)), mode="reflect")
    want = padded[3 + down : 8 + down, 3 + right : 8 + right]
    np.testing.assert_array_equal(out[0].numpy(), want[:, ::-1] if flip else want)


def test_crop_of_more_pixels_than_the_image_has_stays_within_it() -> None:
    image = pictures(1, 3, 1)
    out = augment.take(image, torch.tensor([0]), plan(shift=[(-50, 50)]))
    assert set(out.flatten().tolist()) <= set(image.flatten().tolist())


def test_without_augmentation_images_come_as_they_are() -> None:
    images = pictures(5, 4, 1)
    chosen = torch.tensor([4, 0, 2])
    assert torch.equal(augment.take(images, chosen, plan()), images[chosen])
    assert augment.cut_out(images, plan()) is images


@given(st.integers(0, 7), st.integers(0, 7), st.integers(1, 10))
def test_cutout_zeroes_one_square_clipped_at_the_border(row: int, column: int, side: int) -> None:
    out = augment.cut_out(torch.ones(1, 8, 8, 2), plan(hole=[(row, column)], hole_side=side))
    top, left = row - side // 2, column - side // 2
    want = np.ones((8, 8, 2))
    want[max(top, 0) : top + side, max(left, 0) : left + side] = 0
    np.testing.assert_array_equal(out[0].numpy(), want)


def test_drawn_augmentation_stays_within_what_the_schedule_asks() -> None:
    schedule = Schedule(epochs=1, flip=True, crop=2, cutout=3)
    drawn = augment.draw(schedule, 1000, 8, generator(0))
    assert drawn.flip is not None
    assert drawn.shift is not None
    assert drawn.hole is not None
    assert 400 < drawn.flip.sum() < 600
    assert set(drawn.shift.flatten().tolist()) == {-2, -1, 0, 1, 2}
    assert set(drawn.hole.flatten().tolist()) == set(range(8))


def test_a_crop_of_a_quarter_is_resized_to_the_whole() -> None:
    # The 2 x 2 pixels in the upper right corner of 4 x 4: each is bilinear between its neighbours,
    # and what lies beyond the picture is its outermost pixel. Rows of 1, 2, 3, 4 at the top.
    row = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    image = row.expand(4, 4).reshape(1, 4, 4, 1)
    out = augment.resized_crop(image, plan(box=[(0.5, 0.0, 0.5, 0.5)]))
    want = np.broadcast_to([2.75, 3.25, 3.75, 4.0], (4, 4))
    np.testing.assert_allclose(out[0, ..., 0].numpy(), want, atol=1e-12)
    upright = augment.resized_crop(image.transpose(1, 2), plan(box=[(0.0, 0.5, 0.5, 0.5)]))
    np.testing.assert_allclose(upright[0, ..., 0].numpy(), want.T, atol=1e-12)


def test_a_crop_of_everything_changes_nothing() -> None:
    images = torch.rand(3, 5, 5, 2, generator=generator(0), dtype=torch.float64)
    out = augment.resized_crop(images, plan(box=[(0.0, 0.0, 1.0, 1.0)] * 3))
    torch.testing.assert_close(out, images)


def test_drawn_crops_lie_within_the_picture_and_are_as_large_as_asked() -> None:
    drawn = augment.draw(Schedule(epochs=1, crop_scale=0.25), 2000, 8, generator(0)).box
    assert drawn is not None
    left, top, width, height = drawn.double().unbind(1)
    assert min(left.min(), top.min()) >= 0
    assert max((left + width).max(), (top + height).max()) <= 1 + 1e-6
    ratio, inside = width / height, (width < 1) & (height < 1)
    assert ratio[inside].min() >= 3 / 4 - 1e-6
    assert ratio[inside].max() <= 4 / 3 + 1e-6
    area = (width * height)[inside]
    assert 0.25 - 1e-6 <= area.min() < 0.26
    # Uniform over 0.25 to 1 before long ones are cut: more than a third is below a half.
    assert 0.3 < (width * height < 0.5).double().mean() < 0.37
    assert abs((left / (1 - width))[inside].mean() - 0.5) < 0.03


def test_members_of_a_schedule_without_crops_by_area_keep_their_keys() -> None:
    # The key of this schedule before there was the field.
    assert Schedule(epochs=10, flip=True, crop=4).key == "e545beb8"
    assert Schedule(epochs=10, crop_scale=0.5).key != Schedule(epochs=10).key


def test_a_schedule_without_augmentation_draws_nothing() -> None:
    assert augment.draw(Schedule(epochs=1), 10, 8, generator(0)) == plan()


def test_equal_seeds_draw_equal_augmentation_and_others_do_not() -> None:
    schedule = Schedule(epochs=1, crop=2)
    shifts = [augment.draw(schedule, 50, 8, generator(seed)).shift for seed in (0, 0, 1)]
    assert shifts[0] is not None
    assert shifts[1] is not None
    assert shifts[2] is not None
    assert torch.equal(shifts[0], shifts[1])
    assert not torch.equal(shifts[0], shifts[2])


# The optimizer.


def test_weights_decay_and_norms_and_biases_do_not() -> None:
    model = families.build(SMALL, 1, 10)
    decayed, spared = optimizer.make(model, SHORT).param_groups
    assert decayed["weight_decay"] == SHORT.weight_decay
    assert spared["weight_decay"] == 0
    modules = list(model.modules())
    kernels = [m.weight for m in modules if isinstance(m, nn.Conv2d | nn.Linear)]
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
    assert {id(p) for p in decayed["params"]} == {id(p) for p in kernels}
    assert len(spared["params"]) == 2 * len(norms) + 1  # scales and shifts, and the head's bias


def test_a_step_is_nesterov_momentum_with_decay_in_the_gradient() -> None:
    # On paper, for a weight 2 with gradient 3 twice, lr 0.1, momentum 0.9, decay 0.5:
    # g = 3 + 0.5 x 2 = 4,         v = 4,             w = 2 - 0.1 (4 + 0.9 x 4) = 1.24
    # g = 3 + 0.5 x 1.24 = 3.62,   v = 3.6 + 3.62,    w = 1.24 - 0.1 (3.62 + 0.9 x 7.22) = 0.2282
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(2)
        model.bias.fill_(2)
    made = optimizer.make(model, replace(SHORT, peak_lr=0.1, weight_decay=0.5))
    weights = []
    for _ in range(2):
        model.weight.grad, model.bias.grad = torch.tensor([[3.0]]), torch.tensor([3.0])
        made.step()
        weights.append(model.weight.item())
    assert weights == pytest.approx([1.24, 0.2282])
    # The bias does not decay: 2 - 0.1 (3 + 0.9 x 3) = 1.43, then v = 5.7, w = 1.43 - 0.813.
    assert model.bias.item() == pytest.approx(0.617)


def test_the_fused_step_heeds_the_memory_layout_of_channels_last_weights() -> None:
    # The fused kernel walks through memory: momentum laid out unlike the weights would be mixed up.
    models = [families.build(SMALL, 3, 10) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    models[1].to(memory_format=torch.channels_last)
    fused = optimizer.make(models[1], SHORT)
    plain = torch.optim.SGD(
        [
            {"params": group["params"], "weight_decay": group["weight_decay"]}
            for group in [
                {"params": [p for p in models[0].parameters() if p.ndim > 1], "weight_decay": 5e-4},
                {"params": [p for p in models[0].parameters() if p.ndim <= 1], "weight_decay": 0.0},
            ]
        ],
        lr=0.1,
        momentum=0.9,
        nesterov=True,
        fused=False,
    )
    for _ in range(3):
        for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
            one.grad = torch.randn(one.shape)
            other.grad = one.grad.clone().contiguous(
                memory_format=torch.channels_last if one.ndim == 4 else torch.contiguous_format
            )
        plain.step()
        fused.step()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)


# Whole members.


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
    x = torch.randint(0, 256, (count, 8, 8, 1), generator=generator(0), dtype=torch.uint8)
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

    def recorded(
        state: State, x: torch.Tensor, y: torch.Tensor, smoothing: float, device: str
    ) -> torch.Tensor:
        seen.append(len(x))
        assert x.is_contiguous(memory_format=torch.channels_last)
        return step(state, x, y, smoothing, device)

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


# Checkpoints.


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


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_resumed_member_equals_an_uninterrupted_one(checkpointed: MemberJob, epochs: int) -> None:
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
    path = checkpointed.checkpoint
    assert path is not None
    whole = trained(replace(checkpointed, checkpoint=None))
    killed_after(2, checkpointed)
    good = path.read_bytes()
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", math.inf)
    for bad in (
        b"",
        b"nonsense",
        good[:-1],
        good[: len(good) // 2],
        good.replace(b"losses", b"lo", 1),
    ):
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


# Devices and speed.


def test_auto_is_the_gpu_where_there_is_one() -> None:
    assert training.resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert training.resolve_device("cpu") == "cpu"


def test_auto_asks_pytorch_unless_the_system_knows_of_no_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", lambda *_, **__: torch.zeros(1))
    monkeypatch.setattr(hardware, "_may_have_gpu", lambda: True)
    assert training.resolve_device("auto") == "cuda"
    monkeypatch.setattr(hardware, "_may_have_gpu", lambda: False)
    assert training.resolve_device("auto") == "cpu"
    assert training.resolve_device("cuda") == "cuda"  # whoever asks for it has PyTorch asked


def test_an_unknown_device_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cuda'"):
        training.resolve_device("cude")


def test_cuda_without_a_gpu_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnavailableError, match="it found none") as caught:
        training.resolve_device("cuda")
    assert caught.value.problem == "no_cuda"


def test_a_gpu_that_does_not_answer_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nmore lines")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", dead)
    monkeypatch.setattr(hardware, "_may_have_gpu", lambda: True)
    with pytest.raises(UnavailableError, match="no kernel image is available"):
        training.resolve_device("cuda")
    assert training.resolve_device("auto") == "cpu"


def test_a_device_has_a_name() -> None:
    assert training.describe_device("cpu").strip() != ""


@pytest.mark.parametrize("capable", [True, False])
def test_products_are_bfloat16_on_cuda_and_on_cpus_that_have_it(
    monkeypatch: pytest.MonkeyPatch, capable: bool
) -> None:
    asked: list[tuple[str, torch.dtype, bool]] = []
    monkeypatch.setattr(
        torch, "autocast", lambda device, dtype, enabled: asked.append((device, dtype, enabled))
    )
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: capable)
    mixed_precision("cuda")
    mixed_precision("cpu")
    assert asked == [("cuda", torch.bfloat16, True), ("cpu", torch.bfloat16, capable)]
    assert training.describe_device("cpu").endswith("(bfloat16)" if capable else "(float32)")


@pytest.mark.parametrize("capable", [True, False])
def test_a_member_trains_on_any_cpu_and_predicts_in_float32(
    job: MemberJob, digits: Dataset, monkeypatch: pytest.MonkeyPatch, capable: bool
) -> None:
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: capable)
    seen: set[tuple[bool, torch.dtype]] = set()
    built = families.build

    def watched(*arguments: Any) -> nn.Module:
        model = built(*arguments)
        model.register_forward_hook(lambda _, __, out: seen.add((model.training, out.dtype)))
        return model

    monkeypatch.setattr(families, "build", watched)
    outcome = trained(changed(job, schedule=replace(SHORT, epochs=10)))
    assert seen == {
        (True, torch.bfloat16 if capable else torch.float32),
        (False, torch.float32),
    }
    assert (logits(outcome).argmax(axis=1) == digits.y_val).mean() > 0.4


def test_speed_grows_with_the_network() -> None:
    small, large = (
        training.measure_speed(replace(SMALL, width=width), (1, 10, 8), 16, "cpu", seconds=0.2)
        for width in (0.25, 8)  # about 700 times the multiply-adds
    )
    assert 0 < small < large


def test_speed_is_measured_in_small_batches_where_the_time_allows_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches: list[int] = []

    def fake(state: object, images: Images, device: str) -> float:
        batches.append(len(images.x_train))
        return 0.01 * len(images.x_train)

    monkeypatch.setattr(speed, "_timed_step", fake)
    # Steps of 2 and 8 images take 0.02 and 0.08 s; of 32, 0.32 s: more than a quarter of 1 s.
    assert training.measure_speed(SMALL, (1, 10, 8), 128, "cpu", 1.0) == pytest.approx(0.01)
    assert set(batches) == {2, 8}


def test_what_a_step_takes_besides_its_images_is_not_taken_for_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fake(state: object, images: Images, device: str) -> float:
        return 0.2 + 0.01 * len(images.x_train)

    monkeypatch.setattr(speed, "_timed_step", fake)
    # Of 2 and 8 images; a step of 32 would be too long.
    per_image = training.measure_speed(SMALL, (1, 10, 8), 128, "cpu", 1.0)
    assert per_image == pytest.approx(0.2 / 128 + 0.01)


def test_a_network_that_does_not_fit_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(speed, "_timed_step", full)
    with pytest.raises(UnavailableError, match="Lower the budget"):
        training.measure_speed(SMALL, (1, 10, 8), 128, "cpu")


def test_depthwise_convolutions_stay_in_float32_on_a_cpu() -> None:
    """And nothing else of the network changes: names, weights, outputs, copies."""
    one = Architecture(family="efficientnet", width=0.1, depth=0.1, resolution=32)
    torch.manual_seed(0)
    plain = families.build(one, 3, 10).to(memory_format=torch.channels_last).eval()
    placed = device.place(copy.deepcopy(plain), "cpu")
    found = [m for m in copy.deepcopy(placed).modules() if isinstance(m, device.Depthwise)]
    assert len(found) == 7, "one in every block"
    seen = []
    for module in placed.modules():
        if isinstance(module, device.Depthwise):
            module.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(placed(x), plain(x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert placed(x).dtype == torch.bfloat16
    assert seen == 14 * [torch.float32]
    for (name, left), (other, right) in zip(
        plain.state_dict().items(), placed.state_dict().items(), strict=True
    ):
        assert name == other
        assert torch.equal(left, right)


@cuda
def test_on_cuda_the_same_member_has_the_same_bits_and_learns(
    job: MemberJob, digits: Dataset
) -> None:
    on_gpu = changed(replace(job, device="cuda"), schedule=replace(SHORT, epochs=10, cutout=2))
    first, second = trained(on_gpu), trained(on_gpu)
    assert_same_bits(first, second)
    assert (logits(first).argmax(axis=1) == digits.y_val).mean() > 0.7


@cuda
def test_on_cuda_a_resumed_member_equals_an_uninterrupted_one(checkpointed: MemberJob) -> None:
    on_gpu = replace(checkpointed, device="cuda")
    whole = trained(replace(on_gpu, checkpoint=None))
    killed_after(2, on_gpu)
    assert_same_bits(trained(on_gpu), whole)
