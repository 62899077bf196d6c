"""The difference of two accuracies that were measured on the same images."""

import math
from dataclasses import dataclass

from ensearch.fronts.noise import WIDTH, Noise
from ensearch.units import format_points


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One accuracy less another, a fraction, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def side(self) -> int:
        """1 if the interval is above 0, -1 if below, 0 where it cannot be told."""
        return int(self.low > 0) - int(self.high < 0)

    @property
    def points(self) -> str:
        """The difference in points with its interval: +0.40 [-0.30, +1.10]."""
        return format_points(self.value, self.low, self.high)


def difference(noise: Noise, one: int, other: int) -> Difference:
    """Return the accuracy at the first index less that at the second.

    The interval is normal, and holds by itself. Its variance is that of the images, which are the
    same for both, and of the training seeds.
    """
    value = float(noise.accuracies[one] - noise.accuracies[other])
    of = noise.covariance
    half = WIDTH * math.sqrt(max(0.0, of[one, one] + of[other, other] - 2 * of[one, other]))
    return Difference(value=value, low=value - half, high=value + half)
