"""The optimizer of a network: SGD as in the Wide ResNet paper (arXiv:1605.07146), or Muon."""

from typing import Any

import torch
from torch import nn

from ensearch.core import Schedule
from ensearch.training import muon


def make(model: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """The optimizer of `model`; the learning rate is set at every step.

    Parameters of one dimension or less, i.e. the scales of norms and all biases, are not decayed.
    Every parameter that learns has its "momentum_buffer" in the optimizer's state from the start.
    Muon also scales the model's hidden matrices.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    made = _muon(model, schedule) if schedule.optimizer == "muon" else _sgd(parameters, schedule)
    # SGD would create these buffers at its first step, with the same result (0 x momentum +
    # gradient); having them from the start gives a checkpoint one form at any epoch.
    for parameter in parameters:
        made.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return made


def _sgd(parameters: list[nn.Parameter], schedule: Schedule) -> torch.optim.SGD:
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        groups,
        lr=schedule.peak_lr,
        momentum=schedule.momentum,
        weight_decay=schedule.weight_decay,
        nesterov=schedule.momentum > 0,
        fused=True,
    )


def _muon(model: nn.Module, schedule: Schedule) -> muon.Muon:
    hidden = muon.hidden_of(model)
    turned = {id(one.weight) for one in hidden}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in turned]
    return muon.Muon(
        hidden=hidden,
        decayed=[p for p in rest if p.ndim > 1],
        spared=[p for p in rest if p.ndim <= 1],
        schedule=schedule,
    )
