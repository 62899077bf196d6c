"""Batch norm and its ReLU as one function of four kernels, with a sum before or behind the norm.

The kernels are in `norm_kernels.py`, and compiled where they are first used: that takes Triton,
which comes with PyTorch for CUDA under Linux, and a C compiler. The numbers are those of PyTorch's
layers up to rounding, the same bits every time. They are operators of PyTorch's dispatcher, so that
what counts or imitates operations sees each as one.
"""

import functools
import queue
import threading
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Rows and channels that a program holds at once, most parts of the rows, and least rows of a part.
# A part's sums are read by all programs of its channels: with 128 parts of 1,024 rows that is a
# quarter of what those read anyway, and it lies in the cache.
_ROWS, _CHANNELS, _PARTS, _LEAST = 128, 32, 128, 512
_WARPS = 8
# A kernel compiles in a third of a second for compute capabilities 8.0 and 9.0 (one core of a busy
# EPYC, Triton 3.8); who has waited so long has a compiler that hangs.
_SECONDS = 60.0


class _Cut(NamedTuple):
    """How programs share the rows and the channels of images."""

    rows: int
    per: int  # rows of a part
    parts: int
    channels: int
    width: int  # channels of a program

    @property
    def grid(self) -> tuple[int, int]:
        return self.parts, -(-self.channels // self.width)

    @property
    def tile(self) -> dict[str, int]:
        return {"ROWS": _ROWS, "CHANNELS": self.width, "num_warps": _WARPS}


def _cut(images: Tensor) -> _Cut:
    count, channels, height, width = images.shape
    rows = count * height * width
    per = max(_LEAST, -(-rows // _PARTS))
    per = -(-per // _ROWS) * _ROWS
    return _Cut(rows, per, -(-rows // per), channels, 16 if channels <= 16 else _CHANNELS)


@torch.library.custom_op("ensearch::norm_relu", mutates_args=("running_mean", "running_var"))
def _norm_relu(
    x: Tensor,
    other: Tensor | None,
    behind: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ReLU of norm(x + other) + behind; running statistics move.

    All are N x C x H x W in channels_last.

    Returns the sum (without elements where there is no `other`), the activation, and the mean and
    inverse deviation of each channel.
    """
    from ensearch.training import norm_kernels

    cut, single = _cut(x), weight.new_empty
    total = x.new_empty(0) if other is None else torch.empty_like(x)
    summed = x if other is None else total
    active = torch.empty_like(x)
    means, squares = single(cut.parts, cut.channels), single(cut.parts, cut.channels)
    mean, inverse = single(cut.channels), single(cut.channels)
    adds = other is not None
    norm_kernels.reduce[cut.grid](
        x, other if adds else x, summed, means, squares, cut.rows, cut.per, cut.channels,
        ADD=adds, **cut.tile,
    )  # fmt: skip
    norm_kernels.activate[cut.grid](
        summed, x if behind is None else behind, active, means, squares, weight, bias,
        running_mean, running_var, mean, inverse, momentum, eps,
        cut.rows, cut.per, cut.parts, cut.channels,
        BEHIND=behind is not None, PARTS=_PARTS, **cut.tile,
    )  # fmt: skip
    return total, active, mean, inverse


@_norm_relu.register_fake
def _(
    x: Tensor, other: Tensor | None, behind: Tensor | None, weight: Tensor, *_: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    total = x.new_empty(0) if other is None else torch.empty_like(x)
    return total, torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)


@torch.library.custom_op("ensearch::norm_relu_backward", mutates_args=())
def _norm_relu_backward(
    gradient: Tensor,
    more: Tensor | None,
    active: Tensor | None,
    total: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    inverse: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of `total`, which was normalised, of `behind`, and of the norm's weight and bias.

    From the gradient of the activation and, if there is `more`, that of the sum: both in
    channels_last. `active` is the activation where something was `behind`, else nothing has a
    gradient there. `mean` and `inverse` are those that `_norm_relu` returned.
    """
    from ensearch.training import norm_kernels

    cut, single = _cut(total), weight.new_empty
    sums, products = single(cut.parts, cut.channels), single(cut.parts, cut.channels)
    of_total, of_weight, of_bias = (torch.empty_like(t) for t in (total, weight, bias))
    of_behind = total.new_empty(0) if active is None else torch.empty_like(total)
    seen, is_behind = total if active is None else active, active is not None
    norm_kernels.reduce_gradients[cut.grid](
        gradient, seen, total, weight, bias, mean, inverse, sums, products,
        cut.rows, cut.per, cut.channels, BEHIND=is_behind, **cut.tile,
    )  # fmt: skip
    norm_kernels.propagate[cut.grid](
        gradient, gradient if more is None else more, seen, total, weight, bias, mean, inverse,
        sums, products, of_total, of_behind, of_weight, of_bias,
        cut.rows, cut.per, cut.parts, cut.channels,
        MORE=more is not None, BEHIND=is_behind, PARTS=_PARTS, **cut.tile,
    )  # fmt: skip
    return of_total, of_behind, of_weight, of_bias


@_norm_relu_backward.register_fake
def _(
    gradient: Tensor,
    more: Tensor | None,
    active: Tensor | None,
    total: Tensor,
    weight: Tensor,
    bias: Tensor,
    *_: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    of_behind = total.new_empty(0) if active is None else torch.empty_like(total)
    return torch.empty_like(total), of_behind, torch.empty_like(weight), torch.empty_like(bias)


class _NormRelu(torch.autograd.Function):
    """The activation; with `other` x + other and the activation."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, other: Tensor | None, behind: Tensor | None, *norm: Any
    ) -> Any:
        x, other, behind = (_in_order(images) for images in (x, other, behind))
        total, active, mean, inverse = _norm_relu(x, other, behind, *norm)
        ctx.adds, (weight, bias, *_) = other is not None, norm
        ctx.save_for_backward(
            None if behind is None else active,
            total if ctx.adds else x,
            weight,
            bias,
            mean,
            inverse,
        )
        ctx.set_materialize_grads(False)
        return (total, active) if ctx.adds else active

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        gradient, more = gradients[-1], gradients[0] if ctx.adds else None
        if gradient is None:  # nothing reads the activation
            return more, more, *(7 * [None])
        active, *saved = ctx.saved_tensors
        of_total, of_behind, of_weight, of_bias = _norm_relu_backward(
            _in_order(gradient), _in_order(more), active, *saved
        )
        of_other = of_total if ctx.adds else None
        of_behind = None if active is None else of_behind
        return of_total, of_other, of_behind, of_weight, of_bias, *(4 * [None])


def _in_order(images: Any) -> Any:
    """The images in the order of memory that the kernels read: themselves, if they are."""
    return None if images is None else images.contiguous(memory_format=torch.channels_last)


class JoinedNorm(nn.BatchNorm2d):
    """A batch norm with its ReLU, and with a sum: of two tensors before it, or behind it.

    It returns the activation, of x and another tensor the sum and the activation. What is `behind`
    is added to what was normalised.
    """

    def forward(
        self, input: Tensor, other: Tensor | None = None, behind: Tensor | None = None
    ) -> Any:
        if not self.training or not _suits(input, other, behind):
            total = input if other is None else input + other
            y = super().forward(total)
            active = F.relu(y if behind is None else y + behind, inplace=True)
            return active if other is None else (total, active)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        norm = (self.weight, self.bias, self.running_mean, self.running_var)
        return _NormRelu.apply(input, other, behind, *norm, self.momentum, self.eps)


def _suits(x: Tensor, *added: Tensor | None) -> bool:
    """Whether the kernels compute what the layers do: more than a pixel, and sums like like."""
    like = (x.shape, x.dtype, x.device)
    same = all(t is None or (t.shape, t.dtype, t.device) == like for t in added)
    return same and x.ndim == 4 and x.dtype != torch.float64 and x.numel() > x.shape[1]


def can_join(norm: nn.Module) -> bool:
    """Whether the module is a batch norm that `JoinedNorm` may take the place of."""
    return (
        type(norm) is nn.BatchNorm2d
        and norm.affine
        and norm.track_running_stats
        and norm.momentum is not None
    )


@functools.cache
def prepare(device: str) -> None:
    """Compile the kernels for bfloat16, once in a process. Raises whatever compiling them raises.

    In a thread, so that a compiler that hangs ends the attempt and not the training.
    """
    ended: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            for channels in (16, 32):
                norm = nn.BatchNorm2d(channels).to(device)
                norm.__class__ = JoinedNorm
                x = torch.ones(2, channels, 8, 8, dtype=torch.bfloat16, device=device)
                x.requires_grad_()
                total, active = norm(x, x)
                alone = norm(x) + norm(x, behind=x)
                (total.sum() + active.sum() + alone.sum()).backward()
            ended.put(None)
        except Exception as error:
            ended.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        error = ended.get(timeout=_SECONDS)
    except queue.Empty:
        raise RuntimeError(f"its kernels did not compile within {_SECONDS:.0f} s") from None
    if error is not None:
        raise error
