"""A step of training in few operations: for small networks on a GPU, each costs as much as a layer.

Two things are done at once for all layers that PyTorch does layer by layer. Weights are converted
to bfloat16, and their gradients back, in one operation each; autocast takes one for every weight
and direction. And the batches that norms have seen are counted in one. The numbers are the same.
Joined norms (`joining.py`) do in four kernels what their layers do in ten; up to rounding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from ensearch.training.depthwise import Depthwise
from ensearch.training.device import in_bfloat16, mixed_precision
from ensearch.training.fused import SideBySide
from ensearch.training.joining import join
from ensearch.training.loss import losses
from ensearch.training.state import State


class LeanStep:
    """Steps of one module, of one member or of several that are fused, with what they need."""

    def __init__(
        self,
        state: State,
        device: str,
        label_smoothing: float,
        targets: torch.Tensor | None = None,
        joined: bool = False,
    ) -> None:
        """Raises what `join` raises if norms shall be `joined`."""
        self._state, self._device = state, device
        self._smoothing, self._targets = label_smoothing, targets
        model = state.model
        self._forward = join(model) if joined else model
        learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
        named = _converted(model) if in_bfloat16(device) else set()
        self._exact = {name: p for name, p in learning.items() if name not in named}
        self._masters = {name: p for name, p in learning.items() if name in named}
        self._copies = {
            name: p.detach().to(torch.bfloat16).requires_grad_()
            for name, p in self._masters.items()
        }
        self._gradients = [torch.zeros_like(p) for p in self._masters.values()]
        # One that averages over all batches since the first reads its count in the forward pass.
        self._counting: list[Any] = [
            m
            for m in model.modules()
            if isinstance(m, nn.modules.batchnorm._NormBase)
            and m.num_batches_tracked is not None
            and m.momentum is not None
        ]

    def __call__(self, inputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Forward, backward and update; losses by member, of labels (or of rows) B x k."""
        if self._copies:
            with torch.no_grad():
                torch._foreach_copy_(list(self._copies.values()), list(self._masters.values()))
        with mixed_precision(self._device), self._counted():
            logits: torch.Tensor = functional_call(self._forward, self._copies, (inputs,))
        each = losses(logits.view(*y.shape, -1), y, self._smoothing, self._targets)
        self._set_gradients(each.sum())
        self._state.optimizer.step()
        return each.detach()

    def _set_gradients(self, loss: torch.Tensor) -> None:
        """Compute the gradients, and give those of copies to the weights that they are of."""
        leaves = [*self._copies.values(), *self._exact.values()]
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
        for parameter, gradient in zip(
            self._exact.values(), found[len(self._copies) :], strict=True
        ):
            parameter.grad = gradient
            # The optimizer reads both as they lie in memory; backward() would see to that.
            if gradient is not None and gradient.stride() != parameter.stride():
                parameter.grad = torch.empty_like(parameter).copy_(gradient)
        used = [
            (parameter, held, gradient)
            for parameter, held, gradient in zip(
                self._masters.values(), self._gradients, found, strict=False
            )
            if gradient is not None
        ]
        if used:
            torch._foreach_copy_([held for _, held, _ in used], [new for _, _, new in used])
        for parameter, held, _ in used:
            parameter.grad = held

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Within it norms do not count batches; they have counted one more at the end."""
        counts = [norm.num_batches_tracked for norm in self._counting]
        for norm in self._counting:
            norm.num_batches_tracked = None
        try:
            yield
        finally:
            for norm, count in zip(self._counting, counts, strict=True):
                norm.num_batches_tracked = count
        if counts:
            with torch.no_grad():
                torch._foreach_add_(counts, 1)


def _converted(model: nn.Module) -> set[str]:
    """Names of the parameters that autocast converts wherever they are used, and nothing else.

    Other weights take part in sums in single precision, as positions of a transformer do.
    """
    found = set()
    for name, module in model.named_modules():
        if isinstance(module, SideBySide):  # its bias is added in single precision
            own = ["weight"]
        elif isinstance(module, nn.Conv2d | nn.Linear) and not isinstance(module, Depthwise):
            own = [name for name, _ in module.named_parameters(recurse=False)]
        else:
            continue
        found |= {f"{name}.{one}" if name else one for one in own}
    return found
