"""How much the draw of the training seeds moves an accuracy, apart from the noise of the images.

Hits of R members on N images are a two-way table. Its variance has a part of the images, a part
of the members (some turn out better on all images) and a part of both together (this member on
this image). Resampling images carries the first and the last; only the members' own part, small
as a rule (Jordan 2023, arXiv:2304.01910), has to be added. Members are never drawn twice into one
ensemble: two equal members average nothing away.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ensearch.core import Evaluation, Floats, SubsetHits, evaluation_key

UNKNOWN = 0.15  # c where nobody trained two members: between the cheap and the dear of both tables
LEAST = 0.02  # c: with few members the measured one may be 0 by luck


def seed_error(evaluation: Evaluation, hits: Mapping[str, SubsetHits]) -> float | None:
    """Return the standard error of an accuracy from the draw of its members, on these images.

    None for a single member. `hits` are those of all evaluations of the study by key.

    Jackknife over the R trained members, sqrt(sum of influences^2 / (R (R - 1))). Where the
    subsets of this size cannot tell the members apart (there is only one of all R, or fewer than
    members), those of the next smaller size that can stand in for it.
    """
    for size in range(evaluation.size, 0, -1):
        of_subsets = hits.get(evaluation_key(size, evaluation.network))
        influences = None if of_subsets is None else _influences(of_subsets)
        if influences is not None:
            members = len(influences)
            return math.sqrt(float(np.sum(influences**2)) / (members * (members - 1)))
    return None


def _influences(hits: SubsetHits) -> Floats | None:
    """What each member adds to the mean accuracy of the subsets, as the jackknife counts it.

    (R - 1) (mean of all subsets - mean of those without the member), computed as m (g - mean of
    g) from the least squares fit of subset accuracies on a + g of its m members: equal where all
    subsets are there, and where only some are their choice does not count as noise of the members.
    """
    members = sorted({member for subset in hits.subsets for member in subset})
    design = np.array([[m in subset for m in members] for subset in hits.subsets], np.float64)
    size = len(hits.subsets[0])
    if len(members) < 2 or np.linalg.matrix_rank(design) < len(members):
        return None
    effects = np.linalg.lstsq(design, hits.hits.mean(axis=1), rcond=None)[0]
    return np.asarray(size * (effects - effects.mean()))


class Between(NamedTuple):
    """How far the members of one network differ, by a two-way analysis of variance.

    `variance` is that of their accuracies on N images, of which `of_images` (the residual's mean
    square over N) would be there if all members were worth the same. `accuracy` is their mean.
    """

    network: str
    members: int
    variance: float
    of_images: float
    accuracy: float
    log2_macs: float  # of one member

    @property
    def scale(self) -> float:
        """p (1 - p): the same shift of all margins moves an accuracy near 1 less than near 1/2."""
        return self.accuracy * (1 - self.accuracy)


def between_members(evaluations: Sequence[Evaluation], hits: Sequence[SubsetHits]) -> list[Between]:
    """Return how far members differ, for every network with at least two."""
    result = []
    for e, of_subsets in zip(evaluations, hits, strict=True):
        table = of_subsets.hits
        if not e.is_single or len(table) < 2:
            continue
        p, (members, images) = float(table.mean()), table.shape
        between = float(table.mean(axis=1).var(ddof=1))
        # In a table of 0 and 1: residual sum of squares = total - images' - members'.
        total = members * images * p * (1 - p)
        rest = total - members * images * float(table.mean(axis=0).var())
        rest -= images * (members - 1) * between
        residual = max(rest, 0.0) / ((members - 1) * max(images - 1, 1))
        cost = math.log2(max(e.cost.macs, 1))
        result.append(Between(e.network, members, between, residual / images, p, cost))
    return result


def seed_spread(networks: Sequence[Between]) -> float:
    """Return c such that the accuracy p of a member varies by c p (1 - p) between seeds.

    It is a standard deviation on all images, pooled over networks; 0 where the images explain all,
    nan if there is no network with two members.
    """
    if not networks:
        return math.nan
    weight = sum((n.members - 1) * n.scale**2 for n in networks)
    above = sum((n.members - 1) * (n.variance - n.of_images) for n in networks)
    return math.sqrt(max(above / weight, 0.0)) if weight else 0.0


def degrees_of_freedom(networks: Sequence[Between]) -> int:
    """Return how many independent differences between members there are."""
    return sum(n.members - 1 for n in networks)


def spread_by_cost(networks: Sequence[Between], log2_macs: Floats) -> Floats:
    """Return c at costs of one member (log2 of multiply-adds), where it may change with the cost.

    c^2 = a 2^(b x) over the log2 cost x, averaged over a and b by their likelihood: variances of R
    members are those of chi-squared with R - 1 degrees of freedom, and b is normal around 0 with a
    standard deviation of 1/2. On the digits table c is 0.24 for cheap networks and 0.14 for dear
    ones; with one c for all a band held in 84 % of replays. Costs outside those of the networks
    count as the nearest of theirs. `UNKNOWN` where no network has two members, `LEAST` at least.
    """
    pooled = seed_spread(networks)
    if math.isnan(pooled):
        return np.full(len(log2_macs), UNKNOWN)
    free = np.array([n.members - 1 for n in networks], np.float64)
    x = np.array([n.log2_macs for n in networks])
    middle = float(np.average(x, weights=free))
    squared = max(pooled, LEAST) ** 2
    slopes, levels = np.linspace(-1, 1, 21), np.log(squared) + np.linspace(-2.5, 2.5, 26)
    grid = np.exp(levels[:, None, None] + math.log(2) * slopes[:, None] * (x - middle))
    expected = grid * np.array([n.scale**2 for n in networks])
    expected += np.array([n.of_images for n in networks]) + 1e-12
    found = np.array([n.variance for n in networks])
    fit = -0.5 * (free * (np.log(expected) + found / expected)).sum(axis=2)
    fit -= 0.5 * (slopes / 0.5) ** 2
    weights = np.exp(fit - fit.max())
    at = np.clip(log2_macs, x.min(), x.max()) - middle
    curves = np.exp(levels[:, None, None] + math.log(2) * slopes[:, None] * at)
    mean = (weights[:, :, None] * curves).sum(axis=(0, 1)) / weights.sum()
    return np.asarray(np.sqrt(np.maximum(mean, LEAST**2)))
