"""Hits of images -> accuracies and how far they may be off, all together.

Two things move an accuracy: the draw of the images, which is the same for all networks, and the
draw of the training seeds. What a member and an image do together (this member misses this image)
is in the hits, so that only what a member is worth on all images has to be added (Jordan 2023,
arXiv:2304.01910, finds it small). Sizes of one network share its members and its luck.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensearch.core import Evaluation, Floats, SubsetHits
from ensearch.fronts.seed_variance import between_members, degrees_of_freedom, spread_by_cost

WIDTH = 1.96  # standard errors of a 95 % interval on either side

# Errors whose variance is added to every count. Without it two perfect kinds on 500 images differ
# by "+0.48 [+0.48, +0.48]"; with it by up to 0.8 points, where 0 errors in 500 may be up to 0.6 %.
HIDDEN = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """Accuracies of J evaluations (fractions) and the J x J covariances of their errors.

    `images` is the covariance from drawing `count` images, `both` the part of it that more members
    would average away, `members` that of what the members are worth on all images. `networks`
    numbers the network of each evaluation, `trained` its members. `degrees` are the independent
    differences between members from which `members` is estimated.
    """

    accuracies: Floats
    images: Floats
    both: Floats
    members: Floats
    count: int
    networks: npt.NDArray[np.intp]
    trained: Floats
    degrees: int

    @property
    def covariance(self) -> Floats:
        return self.images + self.members

    def with_more(self, members: Mapping[int, float], images: float) -> Floats:
        """Return the covariance with so many more members of networks, and `images` times as many.

        Either may be infinite.
        """
        more = np.array([members.get(int(n), 0.0) for n in self.networks])
        share = np.sqrt(self.trained / (self.trained + more))
        kept = np.outer(share, share)
        left = (self.images - self.both * (1 - kept)) / images + self.members * kept
        # `both` is an estimate: what it leaves may have variances below 0 in some direction.
        sizes, axes = np.linalg.eigh(left)
        return np.asarray((axes * np.maximum(sizes, 0.0)) @ axes.T)


def measure(evaluations: Sequence[Evaluation], hits: Sequence[SubsetHits]) -> Noise:
    """Return accuracies and noise of evaluations from what their subsets got right on one split."""
    table = np.stack([of_subsets.hits.mean(axis=0) for of_subsets in hits], axis=1)
    count, accuracies = len(table), table.mean(axis=0)
    names = [e.network for e in evaluations]
    networks = np.unique(names, return_inverse=True)[1]
    trained = np.array([len({m for s in of.subsets for m in s}) for of in hits], np.float64)
    same = networks[:, None] == networks[None]
    # Of one image nothing is known but the variance of one error, which is added to every count.
    images = np.cov(table, rowvar=False, ddof=min(1, count - 1)).reshape(same.shape) / count
    images += np.diag(np.full(len(accuracies), HIDDEN / count**2))
    between = between_members(evaluations, hits)
    cost = np.log2([e.cost.macs / e.size for e in evaluations])
    hidden = (accuracies * count + 1) / (count + 2)  # an accuracy of 1 may vary between seeds too
    luck = spread_by_cost(between, cost) * hidden * (1 - hidden) / np.sqrt(trained)
    rest = {b.network: b.of_images for b in between}
    both = np.sqrt([rest.get(name, 0.0) for name in names] / trained)
    both = np.minimum(both, np.sqrt(0.9 * np.diag(images)))
    return Noise(
        accuracies=accuracies,
        images=images,
        both=same * np.outer(both, both),
        members=same * np.outer(luck, luck),
        count=count,
        networks=networks.astype(np.intp),
        trained=trained,
        degrees=degrees_of_freedom(between),
    )
