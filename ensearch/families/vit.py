"""Vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), timm's VisionTransformer.

Width is the dimension of the embedding and depth the number of blocks; learned positions, a class
token and an MLP of four times the width, as in the paper. Two things follow from the rest:

- the patch is the largest of at most 16 pixels a side that divides the resolution and leaves at
  least 8 x 8 patches: 16 at 224, as ViT-B/16, 4 at 32, 1 at 8;
- the heads are as many as bring their dimension nearest to 64, which is that of ViT-Ti, S, B and L.
  Their number does not change the cost.
"""

import math

from timm.models import VisionTransformer
from torch import nn

from ensearch.core import Architecture, Grid

SUMMARY = "Vision transformer: width of the embedding, depth in blocks, patches by the resolution"
ARGUMENT = ""
WIDTHS = Grid(low=16, high=4096, step=8)
DEPTHS = Grid(low=1, high=200, step=1)
MIN_RESOLUTION = 8

# Width and depth of table 1 of the paper, and of Ti and S of Touvron et al. 2021, arXiv:2012.12877.
NAMES = {(192, 12): "Ti", (384, 12): "S", (768, 12): "B", (1024, 24): "L"}
_LARGEST_PATCH, _FEWEST_PATCHES, _HEAD = 16, 8, 64


def known_as(architecture: Architecture) -> str:
    name = NAMES.get((round(architecture.width), round(architecture.depth)))
    return f"ViT-{name}/{patch(architecture.resolution)}" if name else ""


def patch(resolution: int) -> int:
    """Pixels on each side of a patch."""
    most = min(_LARGEST_PATCH, resolution // _FEWEST_PATCHES)
    return next(side for side in range(most, 0, -1) if resolution % side == 0)


def heads(width: int) -> int:
    """Of the divisors of the width, the one whose heads are nearest to 64, as a ratio."""
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
    )
    return model
