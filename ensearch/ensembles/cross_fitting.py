"""Choosing by some images and scoring by others, so that what a search reports can be believed.

The best of many on the images that chose it is flattered. So images are cut into halves, each half
chooses, and the other scores: every image is scored by a choice that has not seen it. One cut is
noisy, so there are several, and an image's hits are a mean over them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats, Labels
from ensearch.ensembles.candidates import Candidates, Choice, Indices, check
from ensearch.ensembles.cascades import NEVER, Cascade, right, run
from ensearch.ensembles.partial_sums import mean_of
from ensearch.seeds import derive

# In simulated pools (`scripts/simulations/cross_fitting`, 500 images, n = 100) 1, 2, 4 and 8 cuts
# miss the true accuracy by 2.6, 2.4, 2.3 and 2.2 points, root mean square, and true differences
# between kinds by 2.6, 2.2, 2.0 and 1.9. Each cut takes two searches.
CUTS = 4

Found = Choice | Cascade
Search = Callable[[Candidates, Labels, Sequence[float]], Sequence[Found | None]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Applied:
    """A choice on N images of any split: `hits` and `costs`, multiply-adds, are an image's own.

    `exits` is the share of the images that leave after each member; an ensemble has one exit.
    """

    hits: npt.NDArray[np.bool_]
    costs: Floats
    exits: tuple[float, ...]

    @property
    def accuracy(self) -> float:
        return float(self.hits.mean())

    @property
    def macs(self) -> float:
        """Mean over the images."""
        return float(self.costs.mean())


def apply(found: Found, candidates: Candidates, labels: Labels) -> Applied:
    """What was chosen on one split, on another; the same candidates in the same order."""
    check(candidates, labels, [])
    if isinstance(found, Choice):
        hits = mean_of(candidates, found.members).argmax(axis=1) == labels
        left, paid = np.zeros(len(labels), np.intp), np.array([float(found.macs)])
    else:
        sums, left = run(candidates, found.members, found.thresholds, found.measure)
        hits = right(sums, labels)
        paid = np.cumsum(candidates.macs[list(found.members)], dtype=np.float64)
    shares = np.bincount(left, minlength=len(paid)) / len(labels)
    return Applied(hits=hits, costs=paid[left], exits=tuple(shares.tolist()))


def halves(labels: Labels, seed: int, cut: int = 0) -> tuple[Indices, Indices]:
    """Ascending indices of two halves, in which every class has as many images, to one."""
    order = np.random.default_rng(derive("halves", seed, cut)).permutation(len(labels))
    ordered = order[np.argsort(labels[order], kind="stable")]
    return np.sort(ordered[::2]), np.sort(ordered[1::2])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """A front of choices made on all images, and what such choices are worth on others.

    `hits` (K x N, a mean over cuts, in [0, 1]), `macs` and `accuracy` (K, nan where nothing fits)
    are by halves that did not choose. They judge how choices are made, from half the images.
    `seen` are all L different choices, by all images or a half, on all N images; `sides` (2R x N)
    says for R cuts which images are in the one half, and then for the same cuts the other;
    `by_halves` (2R of K) is what each of these chose.
    """

    budgets: tuple[float, ...]
    choices: tuple[Found | None, ...]
    hits: Floats
    macs: Floats
    accuracy: Floats
    seen: tuple[Applied, ...]
    sides: npt.NDArray[np.bool_]
    by_halves: tuple[tuple[Found | None, ...], ...]

    def agreeing(self, k: int) -> int:
        """How many halves chose the members that all images chose, at whatever thresholds."""
        chosen = self.choices[k]
        halves = [half[k] for half in self.by_halves]
        return sum(
            h is not None and chosen is not None and h.members == chosen.members for h in halves
        )

    def made(self, k: int) -> tuple[object, ...]:
        """Equal for two searches that found one predictor on all images and on every half."""
        return tuple(key(front[k]) for front in (self.choices, *self.by_halves))


def checked(
    search: Search,
    candidates: Candidates,
    labels: Labels,
    budgets: Sequence[float],
    *,
    cuts: int = CUTS,
    seed: int = 0,
) -> Checked:
    """A search on all images, and on each half of each cut for the other half to score.

    What all images choose is truly better than what a half does by 0.2 to 0.4 points, but for
    greedy selection, and on the images that chose, accuracies are 0.9 to 3.6 points too high
    (`scripts/simulations/cross_fitting`, n = 100 simulated pools).
    """
    sides = _sides(labels, cuts, seed)
    choices = tuple(search(candidates, labels, budgets))
    by_halves = tuple(
        tuple(search(candidates.take(np.flatnonzero(side)), labels[side], budgets))
        for side in sides
    )
    different = {key(f): f for front in (choices, *by_halves) for f in front if f is not None}
    seen = {which: apply(found, candidates, labels) for which, found in different.items()}
    hits, macs = np.zeros((len(budgets), len(labels))), np.zeros(len(budgets))
    for side, chosen in zip(sides, by_halves, strict=True):
        for k, found in enumerate(chosen):
            if found is None:
                macs[k] = np.nan
                continue
            applied = seen[key(found)]
            hits[k, ~side] += applied.hits[~side] / cuts
            macs[k] += applied.costs[~side].sum() / (cuts * len(labels))
    return Checked(
        budgets=tuple(budgets),
        choices=choices,
        hits=hits,
        macs=macs,
        accuracy=np.where(np.isnan(macs), np.nan, hits.mean(axis=1)),
        seen=tuple(seen.values()),
        sides=sides,
        by_halves=by_halves,
    )


def key(found: Found | None) -> tuple[object, ...]:
    """Equal for choices that are one predictor, so that no image can tell them apart.

    A cascade that no image leaves early is the ensemble of its members.
    """
    if found is None:
        return ()
    if isinstance(found, Choice) or all(threshold >= NEVER for threshold in found.thresholds):
        return tuple(sorted(found.members)), ()
    return found.members, found.thresholds


def _sides(labels: Labels, cuts: int, seed: int) -> npt.NDArray[np.bool_]:
    ones = np.zeros((cuts, len(labels)), np.bool_)
    for cut in range(cuts):
        ones[cut, halves(labels, seed, cut)[0]] = True
    return np.concatenate([ones, ~ones])
