"""ResNet for small images (He, Zhang, Ren and Sun 2016, arXiv:1512.03385, section 4.2).

Depth n = 6 N + 2 with N blocks in each of three stages of 16 k, 32 k and 64 k channels; the paper's
networks, 20 to 110 layers and one of 1202, have width k = 1. Shortcuts are the paper's option A:
without parameters, every second pixel and zeros for the new channels. Option B, projections, which
many public copies have, would add 2,752 parameters at width 1.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from ensearch.core import Architecture, Cost, Range
from ensearch.families._layers import convolution, linear, norm

SUMMARY = "ResNet-n of He et al. 2016: depth n = 6N+2, width k times 16, 32, 64 channels"
ARGUMENT = ""
WIDTHS = Range(low=1 / 16, high=64, step=1 / 16)
DEPTHS = Range(low=8, high=1202, step=6)
MIN_RESOLUTION = 8  # two halvings leave 2 x 2 for the last stage


def published(name: str, width: float, depth: float) -> tuple[int, int]:
    return (32, 10)


def known_as(architecture: Architecture) -> str:
    return f"ResNet-{architecture.depth}" if architecture.width == 1 else ""


def build(architecture: Architecture, channels: int, classes: int) -> nn.Module:
    return ResNet(_per_stage(architecture), architecture.width, channels, classes)


def layers(architecture: Architecture, channels: int, classes: int) -> Iterator[Cost]:
    inputs, side = round(16 * architecture.width), architecture.resolution
    yield convolution(channels, inputs, 3, side)
    yield norm(inputs)
    for stage in range(3):
        for position in range(_per_stage(architecture)):
            outputs = inputs
            if stage > 0 and position == 0:
                outputs, side = 2 * inputs, (side + 1) // 2
            yield convolution(inputs, outputs, 3, side)
            yield convolution(outputs, outputs, 3, side)
            yield from 2 * [norm(outputs)]
            inputs = outputs
    yield linear(inputs, classes)


def _per_stage(architecture: Architecture) -> int:
    return (round(architecture.depth) - 2) // 6


class Block(nn.Module):
    """Conv-BN-ReLU-conv-BN, the shortcut and ReLU; twice the channels where the stride is 2."""

    def __init__(self, inputs: int, stride: int) -> None:
        super().__init__()
        outputs = stride * inputs
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)), inplace=True)))
        if self.stride == 2:
            half = x[:, :, ::2, ::2]
            # A zero channel after each, not all zeros at the end: the order means nothing to one
            # network, and so the channels of members that train side by side stay apart.
            x = torch.stack((half, torch.zeros_like(half)), dim=2).flatten(1, 2)
        return F.relu(torch.add(y, x), inplace=True)


class ResNet(nn.Module):
    def __init__(self, per_stage: int, width: float, channels: int, classes: int) -> None:
        super().__init__()
        first = round(16 * width)
        self.stem = nn.Conv2d(channels, first, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(first)
        blocks, inputs = [], first
        for stage in range(3):
            for position in range(per_stage):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(Block(inputs, stride))
                inputs *= stride
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.blocks(F.relu(self.norm(self.stem(x)), inplace=True))
        logits: torch.Tensor = self.head(features.mean(dim=(2, 3)))
        return logits
