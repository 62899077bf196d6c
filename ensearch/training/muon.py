"""Muon: hidden matrices move by orthogonalised momentum and keep their norms, the rest by SGD.

Muon (Keller Jordan et al. 2024, kellerjordan.github.io/posts/muon) with the figures of
airbench94_muon.py (github.com/KellerJordan/cifar10-airbench): three Newton-Schulz steps, and every
matrix held at the norm of as many unit rows as it has.

- Hidden matrices are the weights of Conv2d and Linear layers other than the first layer, which is
  fed with the image, and the classifier. A filter is a row. A convolution in groups is as many
  matrices, which are orthogonalised one by one; one whose groups have one input channel each is
  none: what its filters would be made orthogonal to is a filter of another channel.
- The rest, stem, classifier, embeddings, depthwise convolutions, norms and biases, moves by SGD
  with Nesterov momentum. `hidden_of` decides which are which, `Muon.step` how the rest moves.

One implementation serves members alone and fused: to it a fused convolution is one in groups. All
matrices of one shape go through the same batched products, whichever layer and member they belong
to, so that a member is orthogonalised as it is alone. torch.optim.Muon takes one matrix at a time,
no convolutions, keeps no norms and computes in bfloat16, of which most CPUs have no products.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

import torch
from torch import nn
from torch.optim.sgd import sgd

from ensearch.core import Schedule
from ensearch.training.fused import SideBySide

# SGD's own rate and momentum for the rest, of which the rate is that multiple of Muon's: as 0.4,
# usual for SGD, is of 0.24, the rate of the authors of Muon's figures.
RATIO, MOMENTUM = 5 / 3, 0.9

_STEPS = 3
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_EPSILON = 1e-7  # keeps the direction of a gradient of zeros finite


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """A weight that is `count` matrices one above the other."""

    weight: torch.Tensor
    count: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of one of its matrices."""
        rows = len(self.weight) // self.count
        return rows, self.weight[0].numel()

    def matrices(self, values: torch.Tensor) -> torch.Tensor:
        """Values like the weight as count x rows x columns; a copy where memory asks for one."""
        return _flat(values).reshape(self.count, *self.shape)


def _flat(values: torch.Tensor) -> torch.Tensor:
    """Filters with their channels last, as they lie in memory: any order of columns does."""
    return values.permute(0, 2, 3, 1) if values.ndim == 4 else values


def hidden_of(model: nn.Module) -> list[Hidden]:
    """The hidden matrices of a network, or of members in one, in the order of its layers."""
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear | SideBySide)]
    ends = {id(module) for module in (*layers[:1], *_classifier(model, layers))}
    found: dict[int, Hidden] = {}
    for layer in layers:
        if id(layer) in ends or not layer.weight.requires_grad:
            continue
        if isinstance(layer, nn.Conv2d):
            count, is_depthwise = layer.groups, layer.weight.shape[1] == 1
        else:
            count, is_depthwise = layer.members if isinstance(layer, SideBySide) else 1, False
        if not is_depthwise:
            found[id(layer.weight)] = Hidden(layer.weight, count)
    return list(found.values())


def _classifier(model: nn.Module, layers: list[Any]) -> Iterator[nn.Module]:
    """The layers that give the logits: what a model of timm says they are, else the last one."""
    if not hasattr(model, "get_classifier"):
        yield from layers[-1:]
        return
    heads: Any = cast(Any, model).get_classifier()  # of a distilled transformer there are two
    for head in heads if isinstance(heads, Iterable) else (heads,):
        yield from head.modules()


