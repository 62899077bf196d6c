"""Members in order, each run only on the images on which those before it were not sure enough.

After each member the probabilities of all members so far are averaged. An image leaves with that
average once its confidence is at least the stage's threshold; from the last stage all leave. The
cost is the mean over images (Wang, Kondratyuk et al. 2022, arXiv:2012.01988, section 3).

`evaluate_many` scores all combinations of thresholds of an order at once. Thresholds come from K
levels, so the stages at which an image may leave are known from the K-valued bins of its
confidences: one histogram over the joint bins of S - 1 stages, summed up along every axis, counts
for all K ** (S - 1) combinations the images that are still there, and those of them that the next
stage has right. Orders that start alike share the work of what they have in common, so that a
further order costs one addition of probabilities and one histogram, and a combination of
thresholds a few additions, whatever the number of images and classes. 1,173,460 cascades of up to 3
of 20 members took 0.52 s on 10,000 images x 10 classes on one core (0.51 to 0.57, n = 3), 2,500
times as many per second as a loop over them (`studies/benchmarks/2026-11-23_cascade.md`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats, Labels
from ensearch.ensembles.candidates import Candidates, Indices, Probs, check
from ensearch.errors import UsageError, unknown

# How many members agree is not among them: it won at none of ten budgets of two studies and lost at
# one (`studies/benchmarks/2026-11-29_exits.md`).
MEASURES = ("max", "margin", "entropy")
NEVER = 2.0  # the threshold at which no image leaves: confidences end at 1
Hits = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """`members` are indices of the candidates in the order in which they run.

    `thresholds` has one number less than `members`: an image leaves after a member if its
    confidence by `measure` is at least the threshold; above 1 none does. `macs` is the mean over
    images. It, `accuracy` and `exits`, the share of images that leave after each member, are
    measured on the images that selected the cascade, and so they are optimistic.
    """

    members: tuple[int, ...]
    thresholds: tuple[float, ...]
    measure: str
    macs: float
    accuracy: float
    exits: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThresholdGrid:
    """All combinations of thresholds of an order of S members.

    `thresholds` holds K ascending ones for each of the first S - 1 stages. `hits` (images that are
    right) and `macs` (mean per image) have a dimension of K for each of these stages.
    """

    members: tuple[int, ...]
    thresholds: tuple[Floats, ...]
    hits: Labels
    macs: Floats

    def at(self, index: int) -> tuple[float, ...]:
        """Return the thresholds that belong to a flat index of `hits`."""
        levels = np.unravel_index(index, self.hits.shape)
        return tuple(float(t[k]) for t, k in zip(self.thresholds, levels, strict=True))


def confidence(sums: Probs, size: int, measure: str) -> Floats:
    """Return how sure an average is of each image, in [0, 1], from C x N sums over `size` members.

    `max` is the largest probability, `margin` its distance to the second, and `entropy` 1 less the
    entropy over its maximum log C: 0 for even probabilities, 1 for certainty. UsageError for
    another measure.
    """
    if measure not in MEASURES:
        raise unknown("measure of confidence", measure, MEASURES)
    if measure == "max":
        sure = sums.max(axis=0) / size
    elif measure == "margin":
        first, second = sums[0], np.zeros_like(sums[0])
        for row in sums[1:]:
            second = np.maximum(second, np.minimum(first, row))
            first = np.maximum(first, row)
        sure = (first - second) / size
    else:
        mean = sums / size
        logs = np.log(np.maximum(mean, np.finfo(mean.dtype).tiny))
        sure = 1 + (mean * logs).sum(axis=0) / np.log(len(sums))
    # Rounding may leave the range.
    return np.asarray(np.clip(sure, 0.0, 1.0), np.float64)


def right(sums: Probs, labels: Labels) -> Hits:
    """Return whether the first of the largest of C x N sums, as by argmax, is the label's: N."""
    top = sums.max(axis=0)
    hits = sums[labels, np.arange(len(labels))] == top
    # argmax over 10 classes takes 8 times as long as this: only for images that have ties.
    first = sums == top
    if np.count_nonzero(first) > len(labels):
        tied = np.flatnonzero(np.count_nonzero(first, axis=0) > 1)
        hits[tied] &= sums[:, tied].argmax(axis=0) == labels[tied]
    return np.asarray(hits)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stage:
    """A prefix of orders, its last member included, with its exits open.

    `joint` numbers, for each image, its combination of bins of all stages so far. For every
    combination of thresholds, `hits` counts the images that have left and are right, `macs` is the
    mean cost so far, and `stay` the share of images that have not left.
    """

    sums: Probs
    joint: Indices
    thresholds: tuple[Floats, ...]
    hits: Labels
    macs: Floats
    stay: Floats


