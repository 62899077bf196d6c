"""Train one member from its description: data, network, epochs, predictions."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import nn

from ensearch import families
from ensearch.core import Member, Predictions, Schedule
from ensearch.errors import UnavailableError, UsageError
from ensearch.launch import Failed, FailureReason, MemberJob, Progress, Trained, Update
from ensearch.seeds import derive
from ensearch.training import augment, checkpoint, data, distillation, optimizer
from ensearch.training.data import Images
from ensearch.training.device import (
    is_out_of_memory,
    mixed_precision,
    prepared,
    rate_on,
    reproducible,
)
from ensearch.training.loss import losses
from ensearch.training.prediction import predict
from ensearch.training.state import State, note, plain, trained_by
from ensearch.training.strategy import ALONE

# Writing the state of a 36 M parameter network takes 0.7 to 1.5 s: at most 2.5 % of the time.
CHECKPOINT_SECONDS = 60.0


class Diverged(Exception):  # noqa: N818 - an outcome of a member, not an error of the program
    """The loss or the outputs are not finite."""


def train_alone(
    job: MemberJob, report: Callable[[Update], None], state: State | None = None
) -> Trained | Failed:
    """Train the member and predict its job's splits, or say why not. Raises only interrupts.

    With `job.checkpoint`, a member that was killed goes on where it left off, bit for bit; the
    file stays for the driver to discard (see checkpoint.py). A `state` that has trained some
    epochs already goes on from there.
    """
    key = job.member.key
    try:
        with reproducible(job.device):
            if job.weights is not None:
                return _predict_only(job)
            return _train(job, report, begin(job) if state is None else state)
    except Diverged as stop:
        return Failed(key=key, reason="diverged", detail=str(stop))
    except UnavailableError as error:
        return Failed(
            key=key,
            reason="unavailable",
            detail=str(error),
            problem=error.problem,
            facts=error.facts,
        )
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        reason: FailureReason = "out_of_memory" if is_out_of_memory(error) else "error"
    if job.device == "cuda":
        torch.cuda.empty_cache()  # what the failed member held must not starve the next one
    return Failed(key=key, reason=reason, detail=detail)


def images_of(job: MemberJob) -> Images:
    """The images of the job's dataset, read at its network's resolution; see `data.load`.

    With what the member learns in place of labels, if it does and is to be trained.
    """
    images = data.load(job.source, job.member.dataset, job.device, job.splits)
    images = replace(images, reads_at=job.member.architecture.resolution)
    if job.member.distillation is None or job.weights is not None:
        return images
    return distillation.taught(images, job)


def begin(job: MemberJob) -> State:
    """The member before its first epoch, or where its checkpoint left off."""
    state = fresh(job.member, images_of(job), job.device)
    if job.checkpoint is not None:
        checkpoint.resume(job.checkpoint, job.member.key, state)
    return state


def _train(job: MemberJob, report: Callable[[Update], None], state: State) -> Trained:
    member, images = job.member, images_of(job)
    saved = began = time.perf_counter()
    earlier = state.seconds
    for epoch in range(len(state.losses), member.schedule.epochs):
        loss = train_epoch(state, images, member, epoch, job.device)
        now = time.perf_counter()
        note(state, ALONE.name)
        end_epoch(job, report, state, loss, earlier + now - began)
        if now - saved >= CHECKPOINT_SECONDS:
            save_checkpoint(job, state)
            saved = time.perf_counter()
    return Trained(
        key=member.key,
        predictions=_predictions(state.model, images, member),
        losses=tuple(state.losses),
        seconds=earlier + time.perf_counter() - began,
        weights=to_bytes(plain(state.model.state_dict())) if job.keep_weights else None,
        strategy=trained_by(state),
    )


def end_epoch(
    job: MemberJob, report: Callable[[Update], None], state: State, loss: float, seconds: float
) -> None:
    """Note and report that the state has trained one more epoch. Raises Diverged."""
    epoch, epochs = len(state.losses) + 1, job.member.schedule.epochs
    if not math.isfinite(loss):
        raise Diverged(f"the loss was {loss} in epoch {epoch} of {epochs}")
    state.losses.append(loss)
    state.seconds = seconds
    report(Progress(key=job.member.key, epoch=epoch, epochs=epochs, loss=loss))


def save_checkpoint(job: MemberJob, state: State) -> None:
    """Write the job's checkpoint, if it is to have one."""
    # On a full disk the member goes on without; the driver will say that the disk is full.
    if job.checkpoint is not None:
        with contextlib.suppress(OSError):
            checkpoint.save(job.checkpoint, job.member.key, state)


