"""Vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), timm's VisionTransformer.

Width is the dimension of the embedding and depth the number of blocks; learned positions, a class
token, an MLP of four times the width and weights drawn as in the paper. Two things follow:

- the patch is the largest of 2 to 16 pixels a side that divides the resolution and leaves at least
  8 x 8 patches, else the smallest that leaves 4 x 4: 16 at 224, as ViT-B/16, 4 at 32, 2 at 8;
- the heads are as many as bring their dimension nearest to 64, which is that of ViT-Ti, S, B and L.
  Their number does not change the cost.

It learns slowly by SGD, and only at a low rate. On digits (8 x 8, 959 images, batches of 64, n = 1)
4 blocks of 64 channels came after 12 epochs to 14, 35, 39 and 40 % on val at peak_lr 0.4, 0.2, 0.1
and 0.05, after 40 epochs to 86 % at 0.2 and 87 % at 0.1; at width 128, 0.4 diverged and 0.05 was
the best of the four. A WRN-10-0.25 had 96 % after 10. Of 2 blocks of 32 channels with patches of
one pixel the best of 5 rates had 23 % after 10 epochs, and 16 % with weights drawn in timm's usual
way. The mean of all patches instead of the class token made -5 to +19 points after 12 epochs (7
pairs) and -3 to -0.4 after 40 (3 pairs).
"""

import math
from collections.abc import Iterator

from timm.models import VisionTransformer
from torch import nn

from ensearch.core import Architecture, Cost, Range
from ensearch.families._layers import convolution, linear, norm

SUMMARY = "Vision transformer: width of the embedding, depth in blocks, patches by the resolution"
ARGUMENT = ""
WIDTHS = Range(low=16, high=4096, step=8)
DEPTHS = Range(low=1, high=200, step=1)
MIN_RESOLUTION = 8

# Width and depth of table 1 of the paper, and of Ti and S of Touvron et al. 2021, arXiv:2012.12877.
NAMES = {(192, 12): "Ti", (384, 12): "S", (768, 12): "B", (1024, 24): "L"}
_HEAD = 64


def published(name: str, width: float, depth: float) -> tuple[int, int]:
    return (224, 1000)


def known_as(architecture: Architecture) -> str:
    name = NAMES.get((round(architecture.width), round(architecture.depth)))
    return f"ViT-{name}/{patch(architecture.resolution)}" if name else ""


def patch(resolution: int) -> int:
    """Pixels on each side of a patch."""
    sides = [side for side in range(2, resolution // 4 + 1) if resolution % side == 0]
    usual = [side for side in sides if side <= min(16, resolution // 8)]
    return max(usual) if usual else min(sides, default=1)


def heads(width: int) -> int:
    """The divisor of the width whose heads are nearest to 64 wide, as a ratio."""
    divisors = (count for count in range(1, width + 1) if width % count == 0)
    return min(divisors, key=lambda count: abs(math.log(width / count / _HEAD)))


def build(architecture: Architecture, channels: int, classes: int) -> nn.Module:
    width = round(architecture.width)
    model: nn.Module = VisionTransformer(
        img_size=architecture.resolution,
        patch_size=patch(architecture.resolution),
        in_chans=channels,
        num_classes=classes,
        embed_dim=width,
        depth=round(architecture.depth),
        num_heads=heads(width),
        weight_init="jax",  # as the paper's own code; timm's usual one is for widths of hundreds
    )
    return model


def layers(architecture: Architecture, channels: int, classes: int) -> Iterator[Cost]:
    width, side = round(architecture.width), patch(architecture.resolution)
    across = architecture.resolution // side
    tokens = across**2 + 1
    yield convolution(channels, width, side, across, bias=True)
    yield Cost(macs=0, params=(tokens + 1) * width)  # positions, and the class token itself
    for _ in range(round(architecture.depth)):
        yield linear(width, 3 * width, tokens)
        yield Cost(macs=2 * width * tokens**2, params=0)  # queries by keys, and these by values
        yield linear(width, width, tokens)
        yield linear(width, 4 * width, tokens)
        yield linear(4 * width, width, tokens)
        yield from 2 * [norm(width)]
    yield norm(width)
    yield linear(width, classes)