class _Orders:
    """Walks orders in lexicographic order and keeps the stages of the prefix they share."""

    def __init__(self, candidates: Candidates, labels: Labels, levels: int, measure: str) -> None:
        self._labels, self._levels, self._measure = labels, levels, measure
        self._probs = candidates.probs
        self._macs = candidates.macs.astype(np.float64)
        self._images: dict[int, Probs] = {}
        self._path: list[tuple[int, _Stage]] = []
        # The empty prefix: every image is there, in one cell.
        self._start = _Stage(
            sums=np.zeros((self._probs.shape[2], len(labels)), self._probs.dtype),
            joint=np.zeros(len(labels), np.intp),
            thresholds=(),
            hits=np.zeros((), np.int64),
            macs=np.zeros(()),
            stay=np.ones(()),
        )

    def grid(self, order: Sequence[int]) -> ThresholdGrid:
        *before, last = order
        same = 0
        for (member, _), wanted in zip(self._path, before, strict=False):
            if member != wanted:
                break
            same += 1
        del self._path[same:]
        for member in before[same:]:
            stage = self._path[-1][1] if self._path else self._start
            self._path.append((member, self._open(stage, member)))
        stage = self._path[-1][1] if self._path else self._start
        hit = right(stage.sums + self._member(last), self._labels)
        return ThresholdGrid(
            members=tuple(order),
            thresholds=stage.thresholds,
            hits=stage.hits + self._staying(stage.joint[hit], stage.hits.ndim),
            macs=stage.macs + self._macs[last] * stage.stay,
        )

    def _open(self, stage: _Stage, member: int) -> _Stage:
        """The stage after `member`, with thresholds at levels of its confidences."""
        sums = stage.sums + self._member(member)
        sure = confidence(sums, len(stage.thresholds) + 1, self._measure)
        thresholds = levels_of(sure, self._levels)
        bins = np.searchsorted(thresholds, sure, side="right")
        joint = stage.joint * self._levels + bins
        depth = stage.hits.ndim + 1
        stay = self._staying(joint[right(sums, self._labels)], depth)
        return _Stage(
            sums=sums,
            joint=joint,
            thresholds=(*stage.thresholds, thresholds),
            # At the last level, NEVER, all who came are still there: those who left are the rest.
            hits=stage.hits[..., None] + stay[..., -1:] - stay,
            macs=(stage.macs + self._macs[member] * stage.stay)[..., None] + np.zeros(self._levels),
            stay=self._staying(joint, depth) / len(self._labels),
        )

    def _staying(self, joint: Indices, depth: int) -> Labels:
        """For each combination of levels of `depth` stages how many of the images have not left.

        An image leaves at level k if its bin is above k: it stays where all its bins are at most k.
        """
        count = np.bincount(joint, minlength=self._levels**depth).reshape((self._levels,) * depth)
        for axis in range(depth):
            np.cumsum(count, axis=axis, out=count)
        return count

    def _member(self, member: int) -> Probs:
        """C x N: sums over classes are then sums of long rows."""
        if member not in self._images:
            self._images[member] = np.ascontiguousarray(self._probs[member].T)
        return self._images[member]


def levels_of(sure: Floats, levels: int) -> Floats:
    """Return `levels` ascending thresholds: quantiles of confidences, and `NEVER`.

    Each is halfway between two neighbouring confidences, so that it parts images by a margin.
    """
    ordered = np.sort(sure)
    places = np.linspace(0, len(ordered), levels + 1)[1:-1].astype(np.intp).clip(1)
    places = places.clip(max=len(ordered) - 1)
    return np.append((ordered[places - 1] + ordered[places]) / 2, NEVER)


def evaluate_many(
    candidates: Candidates,
    labels: Labels,
    orders: Sequence[Sequence[int]],
    *,
    levels: int = 32,
    measure: str = "max",
) -> Iterator[ThresholdGrid]:
    """Yield the grid of all thresholds of each order, in lexicographic order of the orders.

    Thresholds are `levels` - 1 quantiles of a stage's confidences on these images, and a last one
    above 1. Grids come one after the other, because all of them may not fit into memory. UsageError
    for orders that are empty, repeat a member or name one that is not there, and for fewer than 2
    levels.
    """
    check(candidates, labels, [])
    members = range(len(candidates.keys))
    for order in orders:
        if not order or len(set(order)) < len(order) or not set(order) <= set(members):
            raise UsageError(
                f"a cascade needs different members from 0 to {len(members) - 1}; got {order}."
            )
    if levels < 2:
        raise UsageError(f"a cascade needs at least 2 levels of thresholds; got {levels}.")
    walk = _Orders(candidates, labels, levels, measure)
    return (walk.grid(order) for order in sorted(map(tuple, orders)))


def run(
    candidates: Candidates, members: Sequence[int], thresholds: Sequence[float], measure: str
) -> tuple[Probs, npt.NDArray[np.intp]]:
    """Return the C x N sums with which images leave, and the place of the member after which."""
    sums = np.ascontiguousarray(candidates.probs[members[0]].T)
    final, left = sums.copy(), np.full(sums.shape[1], len(members) - 1)
    there = np.ones(sums.shape[1], np.bool_)
    for place, threshold in enumerate(thresholds):
        leaves = there & (confidence(sums, place + 1, measure) >= threshold)
        left[leaves] = place
        there &= ~leaves
        sums = sums + candidates.probs[members[place + 1]].T
        final[:, there] = sums[:, there]
    return final, left


def cascade(
    candidates: Candidates,
    labels: Labels,
    members: Sequence[int],
    thresholds: Sequence[float],
    measure: str,
) -> Cascade:
    """Return the cascade with its mean cost, accuracy and exits on these images."""
    final, left = run(candidates, members, thresholds, measure)
    paid = np.cumsum(candidates.macs[list(members)])
    return Cascade(
        members=tuple(members),
        thresholds=tuple(thresholds),
        measure=measure,
        macs=float(paid[left].mean()),
        accuracy=float(right(final, labels).mean()),
        exits=tuple((np.bincount(left, minlength=len(members)) / len(left)).tolist()),
    )
