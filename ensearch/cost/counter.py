"""Architecture -> Cost, and the width that fits a cost.

A cost is worked out from the shapes of the layers where the family says them, which the tests hold
against the count of operators, and else is that count. Operators are counted on the meta device (no
memory, no arithmetic), functional and attention ones too, which thop does not see.
"""

import copy
import functools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ensearch import families
from ensearch.core import Architecture, Cost, Range, Schedule
from ensearch.errors import UsageError

if TYPE_CHECKING:  # 2 s to import
    import torch
    from torch import nn

# A larger disagreement between the two counters is reported; on CNNs they agree within 0.6 %.
THOP_TOLERANCE = 0.02


@functools.cache
def count(architecture: Architecture, channels: int, classes: int) -> Cost:
    """Cost of one forward pass of one example of `channels` x R x R, in multiply-adds.

    As `count_operators` has it, in 0.1 ms where the family knows its layers instead of 40 to 500:
    an EfficientNet study began 30 s later. Raises UsageError if the network cannot be built or does
    not map such an example to one logit a class.
    """
    families.check(architecture)
    layers = families.get(architecture.family).layers(architecture, channels, classes)
    if layers is None:
        return count_operators(architecture, channels, classes)
    costs = list(layers)
    return Cost(macs=sum(c.macs for c in costs), params=sum(c.params for c in costs))


def count_operators(architecture: Architecture, channels: int, classes: int) -> Cost:
    """The same by building the network and running it on the meta device.

    Counted are convolutions, those of squeeze-and-excitation too, and matrix products, those of
    attention too; not norms, activations, pooling and sums. EfficientNet-B0 to B7 come out as
    torchvision's metadata has them, to the last digit. Raises UsageError if the network does not
    map such an example to one logit a class.
    """
    # Not above: a study that goes on knows its costs, and torch takes 2 s to import.
    import torch
    from torch import nn

    from ensearch.cost.operators import MultiplyAdds, Unfilled

    with torch.device("meta"), Unfilled():
        model = families.build(architecture, channels, classes).eval()
        example = torch.empty(1, channels, architecture.resolution, architecture.resolution)
    params = sum(p.numel() for p in model.parameters())
    # A norm counts nothing, and taking it apart to see that takes the counter as long as all else.
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            model.set_submodule(name, nn.Identity())
    with MultiplyAdds() as counter, torch.no_grad():
        _forward(model, example, architecture, classes)
    return Cost(macs=counter.count, params=params)


def _forward(
    model: "nn.Module", example: "torch.Tensor", architecture: Architecture, classes: int
) -> None:
    try:
        output = model(example)
    except Exception as error:  # whatever the author of a model checks, and how
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(
            f"{architecture.key} cannot compute images of {architecture.resolution} pixels a side: "
            f"{first}. Take another resolution, or another network."
        ) from error
    shape = tuple(getattr(output, "shape", ()))
    if shape != (1, classes):
        what = f"an output of shape {shape}" if shape else f"a {type(output).__name__}"
        raise UsageError(
            f"{architecture.key} must map an image to {classes} logits, one a class; it gives "
            f"{what}. Take a network that classifies."
        )


def training_macs(cost: Cost, images: int, schedule: Schedule) -> float:
    """Estimated multiply-adds of training one member: forward, and twice that for backward.

    Measured forward + backward over forward is 2.93 for a ResNet-18.
    """
    return 3.0 * cost.macs * images * schedule.epochs


def count_with_thop(architecture: Architecture, channels: int, classes: int) -> int:
    """The same multiply-adds by thop, as a cross-check.

    On a throw-away copy, because thop leaves buffers behind that break `load_state_dict`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # thop imports distutils' successor
        from thop import profile  # costs 0.5 s, needed here only

    import torch
    from torch import nn

    with torch.device("meta"):
        model = families.build(architecture, channels, classes).eval()
        example = torch.empty(1, channels, architecture.resolution, architecture.resolution)
    # thop counts norms as well, 2.4 % of WRN-10-1: left out, so that both count the same things.
    norms = {
        kind: lambda module, inputs, output: None
        for kind in (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)
    }
    macs, _ = profile(copy.deepcopy(model), inputs=(example,), custom_ops=norms, verbose=False)
    return int(macs)


def disagreement(macs: int, other: int) -> float | None:
    """Relative difference of two counts if it is above the tolerance, else None."""
    relative = abs(other - macs) / macs
    return relative if relative > THOP_TOLERANCE else None


def solve_width(
    cost_at: Callable[[float], float], widths: Range | Sequence[float], target: float
) -> float | None:
    """The largest legal width whose cost is at most `target`; None if even the smallest is above.

    `cost_at` must not decrease with the width. Interpolates on the square root of the cost, since
    multiply-adds and parameters grow about with the square of the width: 2 or 3 counts where
    bisection needs 8.
    """
    low, high = 0, len(widths) - 1
    if cost_at(widths[low]) > target:
        return None
    if cost_at(widths[high]) <= target:
        return widths[high]
    while high - low > 1:  # cost_at(low) <= target < cost_at(high)
        bottom, top = math.sqrt(cost_at(widths[low])), math.sqrt(cost_at(widths[high]))
        guess = low + int((high - low) * (math.sqrt(target) - bottom) / (top - bottom))
        guess = min(max(guess, low + 1), high - 1)
        if cost_at(widths[guess]) > target:
            high = guess
        # The guess is often right: looking at its neighbour then ends the search at once.
        elif cost_at(widths[guess + 1]) > target:
            low, high = guess, guess + 1
        else:
            low = guess + 1
    return widths[low]
