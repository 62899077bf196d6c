"""A network in training, and its tensors: what checkpoints and groups of members pass around."""

from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass(slots=True, kw_only=True)
class State:
    """A network in training, after len(losses) epochs. Not frozen: training is what changes it."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    losses: list[float] = field(default_factory=list)  # mean training loss of every epoch
    seconds: float = 0.0  # spent on those epochs, in this process and in killed ones
    strategies: list[str] = field(default_factory=list)  # by which they were trained, in order


def trained_by(state: State) -> str:
    """The strategies of all epochs in words: "8 fused, graph"; mostly one."""
    return " and then ".join(state.strategies)


def note(state: State, strategy: str) -> None:
    """Note by which strategy the state trains an epoch."""
    if state.strategies[-1:] != [strategy]:
        state.strategies.append(strategy)


def plain(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies on the CPU in the standard memory layout, the only one that safetensors writes."""
    return {
        name: tensor.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
        for name, tensor in tensors.items()
    }


def tensors(state: State) -> dict[str, torch.Tensor]:
    """The state's own tensors, not copies."""
    momentum = state.optimizer.state
    return {f"model.{name}": tensor for name, tensor in state.model.state_dict().items()} | {
        f"momentum.{name}": momentum[parameter]["momentum_buffer"]
        for name, parameter in state.model.named_parameters()
        if parameter in momentum
    }
