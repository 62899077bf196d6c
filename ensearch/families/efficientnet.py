"""EfficientNet (Tan and Le 2019, arXiv:1905.11946), put together from timm's blocks.

Width and depth are the paper's multipliers of B0's channels and blocks: channels are rounded to
multiples of 8, never more than a tenth down, and the blocks of a stage up. All widths differ, but
ten steps of depth are six networks: 1.1 and 1.2 are one, and a search space may not have both.
B0 to B7 are those of `COMPOUND`, each with its resolution; in between and beyond everything is
free.

Dropout and stochastic depth, which the paper raises from B0 to B7, are 0: a member's schedule is
the same for all widths and depths, and says all that it regularises by.
"""

import itertools
import math
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from timm.models import EfficientNet
from torch import nn

from ensearch.core import Architecture, Cost, Range
from ensearch.families._layers import convolution, linear, norm

SUMMARY = "EfficientNet: width and depth multiply the channels and blocks of B0, resolution free"
ARGUMENT = ""
WIDTHS = Range(low=0.1, high=10, step=0.025)
DEPTHS = Range(low=0.1, high=10, step=0.1)
MIN_RESOLUTION = 32  # five halvings leave one pixel

# (width, depth) -> name and resolution: the authors' efficientnet_builder.py.
COMPOUND = {
    (1.0, 1.0): ("EfficientNet-B0", 224),
    (1.0, 1.1): ("EfficientNet-B1", 240),
    (1.1, 1.2): ("EfficientNet-B2", 260),
    (1.2, 1.4): ("EfficientNet-B3", 300),
    (1.4, 1.8): ("EfficientNet-B4", 380),
    (1.6, 2.2): ("EfficientNet-B5", 456),
    (1.8, 2.6): ("EfficientNet-B6", 528),
    (2.0, 3.1): ("EfficientNet-B7", 600),
}


class Stage(NamedTuple):
    """Inverted residuals of B0, table 1 of the paper; only the first block has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def published(name: str, width: float, depth: float) -> tuple[int, int]:
    return COMPOUND.get((width, depth), COMPOUND[1.0, 1.0])[1], 1000


def known_as(architecture: Architecture) -> str:
    compound = COMPOUND.get((architecture.width, architecture.depth))
    if compound is None:
        return ""
    name, resolution = compound
    return name if architecture.resolution == resolution else f"{name}, made for {resolution} px"


def build(architecture: Architecture, channels: int, classes: int) -> nn.Module:
    rounded = partial(_rounded, width=architecture.width)
    model = EfficientNet(
        block_args=[_blocks(stage, architecture.depth) for stage in STAGES],
        num_classes=classes,
        num_features=rounded(1280),
        in_chans=channels,
        round_chs_fn=rounded,
        act_layer=nn.SiLU,
    )
    _begin(model)
    return model


def _begin(model: Any) -> None:
    """Initial values that short schedules ask for, otherwise than timm's, which are the authors'.

    Val accuracy of width and depth 0.5 after 6 epochs on 2,000 CIFAR-10 pictures, peak_lr 0.4:

    - a classifier of zeros 23.2 %, timm's range 17.6 %, deviations of 1 / sqrt(inputs) 19.1 % (n =
      1): timm's suits 1,000 classes, with 10 the loss starts at 4.3 instead of 2.3;
    - with that, gates of squeeze-and-excitation at 0.88 instead of 0.5: 29.6 % for 21.5 (n = 3);
    - with both, blocks that begin as their shortcut: 31.2 % (n = 3).

    On 4,000 pictures in 8 epochs 36.0, 41.7 and 45.0 (n = 1); a WRN-10-0.25, as dear, had 33.1 and
    45.3. studies/benchmarks/2026-11-23_families.md has what else was tried.
    """
    nn.init.zeros_(model.classifier.weight)
    for block in itertools.chain.from_iterable(model.blocks):
        nn.init.constant_(block.se.conv_expand.bias, 2.0)
        if block.has_skip:
            last = block.bn3 if hasattr(block, "bn3") else block.bn2
            nn.init.zeros_(last.weight)


def layers(architecture: Architecture, channels: int, classes: int) -> Iterator[Cost]:
    rounded = partial(_rounded, width=architecture.width)
    inputs, side = rounded(32), (architecture.resolution + 1) // 2
    yield convolution(channels, inputs, 3, side)
    yield norm(inputs)
    for stage in STAGES:
        for position in range(_repeats(stage, architecture.depth)):
            middle = inputs * stage.expansion
            if stage.expansion > 1:
                yield convolution(inputs, middle, 1, side)
                yield norm(middle)
            side = (side + 1) // 2 if stage.stride == 2 and position == 0 else side
            yield convolution(middle, middle, stage.kernel, side, groups=middle)
            yield norm(middle)
            yield convolution(middle, inputs // 4, 1, 1, bias=True)  # squeeze and excitation
            yield convolution(inputs // 4, middle, 1, 1, bias=True)
            inputs = rounded(stage.channels)
            yield convolution(middle, inputs, 1, side)
            yield norm(inputs)
    yield convolution(inputs, rounded(1280), 1, side)
    yield norm(rounded(1280))
    yield linear(rounded(1280), classes)


def _rounded(channels: int, width: float) -> int:
    """The nearest multiple of 8, or the next if that is below nine tenths: the authors' rule."""
    wanted = channels * width
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * wanted else nearest


def _repeats(stage: Stage, depth: float) -> int:
    return math.ceil(stage.blocks * depth)


def _blocks(stage: Stage, depth: float) -> list[dict[str, Any]]:
    """What timm's builder makes blocks of; squeeze-and-excitation to a quarter of the inputs."""
    kind = "ds" if stage.expansion == 1 else "ir"
    block: dict[str, Any] = {
        "block_type": kind,
        "dw_kernel_size": stage.kernel,
        "out_chs": stage.channels,
        "stride": stage.stride,
        "se_ratio": 0.25,
        "act_layer": None,
    }
    if kind == "ir":
        block["exp_ratio"] = float(stage.expansion)
    return [dict(block) for _ in range(_repeats(stage, depth))]
