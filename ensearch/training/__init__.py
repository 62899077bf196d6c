"""Training a member: the only place where gradients are computed.

A member is the same bits on the same machine whichever process trained it, whatever that process
trained before, and whether or not it was interrupted. What makes that so: every random number
comes from a seed derived from the member's and the epoch's, cuDNN is held to its deterministic
kernels, and on a CPU a member trains on one thread, because sums split over threads round
differently. Several members at once on a CPU are several processes.

On a GPU the members of one network that a task holds may train side by side (`together.py`): in
the way that a short measurement found to be fastest there (`ways.py`), which the storage remembers.
The same members in one task, trained in the same way, are the same bits again. A member trained in
another way or in other company is the same up to rounding: the same seeds, order and augmentation,
sums in another order.
"""

from ensearch.training.hardware import (
    describe_device,
    discard_checkpoint,
    measure_speed,
    resolve_device,
    train_members,
)

__all__ = [
    "describe_device",
    "discard_checkpoint",
    "measure_speed",
    "resolve_device",
    "train_members",
]
