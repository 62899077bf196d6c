"""How wide the intervals of a study will be, from its seeds and images, before it trains anything.

A single network of R1 members and an ensemble of a network of R2, both with accuracy p on N images,
s = p (1 - p). An image is right or wrong for a network more or less surely: between two networks
that differs by a mean square of d s, and between two members of one network by 2 w s. Beyond the
images, members are worth c s more or less, a standard deviation. So the advantage has the variance

    se^2 = s (d + w (1/R1 + 1/R2)) / N  +  (c s)^2 (1/R1 + 1/R2)

and the interval of a report, at all compared budgets at once and with all networks estimated
together, the half width RATIO x se.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensearch.core import Evaluation, Schedule, SubsetHits
from ensearch.fronts.seed_variance import LEAST, between_members, seed_spread
from ensearch.store import Store

# Half width over se at the asked budget, replayed from tables of trained members with a study's own
# p, c, d and w: with 20 trials and 3 seeds a median of 1.72 on CIFAR-10 (1.56 to 1.94 in 80 % of 30
# replays) and of 1.76 on digits (1.44 to 2.14); 1.59 and 1.67 with 26 trials and 2 seeds. At the
# budgets below it 1.60 and 1.50: what is said of them is a little too wide.
RATIO = 1.7
SMALLEST_ENSEMBLE = 2
_MOST = 64  # members of a network: nobody trains more
_FEWEST_DEGREES = 6  # differences between members from which c is known to about 30 %
_NEAR = 2**0.5  # costs within this factor are those of rivals

# Where nothing is measured. On the two tables (CIFAR-10 with 40 % right, digits with 96 %) d was
# 0.16 and 0.25, w 0.52 and 0.62, c 0.043 and 0.21: what they nearly have in common is c sqrt(s),
# 0.021 and 0.039. One c of 0.15 makes the half width on CIFAR-10 2.2 times as wide as it is.
_APART, _WITHIN, _SEEDS = 0.20, 0.57, 0.03
_ACCURACY = 0.80
_USUAL = {"digits": 0.96}  # of the dataset's own schedule, where it was measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What accuracies on a dataset are and how they vary: p, c, d and w of the module's formula.

    `networks` is how many networks that is measured on; 0 where it is a guess.
    """

    accuracy: float
    seeds: float
    apart: float
    within: float
    networks: int = 0

    @property
    def is_measured(self) -> bool:
        return self.networks > 0

    def half_width(self, images: float, single: float, ensemble: float) -> float:
        """Return the half width to expect, a fraction of accuracy.

        `single` and `ensemble` are the members of the two networks. They and the images may be
        infinite.
        """
        s, members = self.accuracy * (1 - self.accuracy), 1 / single + 1 / ensemble
        of_images = s * (self.apart + self.within * members) / images
        return RATIO * math.sqrt(of_images + (self.seeds * s) ** 2 * members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """What a study can tell apart at its budget; accuracies are fractions.

    `half_width` is that of the interval to expect, `half_width_members` the same with infinitely
    many seeds. `seeds` of every network would bring it below the `margin`, or so many validation
    `images`, each alone; None where neither 64 seeds nor all the images that there are would.
    """

    spread: Spread
    margin: float
    half_width: float
    half_width_members: float
    seeds: int | None
    images: int | None

    @property
    def shows_margin(self) -> bool:
        """Whether differences of the margin can be told apart with enough seeds."""
        return self.half_width_members <= self.margin


def expect(
    spread: Spread, *, images: int, seeds: int, margin: float, most_images: float = math.inf
) -> Precision:
    """Return what a study with so many validation images and seeds of every network can tell.

    `most_images` is how many could validate.
    """

    def half(n: float, r: float) -> float:
        return spread.half_width(n, r, max(r, SMALLEST_ENSEMBLE))

    more = next((r for r in range(seeds, _MOST + 1) if half(images, r) <= margin), None)
    members = half(math.inf, seeds)
    needed: int | None = None
    if members < margin:
        # The images' part of the variance has to fit into what the seeds leave.
        rest = margin**2 - members**2
        needed = math.ceil(images * (half(images, seeds) ** 2 - members**2) / rest)
        needed = needed if needed <= most_images else None
    return Precision(
        spread=spread,
        margin=margin,
        half_width=half(images, seeds),
        half_width_members=half(images, math.inf),
        seeds=more,
        images=needed,
    )


def guess(dataset: str) -> Spread:
    """Return the shipped figures, with the accuracy that a dataset (NAME or NAME:...) usually has.

    80 % where none was measured.
    """
    accuracy = _USUAL.get(dataset.partition(":")[0], _ACCURACY)
    scale = math.sqrt(accuracy * (1 - accuracy))
    return Spread(accuracy=accuracy, seeds=_SEEDS / scale, apart=_APART, within=_WITHIN)


def known(
    store: Store, fingerprint: str, schedules: Collection[Schedule], budget: float
) -> Spread | None:
    """Return the spread of what the studies of a storage trained on a dataset, None of too little.

    Networks of these schedules count, or all where these have too few. StorageError if the storage
    cannot be read.
    """
    found: dict[str, Evaluation] = {}
    hits: dict[str, SubsetHits] = {}
    for study in store.studies():
        if study.config.get("fingerprint") != fingerprint:
            continue
        of_study = store.subset_hits(study.name, "val")
        for e in store.evaluations(study.name, split="val"):
            most = found[e.key].trained if e.key in found else 0
            if e.key in of_study and e.trained > most:
                found[e.key], hits[e.key] = e, of_study[e.key]
    same = [e for e in found.values() if e.schedule in schedules]
    return measure(same, hits, budget) or measure(list(found.values()), hits, budget)


def measure(
    evaluations: Sequence[Evaluation], hits: Mapping[str, SubsetHits], budget: float
) -> Spread | None:
    """Return the spread of networks whose predictions are stored; None where too few are.

    `hits` are those of the evaluations by key, all on the same images. The accuracy is that of the
    best single network within the budget, or of the cheapest where none is.
    """
    several = [e for e in evaluations if e.key in hits and e.trained > 1]
    singles = [e for e in several if e.is_single]
    if sum(e.trained - 1 for e in singles) < _FEWEST_DEGREES:
        return None
    tables = [hits[e.key] for e in singles]
    within = {e.network: _within(hits[e.key].hits) for e in singles}
    apart = [
        _apart(one, many, hits, within)
        for one in singles
        for many in several
        if not many.is_single
        and many.network != one.network
        and many.network in within
        and one.cost.macs / _NEAR <= many.cost.macs <= one.cost.macs * _NEAR
    ]
    inside = [e.scores.accuracy for e in singles if e.cost.macs <= budget]
    images = tables[0].hits.shape[1]
    found = max(inside) if inside else min(singles, key=lambda e: e.cost.macs).scores.accuracy
    return Spread(
        accuracy=(found * images + 1) / (images + 2),  # all right today may be all but one tomorrow
        seeds=max(seed_spread(between_members(singles, tables)), LEAST),
        apart=max(float(np.mean(apart)), 0.0) if apart else _APART,
        within=float(np.mean([within[e.network] / _scale(e) for e in singles])),
        networks=len(singles),
    )


def _scale(e: Evaluation) -> float:
    return max(e.scores.accuracy * (1 - e.scores.accuracy), 1e-3)


def _within(table: npt.NDArray[np.bool_]) -> float:
    """How much hits of members (R x N) vary on the same image."""
    return float(table.var(axis=0, ddof=1).mean())


def _apart(
    one: Evaluation,
    many: Evaluation,
    hits: Mapping[str, SubsetHits],
    within: Mapping[str, float],
) -> float:
    """d of a pair: what infinitely many members would not average away."""
    gaps = hits[many.key].hits.mean(axis=0) - hits[one.key].hits.mean(axis=0)
    luck = sum(within[e.network] / e.trained for e in (one, many))
    return float(gaps.var() - luck) / math.sqrt(_scale(one) * _scale(many))
