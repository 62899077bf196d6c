"""Milliseconds of a batch norm with the ReLU behind it: as layers of PyTorch, and joined.

    python -m scripts.benchmarks.fused.norms

Forward and backward, in bfloat16 and channels_last, with and without a sum before the norm, as in a
recorded step: of the norms of 8 members of WRN-16-1 and of one WRN-28-10. Both are bound by memory:
the layers read and write the activations 13 times, the joined norm 8 times. Without CUDA its
kernels are interpreted, which shows that they run.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ensearch.training.norms import JoinedNorm
from ensearch.training.recording import record
from scripts.benchmarks.fused.convolutions import milliseconds

# Channels of a member, side, and whether it trains alone.
SHAPES = ((16, 32, False), (32, 16, False), (64, 8, False), (160, 32, True), (640, 8, True))


def table(device: str, members: int, batch: int, turns: int, shrink: int = 1) -> Iterator[str]:
    """Yield lines, a norm each, of sides and channels that many times as small."""
    shapes = SHAPES if device == "cuda" else SHAPES[::4]  # two show that they run
    for channels, side, alone in ((c // shrink, s // shrink, alone) for c, s, alone in shapes):
        count = 1 if alone else members
        shape = (batch, count * channels, side, side)
        for adds in (False, True):
            layers, joined = (
                milliseconds(_replayed(_step(kind, shape, adds, device), device), device, turns)
                for kind in (nn.BatchNorm2d, JoinedNorm)
            )
            what = f"{count} x {channels} channels, {side} x {side}{', sum' * adds}"
            ratio = layers / joined
            yield f"{what}: layers {layers:.3f}, joined {joined:.3f} ms, {ratio:.2f} times"


def _step(
    kind: type[nn.BatchNorm2d], shape: tuple[int, ...], adds: bool, device: str
) -> Callable[[], None]:
    """Return what computes activations and gradients of a norm of the kind once."""
    norm = kind(shape[1]).to(device)

    def images() -> torch.Tensor:
        x = torch.randn(shape, device=device, dtype=torch.bfloat16)
        return x.contiguous(memory_format=torch.channels_last)

    x, other = images().requires_grad_(), images().requires_grad_()
    gradients = [images(), images()] if adds else [images()]

    def run() -> None:
        outputs: Any
        if kind is JoinedNorm:
            outputs = norm(x, other) if adds else (norm(x),)
        else:
            total = x + other if adds else x
            active = F.relu(norm(total), inplace=True)
            outputs = (total, active) if adds else (active,)
        leaves = [x, *([other] if adds else []), norm.weight, norm.bias]
        torch.autograd.grad(outputs, leaves, gradients)

    return run


def _replayed(step: Callable[[], None], device: str) -> Callable[[], object]:
    """The step as members take it: recorded, where that exists."""
    return record(step, lambda: None).replay if device == "cuda" else step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=20, help="steps in a row that are timed")
    parser.add_argument("--shrink", type=int, default=1, help="divide sides and channels by it")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        os.environ.setdefault("TRITON_INTERPRET", "1")
    for line in table(device, options.members, options.batch, options.turns, options.shrink):
        print(line, flush=True)


if __name__ == "__main__":
    main()
