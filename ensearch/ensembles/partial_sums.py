"""Many ensembles scored at once: each is the sum of an ensemble so far, and one row more.

Greedy selection, local search and enumeration all ask the same question: which of these members,
added to the ensemble so far, makes the best ensemble? Sums of probabilities serve as well as means,
so one more member costs one addition for each image and class. An image is right where the label's
sum is above the sums of all its rivals (the other classes), which needs no argmax.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.core import Floats, Labels
from ensearch.ensembles import metrics
from ensearch.ensembles.candidates import Candidates, MixedEnsemble, Probs

CHUNK = 1 << 18  # numbers in flight: 1 MB of float32 stays in the cache of a core
Merit = tuple[float, float]  # accuracy, and minus the NLL, which decides between equals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """R ensembles by ascending cost, as sums over their members. Row r has the `members[r]`.

    `own` (R x N) holds the sums of the label, `rivals` (R x (C - 1) x N) those of the other classes
    in their order. Images come last, because maxima over 9 short rows of many images are 6 times as
    fast as over many rows of 9.
    """

    members: tuple[tuple[int, ...], ...]
    sizes: Floats
    macs: Labels
    own: Probs
    rivals: Probs

    def total(self, rows: Sequence[int]) -> tuple[Probs, Probs, int]:
        """Return the sums of some rows: of the label, of the rivals, and of the sizes."""
        added = list(rows)
        size = int(self.sizes[added].sum())
        return self.own[added].sum(axis=0), self.rivals[added].sum(axis=0), size


def sums_of(candidates: Candidates, labels: Labels) -> Sums:
    """Return the single members by ascending cost, behind a row 0 that is no member at all."""
    order = np.argsort(candidates.macs, kind="stable")
    (members, images, classes), dtype = candidates.probs.shape, candidates.probs.dtype
    own = np.zeros((1 + members, images), dtype)
    rivals = np.zeros((1 + members, classes - 1, images), dtype)
    others = np.arange(classes) != labels[:, None]
    # argmax gives a tie to the first class: rivals behind the label lose it by a hair here too.
    # Averages of votes tie often, of probabilities hardly ever.
    hair = (1e-6 if dtype == np.float32 else 1e-12) * (np.arange(classes - 1) >= labels[:, None])
    for row, member in enumerate(order, start=1):
        probs = candidates.probs[member]
        own[row] = probs[np.arange(images), labels]
        rivals[row] = (probs[others].reshape(images, classes - 1) - hair).T
    return Sums(
        members=((), *((int(member),) for member in order)),
        sizes=np.minimum(np.arange(1 + members), 1.0),
        macs=np.concatenate([[0], candidates.macs[order]]),
        own=own,
        rivals=rivals,
    )


def merits(sums: Sums, base: tuple[Probs, Probs, int], rows: slice) -> Floats:
    """Return the merit of `base` (from `Sums.total`) with each of `rows` added: larger is better.

    It is the number of hits, less a thousandth of the NLL, which is below 1 by its cap of 708 nats
    and so only decides between equals.
    """
    own, rivals, size = base
    start, stop = rows.start or 0, rows.stop
    images = own.shape[-1]
    step = max(1, CHUNK // rivals.size)
    result = np.empty(max(stop - start, 0))
    for at in range(start, stop, step):
        part = slice(at, min(at + step, stop))
        mine, theirs = sums.own[part] + own, sums.rivals[part] + rivals
        sizes = sums.sizes[part] + size
        # As `metrics.nll` caps it: in float64, and the mean's probability, not the sum's.
        means = np.maximum(mine / sizes[:, None], np.finfo(np.float64).tiny)
        nll = -np.log(means).sum(axis=1) / images
        hits = np.count_nonzero(mine > theirs.max(axis=1), axis=1)
        result[part.start - start : part.stop - start] = hits - nll / 1000
    return result


class BestSoFar:
    """The best ensemble that a search has seen within each budget."""

    def __init__(self, budgets: Sequence[float]) -> None:
        self._budgets = np.array(budgets)
        self._merits = np.full(len(budgets), -np.inf)
        self._members: list[tuple[int, ...]] = [() for _ in budgets]

    def see(
        self, base: Sequence[int], macs: float, merits: Floats, sums: Sums, rows: slice
    ) -> None:
        """Take note of the members `base`, which cost `macs`, with each of `rows` of `sums`."""
        if not len(merits) or merits.max() <= self._merits.min():
            return
        # Rows ascend in cost: those within a budget are the first ones.
        inside = np.searchsorted(sums.macs[rows] + macs, self._budgets, side="right")
        for k, count in enumerate(inside):
            best = int(merits[:count].argmax()) if count else 0
            if count and merits[best] > self._merits[k]:
                self._merits[k] = merits[best]
                added = sums.members[(rows.start or 0) + best]
                self._members[k] = tuple(sorted((*base, *added)))

    def members(self, k: int) -> tuple[int, ...]:
        """Return the best members within budget k so far; empty if there are none."""
        return self._members[k]

    def selected(self, candidates: Candidates, labels: Labels) -> tuple[MixedEnsemble | None, ...]:
        """Return the best of all seen and of the single members for each budget, in float64.

        So rounding in the search can neither lose to a single member nor fall as budgets rise.
        """
        result: list[MixedEnsemble | None] = []
        best: tuple[Merit, tuple[int, ...]] | None = None
        left = np.argsort(candidates.macs, kind="stable").tolist()
        alone = (candidates.probs.argmax(axis=2) == labels).mean(axis=1)
        for k, budget in enumerate(self._budgets):
            rivals = [self._members[k]] if self._members[k] else []
            while left and candidates.macs[left[0]] <= budget:
                rivals.append((left.pop(0),))
            for members in rivals:
                # Most members alone are behind: what they have right shows it without their NLL.
                if len(members) == 1 and best and alone[members[0]] < best[0][0]:
                    continue
                merit = merit_of(candidates, labels, members)
                if best is None or merit > best[0]:
                    best = merit, members
            result.append(None if best is None else mixed_ensemble(candidates, labels, best[1]))
        return tuple(result)


def mean_of(candidates: Candidates, members: Sequence[int]) -> Floats:
    """Return the arithmetic mean of the members' probabilities, N x C in float64."""
    return np.asarray(candidates.probs[list(members)].mean(axis=0, dtype=np.float64))


def merit_of(candidates: Candidates, labels: Labels, members: Sequence[int]) -> Merit:
    """Return the accuracy of these members' average, and minus its NLL, by `metrics`."""
    mean = mean_of(candidates, members)
    return metrics.accuracy(mean, labels), -metrics.nll(mean, labels)


def mixed_ensemble(candidates: Candidates, labels: Labels, members: Sequence[int]) -> MixedEnsemble:
    """Return the ensemble of these members with its cost and its accuracy on these images."""
    return MixedEnsemble(
        members=tuple(members),
        macs=int(candidates.macs[list(members)].sum()),
        accuracy=metrics.accuracy(mean_of(candidates, members), labels),
    )
