"""What a search over the pool finds: the nouns that `search` fills and reports read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ensearch.fronts import WIDTH, Difference
from ensearch.pool.entry import Entry
from ensearch.units import Axis

SINGLE, SAME, MIXED, CASCADE = FRONTS = ("single", "same architecture", "mixed", "cascade")
# As in ENCAS (Chebykin et al. 2022, arXiv:2203.04011): what a search of cascades should beat.
GREEDY, RANDOM = BASELINES = ("greedy cascades", "random cascades")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An accuracy on images that took no part in the selection, its 95 % interval, and the cost.

    `macs` are mean multiply-adds per example, or the nanoseconds that they take where the search
    was over time. On val all are means over halves, which may have selected other members than
    those of the point.
    """

    accuracy: float
    low: float
    high: float
    macs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """What the search of one front selected within a budget. Costs are those of `Estimate`.

    `members` are indices of the entries, of a cascade in the order in which they run. `macs` and
    `biased_accuracy` are measured on the images of val that made the selection, so the accuracy is
    biased upward; `val` is measured on images that did not. `agreeing_halves` counts the halves of
    val that selected these members too.
    """

    front: str
    budget: float
    members: tuple[int, ...]
    thresholds: tuple[float, ...]
    exits: tuple[float, ...]
    macs: float
    biased_accuracy: float
    agreeing_halves: int
    val: Estimate
    test: Estimate | None = None

    @property
    def shown(self) -> Estimate:
        """The estimate that verdicts are about: that on test if there is one."""
        return self.test or self.val

    @property
    def cost(self) -> float:
        """Multiply-adds of these members on the split of `shown`."""
        return self.test.macs if self.test else self.macs

    @property
    def overspends(self) -> bool:
        """Whether a cascade that was within its budget on val is not on test."""
        return self.cost > self.budget * (1 + 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeComparison:
    """A cascade selected within `share` of the cost of the best mixed ensemble, held against it.

    `lead` is the accuracy of the cascade less that of the ensemble.
    """

    share: float
    ensemble: FrontPoint
    cascade: FrontPoint
    lead: Difference

    @property
    def cost(self) -> float:
        """The cost of the cascade as a share of that of the ensemble."""
        return self.cascade.cost / self.ensemble.cost

    @property
    def accuracy(self) -> float | None:
        """The accuracy of the cascade as a share of the ensemble's; None where that is 0."""
        whole = self.ensemble.shown.accuracy
        return self.cascade.shown.accuracy / whole if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFindings:
    """All that a report of a pool may say.

    `points` has for each budget one point of each front on which something fits. `leads`,
    `mixed_lead` and `cascade_comparisons` are differences on test where it is scored, else on val
    by images that took no part in the selection. The intervals of `leads` hold all at once. All
    costs and budgets are multiply-adds per example, or in the unit of `other_axis`.
    """

    query: str
    entries: tuple[Entry, ...]
    labels: Mapping[str, str]  # split -> what its labels are, in words
    measure: str
    budgets: tuple[float, ...]  # ascending
    points: tuple[FrontPoint, ...]
    baselines: tuple[FrontPoint, ...]
    leads: Mapping[
        tuple[str, float], Difference
    ]  # by front and budget: over the single network there
    mixed_lead: Difference | None  # mixed over same architecture, at the largest budget
    cascade_comparisons: tuple[CascadeComparison, ...]  # by ascending share
    hypervolumes: Mapping[str, float]  # by front, also of baselines; of `val`
    reference: float  # accuracy of the hypervolumes
    uses_before: int = 0  # how often test had been used before
    other_axis: Axis | None = None  # than FLOPs, by which entries were compared
    uses_summary: str = ""  # for people: 3 times before (front twice; pool list once)

    @property
    def has_test(self) -> bool:
        return "test" in self.labels

    def point(self, front: str, budget: float) -> FrontPoint | None:
        """The point of a front at a budget; None where nothing fits."""
        points = (p for p in self.points if (p.front, p.budget) == (front, budget))
        return next(points, None)


def wilson(accuracy: float, images: float) -> tuple[float, float]:
    """95 % interval of a share of `images`. Wilson 1927, equation of the score interval."""
    square = WIDTH**2 / images
    middle = (accuracy + square / 2) / (1 + square)
    half = WIDTH * math.sqrt(accuracy * (1 - accuracy) / images + square / (4 * images))
    half /= 1 + square
    return max(0.0, middle - half), min(1.0, middle + half)