def _predict_only(job: MemberJob) -> Trained:
    """Predictions of the job's splits by the weights that it names."""
    began, member = time.perf_counter(), job.member
    images = images_of(job)
    model = fresh(member, images, job.device).model
    assert job.weights is not None
    model.load_state_dict(load_file(job.weights, device=job.device))
    return Trained(
        key=member.key,
        predictions=_predictions(model, images, member),
        losses=(),
        seconds=time.perf_counter() - began,
        weights=None,
    )


def _predictions(model: nn.Module, images: Images, member: Member) -> tuple[Predictions, ...]:
    """Predictions of every split that the images have. Raises Diverged if one is not finite."""
    predictions = []
    for split, x in images.to_predict.items():
        logits = predict(model, x, images, member.schedule.batch_size)
        if not np.isfinite(logits).all():
            raise Diverged(f"outputs on {split} are not finite after training")
        predictions.append(Predictions(member=member.key, split=split, logits=logits))
    return tuple(predictions)


def fresh(member: Member, images: Images, device: str) -> State:
    """The member before its first epoch, its weights drawn from its seed on the CPU."""
    architecture = member.architecture
    if architecture.resolution != images.resolution:
        raise UsageError(
            f"{architecture.key} takes images of {architecture.resolution} pixels a side; it is "
            f"given {images.resolution}."
        )
    torch.manual_seed(derive(member.seed, "init"))
    model = prepared(families.build(architecture, images.channels, images.classes), device)
    return State(model=model, optimizer=optimizer.make(model, member.schedule))


def train_epoch(state: State, images: Images, member: Member, epoch: int, device: str) -> float:
    """One pass over the training images in the epoch's own order; the mean loss of its steps.

    The last batch is dropped if it is incomplete, unless it is the only one.
    """
    schedule, (steps, size) = member.schedule, batches(member.schedule, images)
    order, changes = draw_epoch(images, member, epoch)
    order, changes = order[: steps * size], changes.to(device)
    y = images.y_train[order.to(device)]
    state.model.train()
    total = torch.zeros((), device=device)
    for step, (stored, which) in enumerate(data.training_batches(images, order, size)):
        batch = slice(step * size, (step + 1) * size)
        x = data.normalise(augment.take(stored, which, changes[batch]), images)
        x = augment.cut_out(augment.resized_crop(x, changes[batch]), changes[batch])
        x = data.as_input(x, images)
        rate = optimizer.learning_rate(
            epoch * steps + step, schedule.epochs * steps, schedule.warmup, schedule.peak_lr
        )
        rate = rate_on(device, rate)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        loss = train_step(
            state, x, y[batch], schedule.label_smoothing, device, targets=images.targets
        )
        total += loss
        # On CUDA reading the loss would make the GPU wait for Python at every step.
        if device == "cpu" and not torch.isfinite(loss):
            break
    return total.item() / steps


def batches(schedule: Schedule, images: Images) -> tuple[int, int]:
    """The number of steps in an epoch, and of images in a step."""
    count = images.count
    size = min(schedule.batch_size, count)
    return count // size, size


def draw_epoch(
    images: Images, member: Member, epoch: int
) -> tuple[torch.Tensor, augment.Augmentation]:
    """The order of the training images in an epoch of the member, and their augmentation there.

    Seeds torch's own generator, which dropout reads: a resumed epoch meets the same numbers.
    """
    count = images.count
    generator = torch.manual_seed(derive(member.seed, "epoch", epoch))
    order = torch.randperm(count, generator=generator)
    if images.rows is not None:
        order = images.rows[order]
    return order, augment.draw(member.schedule, count, images.side, generator)


def train_step(
    state: State,
    x: torch.Tensor,
    y: torch.Tensor,
    label_smoothing: float,
    device: str,
    *,
    targets: torch.Tensor | None = None,
) -> torch.Tensor:
    """Forward, backward and update on one batch; the loss, on the device.

    With `targets`, `y` are rows of those; see `losses`.
    """
    by_label = device == "cpu" and targets is None
    with mixed_precision(device):
        logits = state.model(x)
        if by_label:
            loss = F.cross_entropy(logits, y, label_smoothing=label_smoothing)
    if not by_label:  # half the kernels, and those of a recorded step
        loss = losses(logits[:, None], y[:, None], label_smoothing, targets)[0]
    for group in state.optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None  # as zero_grad does, whose hooks cost 2 % of a small step
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    return loss.detach()
