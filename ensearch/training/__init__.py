"""Training a member: the only place where gradients are computed.

A member is the same bits on the same machine whichever process trained it, whatever that process
trained before, and whether or not it was interrupted. What makes that so: every random number
comes from a seed derived from the member's and the epoch's, cuDNN is held to its deterministic
kernels, and on a CPU a member trains on one thread, because sums split over threads round
differently. Several members at once on a CPU are several processes.

On a GPU the members of one network that a task holds may train side by side (`group.py`): by the
strategy that a short measurement showed to be fastest there (`strategies.py`), which the storage
remembers. The same members in one task, trained by the same strategy, are the same bits again. A
member trained by another strategy or beside other members is the same up to rounding: the same
seeds, order and augmentation, sums in another order.
"""

from collections.abc import Callable

from ensearch.core import Architecture, Schedule
from ensearch.launch import MemberJob, Update
from ensearch.training.hardware import (
    DEVICES,
    Gpu,
    describe_device,
    find_gpu,
    name_device,
    resolve_device,
)

__all__ = [
    "DEVICES",
    "Gpu",
    "describe_device",
    "find_gpu",
    "measure_speed",
    "name_device",
    "resolve_device",
    "train_members",
]

# The two doors below import torch, which takes 2 s, only when somebody goes through them.


def train_members(jobs: tuple[MemberJob, ...], report: Callable[[Update], None]) -> None:
    """Train the members of one task: a `launch.Train`, see `training.group.train_members`."""
    from ensearch.training.group import train_members

    train_members(jobs, report)


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
    """Seconds of training per image: see `training.speed.measure_speed`."""
    from ensearch.training.speed import measure_speed

    of_a_group = (members, images, predicted)
    return measure_speed(architecture, shape, schedule, device, seconds, *of_a_group)
