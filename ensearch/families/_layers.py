"""Parameters and multiply-adds of single layers, from their shapes alone.

A family that adds them up says what its networks cost without building them, some thousand times
faster: a search space has hundreds of networks to look at before its study begins. Sides are those
of the output, in pixels.
"""

from ensearch.core import Cost


def convolution(
    inputs: int, outputs: int, kernel: int, side: int, *, groups: int = 1, bias: bool = False
) -> Cost:
    """Cost of a convolution with a square kernel; with as many groups as inputs it is depthwise."""
    weights = outputs * (inputs // groups) * kernel**2
    return Cost(macs=weights * side**2, params=weights + (outputs if bias else 0))


def linear(inputs: int, outputs: int, rows: int = 1) -> Cost:
    """Cost of a linear layer with bias that is applied to each of `rows` vectors."""
    return Cost(macs=inputs * outputs * rows, params=(inputs + 1) * outputs)


def norm(channels: int) -> Cost:
    """Cost of a norm's scale and shift: parameters only, since no products of layers are in it."""
    return Cost(macs=0, params=2 * channels)
