"""Wide ResNet, WRN-n-k (Zagoruyko and Komodakis 2016, arXiv:1605.07146), pre-activation.

Depth n = 6 N + 4 with N blocks in each of three stages of 16 k, 32 k and 64 k channels; width k
may be a fraction as long as 16 k is a whole number of channels. The stride is on the first
convolution of a block, as in the authors' code: on the second, WRN-28-10 would cost 13.5 % more.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from ensearch.core import Architecture, Cost, Range
from ensearch.families._layers import convolution, linear, norm

SUMMARY = "WRN-n-k: depth n = 6N+4, width k times 16, 32, 64 channels"
ARGUMENT = ""
WIDTHS = Range(low=1 / 16, high=64, step=1 / 16)
DEPTHS = Range(low=10, high=1000, step=6)
MIN_RESOLUTION = 8  # two halvings leave 2 x 2 for the last stage


def published(name: str, width: float, depth: float) -> tuple[int, int]:
    return (32, 10)


def known_as(architecture: Architecture) -> str:
    return ""  # WRN-28-10 is what its key says


def build(architecture: Architecture, channels: int, classes: int) -> nn.Module:
    return WideResNet(round(architecture.depth), architecture.width, channels, classes)


def layers(architecture: Architecture, channels: int, classes: int) -> Iterator[Cost]:
    inputs, side = 16, architecture.resolution
    yield convolution(channels, inputs, 3, side)
    for stage, outputs in enumerate(_stages(architecture.width)):
        for position in range(_per_stage(round(architecture.depth))):
            shrinks = stage > 0 and position == 0
            side = (side + 1) // 2 if shrinks else side
            yield norm(inputs)
            yield convolution(inputs, outputs, 3, side)
            yield norm(outputs)
            yield convolution(outputs, outputs, 3, side)
            if shrinks or inputs != outputs:
                yield convolution(inputs, outputs, 1, side)
            inputs = outputs
    yield norm(inputs)
    yield linear(inputs, classes)


def _per_stage(depth: int) -> int:
    return (depth - 4) // 6


def _stages(width: float) -> list[int]:
    """Channels of the three stages."""
    return [round(16 * width), round(32 * width), round(64 * width)]


class Block(nn.Module):
    """BN-ReLU-conv twice with a shortcut, projected by 1 x 1 where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, padding=1, bias=False)
        same = inputs == outputs and stride == 1
        self.project = None if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        active = F.relu(self.norm1(x), inplace=True)  # saves 5 % of a step in memory traffic
        # The projection reads the activated input, the identity the raw one, as in the paper.
        shortcut = x if self.project is None else self.project(active)
        y = self.conv2(F.relu(self.norm2(self.conv1(active)), inplace=True))
        return torch.add(y, shortcut)


class WideResNet(nn.Module):
    def __init__(self, depth: int, width: float, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        blocks, inputs = [], 16
        for stage, outputs in enumerate(_stages(width)):
            for position in range(_per_stage(depth)):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(Block(inputs, outputs, stride))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(inputs)
        self.head = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = F.relu(self.norm(self.blocks(self.stem(x))), inplace=True)
        logits: torch.Tensor = self.head(features.mean(dim=(2, 3)))
        return logits
