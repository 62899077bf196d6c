"""How hits come about, and the expected accuracy that follows, in closed form.

A subset of m members gets an image right where

    shared u + depth d + network g + mean of (member n + t) > threshold of the size,

u, d, g, n and t normal: the image's difficulty, the differences of the depth, the network and the
member on it, and how good the member turned out on all images. Without bad members the accuracy
expected over images and members is Phi(-threshold / sd) exactly, sd that of the left side, so any
law of accuracy can be imposed by the thresholds. A bad member has its t lowered by b. Then it is
the mean of Phi((-threshold - k b / m) / sd) over the binomial number k of bad members, and the
threshold is found by bisection.
"""

import math
from statistics import NormalDist

from scripts.simulations.verdicts.worlds import World

NORMAL = NormalDist()


def common(world: World) -> float:
    """Return the variance of what all members of a network share."""
    return world.errors.shared**2 + world.errors.depth**2 + world.errors.network**2


def luck_of(world: World, accuracy: float, c: float) -> float:
    """Return the standard deviation of t with which accuracies p vary by about c p (1 - p).

    To first order they vary between seeds by phi(z) / sd times it, where sd includes it.
    """
    if accuracy >= 1 or c == 0:
        return 0.0
    ratio = c * accuracy * (1 - accuracy) / NORMAL.pdf(NORMAL.inv_cdf(accuracy))
    return ratio * math.sqrt((common(world) + world.errors.member**2) / (1 - ratio**2))


def shift_of(world: World, accuracy: float, luck: float) -> float:
    """Return b, with which a bad member's accuracy is the world's `loss` below that of others."""
    if not world.bad:
        return 0.0
    good = accuracy + world.bad * world.loss
    sd = math.sqrt(common(world) + world.errors.member**2 + luck**2)
    return sd * (NORMAL.inv_cdf(good) - NORMAL.inv_cdf(good - world.loss))


def expected(world: World, threshold: float, size: int, luck: float, shift: float) -> float:
    """Return the expected accuracy of an ensemble of `size` with that threshold, in closed form."""
    sd = math.sqrt(common(world) + (world.errors.member**2 + luck**2) / size)
    return math.fsum(
        math.comb(size, k)
        * world.bad**k
        * (1 - world.bad) ** (size - k)
        * NORMAL.cdf((-threshold - k * shift / size) / sd)
        for k in range(size + 1 if world.bad else 1)
    )


def threshold_of(world: World, accuracy: float, size: int, luck: float, shift: float) -> float:
    """Return the threshold with which an ensemble of `size` has that expected accuracy."""
    if accuracy >= 1:
        return -math.inf
    sd = math.sqrt(common(world) + (world.errors.member**2 + luck**2) / size)
    high = -sd * NORMAL.inv_cdf(accuracy)  # without bad members
    if not world.bad:
        return high
    low = high - shift  # even if all members were bad
    for _ in range(60):
        middle = (low + high) / 2
        if expected(world, middle, size, luck, shift) > accuracy:
            low = middle
        else:
            high = middle
    return (low + high) / 2
