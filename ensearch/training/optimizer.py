"""How a network learns: by SGD as in the Wide ResNet paper (arXiv:1605.07146), or by Muon.

The learning rate goes up in a straight line, then down to zero in a straight line.
"""

from typing import Any

import torch
from torch import nn

from ensearch.core import Schedule
from ensearch.training import muon


def learning_rate(step: int, steps: int, warmup: float, peak: float) -> float:
    """Learning rate of step `step` = 0, ..., steps - 1, always in (0, peak].

    Rises over the first round(warmup x steps) steps, the last of which has the peak, then falls so
    that the step after the last one would have zero: no step is wasted on a rate of zero.
    """
    rising = round(warmup * steps)
    if step < rising:
        return peak * ((step + 1) / rising)
    return peak * ((steps - step) / (steps - rising))


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
