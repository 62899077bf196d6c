"""How long training takes on a GPU: by the strategy that will train, on images where they will be.

Steps that are waited for one by one, as on a CPU, take 4 to 8 times as long on a GPU as steps in a
row; and members that train together another 8 times less than alone, if they are small.
"""

from dataclasses import replace

import torch

from ensearch.core import Architecture, Member, Schedule
from ensearch.training import data, loop, strategies
from ensearch.training.data import Images

# Steps that are timed at a time, and seconds to find the fastest strategy at most.
_STEPS, _SECONDS = 10, 30.0


def measure(
    architecture: Architecture,
    shape: tuple[int, int, int],
    schedule: Schedule,
    members: int,
    count: int,
    predicted: int,
    device: str = "cuda",
) -> float:
    """Seconds per image of each of `members` that train together on `count` images.

    The strategy is the one that these members would train by: found in the same share of their
    training. Where the images and those that are `predicted` would be streamed, these are too.
    """
    size = min(schedule.batch_size, count) if count else schedule.batch_size
    schedule = replace(schedule, batch_size=size)
    group = [
        Member(architecture=architecture, schedule=schedule, dataset="", seed=seed)
        for seed in range(members)
    ]
    channels, _, side = shape
    streamed = (count + predicted) * channels * side**2 > data.room(device)
    images = random_images(
        min(count or _STEPS * size, _STEPS * size),
        shape,
        "cpu" if streamed else device,
        device,
        architecture.resolution,
    )
    states = [loop.fresh(member, images, device) for member in group]
    if streamed:
        seconds = strategies.seconds_of(
            lambda: loop.train_epoch(states[0], images, group[0], 0, device), device
        )
        return seconds / strategies.images_of_an_epoch(group[0], images)
    try:
        measured = strategies.measure(states, group, images, seconds=_SECONDS, count=count)
    except strategies.DeviceLostError as lost:  # this process was started to measure
        measured = lost.measured
    return 1 / measured.rates[measured.strategy]


def random_images(
    count: int,
    shape: tuple[int, int, int],
    place: str,
    device: str | None = None,
    reads_at: int | None = None,
) -> Images:
    """Random images of the shape (channels, classes, resolution), all of class 0.

    They lie at `place`, and are streamed to the device if that is another one.
    """
    channels, classes, resolution = shape
    device = device or place
    size = (count, resolution, resolution, channels)
    return Images(
        x_train=torch.randint(0, 256, size, dtype=torch.uint8, device=place),
        y_train=torch.zeros(count, dtype=torch.int64, device=device),
        to_predict={},
        mean=torch.full((channels,), 127.5, device=device),
        std=torch.full((channels,), 73.6, device=device),  # of numbers spread over 0 .. 255
        classes=classes,
        reads_at=reads_at,
        streamed=place != device,
    )