@torch.no_grad()
def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """The nearest matrices of which all singular values are about 1; N x rows x columns.

    By the quintic Newton-Schulz iteration of Muon: values from 0.02 of the norm come to 0.68 to
    1.2, those of 0.01 to 0.4. In bfloat16 on CUDA, as its authors do, elsewhere as exact as given.
    """
    rows, columns = matrices.shape[1:]
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    x = x.transpose(1, 2) if rows > columns else x
    x = x / torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp_min(_EPSILON)
    a, b, c = _COEFFICIENTS
    for _ in range(_STEPS):
        gram = torch.bmm(x, x.transpose(1, 2))
        gram = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, gram, x, beta=a)
    return (x.transpose(1, 2) if rows > columns else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Moves the hidden matrices of a model, and the rest by SGD.

    Making it scales the hidden matrices to the norms that they keep.
    """

    def __init__(
        self,
        hidden: list[Hidden],
        decayed: list[nn.Parameter],
        spared: list[nn.Parameter],
        schedule: Schedule,
    ) -> None:
        groups: list[dict[str, Any]] = [
            {"params": [one.weight for one in hidden]},
            {"params": decayed, "weight_decay": schedule.weight_decay},
            {"params": spared},
        ]
        super().__init__(groups, {"lr": schedule.peak_lr, "weight_decay": 0.0})
        self._momentum = schedule.momentum
        in_order = sorted(hidden, key=lambda one: one.shape)
        self._by_shape = [list(some) for _, some in groupby(in_order, lambda one: one.shape)]
        with torch.no_grad():
            for alike in self._by_shape:
                _write(alike, _normalised(_stacked(alike, [one.weight for one in alike])))

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient, at the rate `lr` of its group."""
        matrices, *rest = self.param_groups
        for every in self._by_shape:
            alike = [one for one in every if one.weight.grad is not None]
            if alike:
                self._turn(alike, matrices["lr"])
        for group in rest:
            moved = [p for p in group["params"] if p.grad is not None]
            sgd(
                moved,
                [p.grad for p in moved],
                [self.state[p]["momentum_buffer"] for p in moved],
                weight_decay=group["weight_decay"],
                momentum=MOMENTUM,
                lr=RATIO * group["lr"],
                dampening=0.0,
                nesterov=True,
                maximize=False,
                fused=True,
            )

    def _turn(self, alike: list[Hidden], lr: float | torch.Tensor) -> None:
        """Move matrices of one shape by `lr` times their norm, then scale them back to it.

        Of a matrix with more rows than columns the orthogonal one has the smaller norm, which the
        factor makes up for, as torch.optim.Muon does.
        """
        gradients = [one.weight.grad for one in alike if one.weight.grad is not None]
        momentum = [self.state[one.weight]["momentum_buffer"] for one in alike]
        torch._foreach_mul_(momentum, self._momentum)
        torch._foreach_add_(momentum, gradients)
        ahead = torch._foreach_add(gradients, momentum, alpha=self._momentum)  # Nesterov's
        rows, columns = alike[0].shape
        change = orthogonal(_stacked(alike, ahead))
        change *= lr * math.sqrt(max(1.0, rows / columns))
        weights = _stacked(alike, [one.weight for one in alike])
        _write(alike, _normalised(weights - change))


def _stacked(alike: list[Hidden], values: Iterable[torch.Tensor]) -> torch.Tensor:
    """All matrices in values like the weights: N x rows x columns."""
    return torch.cat([one.matrices(v) for one, v in zip(alike, values, strict=True)])


def _normalised(matrices: torch.Tensor) -> torch.Tensor:
    """Each matrix scaled to the norm of as many rows of norm 1."""
    norms: torch.Tensor = torch.linalg.vector_norm(matrices, dim=(1, 2), keepdim=True)
    return matrices * (math.sqrt(matrices.shape[1]) / norms.clamp_min(_EPSILON))


def _write(alike: list[Hidden], matrices: torch.Tensor) -> None:
    """Set the weights to the matrices, the inverse of `_stacked`."""
    weights = [_flat(one.weight) for one in alike]
    pieces = torch.split(matrices, [one.count for one in alike])
    torch._foreach_copy_(weights, [p.view(w.shape) for p, w in zip(pieces, weights, strict=True)])
