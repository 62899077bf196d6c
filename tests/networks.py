"""One small network of every family, for tests that hold for all of them."""

import torch

from ensearch import families
from ensearch.core import Architecture

# A family of models by name is tested with a small model.
EXAMPLES = {"timm": "timm:test_efficientnet"}
NAMES = [EXAMPLES.get(name, name) for name in families.names()]
SIZED = [name for name in NAMES if len(families.get(name).WIDTHS) > 1]


def architecture(name: str, width_step: int = 0, depth_step: int = 0) -> Architecture:
    """The smallest network of the family that is at least as wide as 1/2, or some steps larger."""
    family = families.get(name)
    start = next(i for i, width in enumerate(family.WIDTHS) if width >= 0.5)
    return Architecture(
        family=name,
        width=family.WIDTHS[start + width_step],
        depth=family.DEPTHS[depth_step],
        resolution=max(32, family.MIN_RESOLUTION),
    )


def built(
    architecture: Architecture, seed: int, channels: int = 3, classes: int = 7
) -> torch.nn.Module:
    """The network with weights drawn from `seed`; the global random state stays as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return families.build(architecture, channels, classes)
