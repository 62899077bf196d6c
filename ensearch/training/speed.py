"""How long training takes here, measured, so that a search can be priced before it starts."""

import statistics
import time
from dataclasses import replace

import torch

from ensearch import families
from ensearch.core import Architecture, Schedule
from ensearch.errors import UnavailableError
from ensearch.training import augment, data, group_speed, optimizer
from ensearch.training.data import Images
from ensearch.training.device import is_out_of_memory, prepared, reproducible
from ensearch.training.hardware import describe_device
from ensearch.training.loop import train_step
from ensearch.training.state import State


def measure_speed(
    architecture: Architecture,
    shape: tuple[int, int, int],
    schedule: Schedule,
    device: str,
    seconds: float = 1.0,
    members: int = 1,
    images: int = 0,
    predicted: int = 0,
) -> float:
    """Seconds of training per image: augmentation, forward, backward and update, as members train.

    `shape` is (channels, classes, resolution) of the dataset. The optimizer and the augmentation
    are those of the schedule: a step of Muon takes 1.2 times as long as one of SGD (WRN-10-0.25 and
    10-1 on 8 x 8 pictures, CPU, n = 3; this measurement was within 6 % of epochs that followed).
    Takes about `seconds`, or a few steps of 2 or 8 images if those take longer: batches grow from 2
    to those of the schedule only while a step of them fits, since one of 128 images through 5 G
    multiply-adds takes minutes on a CPU. What larger ones would take is read off a straight line.
    Raises UnavailableError if the memory does not suffice for 2 images.

    On a GPU so many `members` train together by the strategy that is the fastest for them, on as
    many `images` as the dataset has: these are sent in batches where they would be in training,
    beside those that are `predicted`.
    """
    try:
        with reproducible(device):
            if device == "cuda":
                counts = (members, images, predicted)
                return group_speed.measure(architecture, shape, schedule, *counts)
            return _measure(architecture, shape, schedule, device, seconds)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UnavailableError(
            f"training {architecture.key} does not fit into the memory of "
            f"{describe_device(device)}, even 2 images at a time. Lower the budget, or train on a "
            "device with more memory."
        ) from None


def _measure(
    architecture: Architecture,
    shape: tuple[int, int, int],
    schedule: Schedule,
    device: str,
    seconds: float,
) -> float:
    (channels, classes, _), batch_size = shape, schedule.batch_size
    model = prepared(families.build(architecture, channels, classes), device)
    state = State(model=model, optimizer=optimizer.make(model, schedule))
    state.model.train()

    def step_seconds(batch: int, at_least: float) -> float:
        """Median over steps of `batch` images, repeated for `at_least` seconds."""
        images = replace(
            group_speed.random_images(batch, shape, device), reads_at=architecture.resolution
        )
        _timed_step(state, images, schedule)  # the first at a batch size also prepares for it
        times = [_timed_step(state, images, schedule)]
        while sum(times) < at_least:
            times.append(_timed_step(state, images, schedule))
        return statistics.median(times)

    measured = [(min(2, batch_size), step_seconds(min(2, batch_size), 0))]
    while measured[-1][0] < batch_size:
        larger = min(4 * measured[-1][0], batch_size)
        # The second batch may take longer: without it nobody knows what of a step is fixed.
        if _expected(measured, larger) > (4 * seconds if len(measured) == 1 else seconds / 4):
            break
        try:
            measured.append((larger, step_seconds(larger, 0)))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            break
    batch, once = measured[-1]
    if once < seconds / 2:  # a longer step would be measured once again, and no better
        measured[-1] = (batch, step_seconds(batch, seconds / 2))
    return _expected(measured, batch_size) / batch_size


def _expected(measured: list[tuple[int, float]], batch: int) -> float:
    """Seconds of a step of `batch` images, from pairs of images and seconds.

    Read off the straight line through the last two. In proportion to one pair of 2 images, an
    EfficientNet of many small layers (1.8-1 at 64 pixels) seemed to train 2.7 images/s, and trained
    28.
    """
    more, step = measured[-1]
    if len(measured) == 1:
        return step * batch / more
    fewer, before = measured[-2]
    return step + max(0.0, step - before) / (more - fewer) * (batch - more)


def _timed_step(state: State, images: Images, schedule: Schedule) -> float:
    """Seconds of one step of training on all of the images."""
    count, device = len(images.x_train), images.x_train.device
    start = time.perf_counter()
    changes = augment.draw(schedule, count, images.side, torch.default_generator).to(str(device))
    x = augment.take(images.x_train, torch.arange(count, device=device), changes)
    x = augment.resized_crop(data.normalise(x, images), changes)
    x = data.as_input(augment.cut_out(x, changes), images)
    train_step(state, x, images.y_train, schedule.label_smoothing, device.type)
    return time.perf_counter() - start
