"""Training a member: the only place where gradients are computed.

A member is the same bits on the same machine whichever process trained it, whatever that process
trained before, and whether or not it was interrupted. What makes that so: every random number
comes from a seed derived from the member's and the epoch's, cuDNN is held to its deterministic
kernels, and on a CPU a member trains on one thread, because sums split over threads round
differently. Several members at once on a CPU are several processes.
"""

from ensearch.training.light import (
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
