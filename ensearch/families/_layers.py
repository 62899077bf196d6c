"""Parameters and multiply-adds of single layers, from their shapes alone.

A family that adds them up says what its networks cost without building them, some thousand times
faster: a search space has hundreds of networks to look at before its study begins. Sides are those
of the output, in pixels.
"""

from ensearch.core import Cost


def convolution(
    inputs: int, outputs: int, kernel: int, side: int, *, groups: int = 1, bias: bool = False
) -> Cost:
    """A square one; with as many groups as inputs a depthwise one."""
    weights = outputs * (inputs // groups) * kernel**2
    return Cost(macs=weights * side**2, params=weights + (outputs if bias else 0))


def linear(inputs: int, outputs: int, rows: int = 1) -> Cost:
    """With bias, applied to each of `rows` vectors."""
    return Cost(macs=inputs * outputs * rows, params=(inputs + 1) * outputs)


def norm(channels: int) -> Cost:
    """Scale and shift; what it multiplies is not counted, as nothing but products of layers is."""
    return Cost(macs=0, params=2 * channels)
