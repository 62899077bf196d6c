"""Batch norms with the ReLU behind them, joined and as layers of PyTorch, on images of a shape."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from ensearch.training.norms import JoinedNorm

Sum = Literal["", "before", "behind"]  # where a sum is, seen from the norm
Shape = tuple[int, int, int]  # images, channels, pixels a side


def norm_of(channels: int) -> nn.BatchNorm2d:
    """A norm of which nothing is zero or one."""
    norm = nn.BatchNorm2d(channels, momentum=0.3)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert tensor is not None
            tensor.copy_(torch.rand(channels) + 0.1)
    return norm


def joined_of(norm: nn.BatchNorm2d) -> JoinedNorm:
    """A joined norm of the same numbers."""
    joined = JoinedNorm(norm.num_features, momentum=norm.momentum)
    joined.load_state_dict(norm.state_dict())
    return joined


def images(shape: Shape, kind: torch.dtype = torch.float32) -> torch.Tensor:
    count, channels, side = shape
    x = 3 + torch.randn(count, channels, side, side) * (0.1 + torch.rand(channels, 1, 1))
    return x.to(kind).contiguous(memory_format=torch.channels_last)


def near(one: torch.Tensor, other: torch.Tensor, by: float = 1e-5) -> None:
    """Assert that they differ by at most `by` of the largest value."""
    assert float((one - other).abs().max()) <= by * float(other.abs().max())


def check(shape: Shape, adds: Sum, device: str, kind: torch.dtype, by: float) -> None:
    """Assert that values, gradients and statistics are those of the layers, to `by`.

    The layers compute in double precision: what rounds is the kernels alone. Where the ReLU has
    almost zero, rounding decides whether a gradient passes: what is behind does not look there.
    """
    plain = norm_of(shape[1])
    joined = joined_of(plain).to(device)
    x, other = images(shape, kind), images(shape, kind)
    weights = torch.randn(x.shape).to(kind)
    found = []
    for norm, to in ((plain.to(device, torch.float64), torch.float64), (joined, kind)):
        a, b, w = (t.to(device, to) for t in (x, other, weights))
        a, b = a.requires_grad_(), b.requires_grad_()
        if norm is plain:
            # A sum is rounded before the norm.
            total = (a + b).to(kind).double() if adds == "before" else a
            y = norm(total) + b if adds == "behind" else norm(total)
            weights[y.detach().abs().cpu() < 1e-4] = 0
            w, active = weights.to(device, to), F.relu(y)
        elif adds == "before":
            total, active = norm(a, b)
        else:
            total, active = a, norm(a, behind=b if adds else None)
        # What goes on behind them reads both, the sum also past the norm.
        loss = (active * w).double().sum() + (total * w.flip(0)).double().sum()
        leaves = [a, *([b] if adds else []), norm.weight, norm.bias]
        results = [active, total, *torch.autograd.grad(loss, leaves)]
        statistics = [norm.state_dict()[f"running_{name}"] for name in ("mean", "var")]
        assert int(norm.num_batches_tracked) == 1  # type: ignore[arg-type]
        found.append([t.detach().cpu().double() for t in (*results, *statistics)])
    for one, expected in zip(found[1], found[0], strict=True):
        near(one, expected, by)
