"""SGD with Nesterov momentum, as in the Wide ResNet paper (arXiv:1605.07146)."""

from typing import Any

import torch
from torch import nn

from ensearch.core import Schedule


def make(model: nn.Module, schedule: Schedule) -> torch.optim.SGD:
    """The optimizer of `model`; the learning rate is set at every step.

    Parameters of one dimension or less, i.e. the scales of norms and all biases, are not decayed.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(
        groups,
        lr=schedule.peak_lr,
        momentum=schedule.momentum,
        weight_decay=schedule.weight_decay,
        nesterov=schedule.momentum > 0,
        fused=True,
    )
    # The optimizer would create these buffers at its first step, with the same result (0 x
    # momentum + gradient); having them from the start gives a checkpoint one form at any epoch.
    for parameter in parameters:
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer
