"""What would settle an undecided budget: more members of which networks, or more images."""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ensearch.core import Evaluation, Floats
from ensearch.fronts.estimates import Estimate
from ensearch.fronts.noise import Noise

# Members of a network, and times the images: nobody trains or labels more.
STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 23, 32, 45, 64)
CLOSE = 0.95  # of the half width that would just do: estimates move too


class ToSettle(NamedTuple):
    """What would settle an undecided budget, at today's estimates.

    `seeds` maps `network_key` to how many more members of it would do, which cost `train_macs`
    (an estimate, multiply-adds of training); None where 64 more of each would not. `images` is how
    many would do with today's members, None where 64 times as many would not. Half widths of the
    interval of D, fractions of accuracy: today's, with infinitely many members of both networks,
    and with infinitely many images. To decide, the half width has to be below `wanted`. `luck` maps
    `network_key` to the share of the variance of D that comes from the draw of its members.
    """

    seeds: Mapping[str, int] | None
    train_macs: float
    images: int | None
    half_width: float
    half_width_members: float
    half_width_images: float
    wanted: float = 0.0
    luck: Mapping[str, float] = {}


def to_settle(
    pair: tuple[Evaluation, Evaluation],
    places: tuple[int, int],
    noise: Noise,
    covariance: Callable[[Floats], Floats],
    half_width: float,
    wanted: float,
) -> ToSettle:
    """Return what would bring the half width of D between a pair below `wanted`.

    `places` are the pair's indices in the noise, and `covariance` maps a noise covariance to that
    of the estimates. The width is taken to shrink as the standard error of the pair does.
    """
    networks = [int(noise.networks[place]) for place in places]

    def half(more: float, images: float = 1.0) -> float:
        found = covariance(noise.with_more(dict.fromkeys(networks, more), images))
        return half_width * math.sqrt(max(_of_pair(found, places) / now, 0.0))

    now = max(_of_pair(covariance(noise.covariance), places), 1e-18)
    members = _fewest(lambda n: half(n) <= CLOSE * wanted)
    times = _fewest(lambda n: half(0, n) <= CLOSE * wanted)
    each = {e.network: e.train_macs / e.size for e in pair}
    return ToSettle(
        seeds=None if members is None else dict.fromkeys(each, members),
        train_macs=0.0 if members is None else members * sum(each.values()),
        images=None if times is None else times * noise.count,
        half_width=half_width,
        half_width_members=half(math.inf),
        half_width_images=half(0, math.inf),
        wanted=wanted,
    )


def luck(
    evaluations: Sequence[Evaluation], contrast: Floats, noise: Noise, estimate: Estimate
) -> dict[str, float]:
    """Return by network the share of the variance of a contrast that its seeds make.

    `contrast` holds a weight for each of the J estimates. With k times the members of a network all
    but 1/k of its share goes, at least: the less noise, the more an estimate follows its own
    measurement.
    """
    errors = estimate.influence.T @ contrast
    variance = max(float(contrast @ estimate.covariance(noise.covariance) @ contrast), 1e-18)
    drawn = noise.members + noise.both
    result = {}
    for number in np.unique(noise.networks):
        at = np.flatnonzero(noise.networks == number)
        part = float(errors[at] @ drawn[np.ix_(at, at)] @ errors[at]) / variance
        result[evaluations[at[0]].network] = part
    return result


def _of_pair(covariance: Floats, places: tuple[int, int]) -> float:
    chosen = covariance[np.ix_(places, places)]
    return float(chosen[0, 0] + chosen[1, 1] - 2 * chosen[0, 1])


def _fewest(does: Callable[[int], bool]) -> int | None:
    """The smallest of STEPS from which on it does, None if none does."""
    place = bisect_left(STEPS, True, key=does)
    return STEPS[place] if place < len(STEPS) else None
