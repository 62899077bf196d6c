"""How much the draw of the training seeds moves an accuracy, apart from the noise of the images.

Hits of R members on N images are a two-way table. Its variance has a part of the images, a part
of the members (some turn out better on all images) and a part of both together (this member on
this image). Resampling images carries the first and the last; only the members' own part, small
as a rule (Jordan 2023, arXiv:2304.01910), has to be added. Members are never drawn twice into one
ensemble: two equal members average nothing away.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ensearch.core import Evaluation, Floats, SubsetHits, evaluation_key


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


def seed_spread(evaluations: Sequence[Evaluation], hits: Sequence[SubsetHits]) -> float:
    """Return c such that the accuracy p of a member varies by c p (1 - p) between seeds.

    It is a standard deviation on all images, pooled over networks with at least 2 members by a
    two-way analysis of variance, in which the members' mean square less the residual's is N times
    their variance; 0 where that is negative, nan if no network has 2 members. It is scaled by
    p (1 - p), because the same shift of all margins moves an accuracy near 1 less than one near
    1/2.
    """
    variance = weight = 0.0
    singles = [h.hits for e, h in zip(evaluations, hits, strict=True) if e.is_single]
    several = [table for table in singles if len(table) > 1]
    for table in several:
        p, (members, images) = table.mean(), table.shape
        between = table.mean(axis=1).var(ddof=1)
        # In a table of 0 and 1: residual sum of squares = total - images' - members'.
        total = members * images * p * (1 - p)
        rest = total - members * images * table.mean(axis=0).var()
        rest -= images * (members - 1) * between
        residual = max(rest, 0.0) / ((members - 1) * max(images - 1, 1))
        variance += (members - 1) * (between - residual / images)
        weight += (members - 1) * (p * (1 - p)) ** 2
    if not several:
        return math.nan
    return math.sqrt(max(variance / weight, 0.0)) if weight else 0.0


def seed_deviations(
    evaluations: Sequence[Evaluation], hits: Sequence[SubsetHits], spread: float
) -> Floats:
    """Return each evaluation's standard deviation of accuracy from the luck of its members.

    It is c p (1 - p) / sqrt(members), with c the `spread`: sizes of one network share its members,
    and their accuracies go up and down together.
    """
    accuracies = np.array([e.scores.accuracy for e in evaluations])
    members = [len({m for s in of_subsets.subsets for m in s}) for of_subsets in hits]
    return np.asarray(spread * accuracies * (1 - accuracies) / np.sqrt(members))
