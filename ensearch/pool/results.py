"""What a search over the pool found: the nouns that `combining` fills and reports read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ensearch.ensembles.paired_differences import Lead
from ensearch.fronts.crossover import WIDTH
from ensearch.pool.entry import Entry

SINGLE, SAME, MIXED, CASCADE = KINDS = ("single", "same architecture", "mixed", "cascade")
# As in ENCAS (Chebykin et al. 2022, arXiv:2203.04011): what a search of cascades should beat.
GREEDY, RANDOM = BASELINES = ("greedy cascades", "random cascades")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """On images that did not choose: accuracy with its 95 % interval, mean multiply-adds.

    On val they are means over halves, which may have chosen other members than those shown.
    """

    accuracy: float
    low: float
    high: float
    macs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What one kind's search chose within a budget. Costs in multiply-adds per example.

    `members` are indices of the entries, of a cascade in the order in which they run. `macs` and
    `flattered`, the accuracy, are on the images of val that chose; `val` is by images that did not.
    `halves` says how many halves of val chose these members too.
    """

    kind: str
    budget: float
    members: tuple[int, ...]
    thresholds: tuple[float, ...]
    exits: tuple[float, ...]
    macs: float
    flattered: float
    halves: int
    val: Score
    test: Score | None = None

    @property
    def shown(self) -> Score:
        """The one that verdicts are about."""
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
class Kept:
    """A cascade chosen within `share` of the cost of the best mixed ensemble, held against it.

    `lead` is its accuracy less the ensemble's.
    """

    share: float
    ensemble: Chosen
    cascade: Chosen
    lead: Lead

    @property
    def cost(self) -> float:
        """The cascade's over the ensemble's."""
        return self.cascade.cost / self.ensemble.cost

    @property
    def accuracy(self) -> float | None:
        """The cascade's over the ensemble's; None where that is 0."""
        whole = self.ensemble.shown.accuracy
        return self.cascade.shown.accuracy / whole if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronts:
    """All that a report of a pool may say. `chosen` has for each budget one of each kind found.

    `leads`, `comparison` and `kept` are differences on test where it is scored, else on val by
    images that did not choose. The intervals of `leads` hold all at once.
    """

    query: str
    entries: tuple[Entry, ...]
    labels: Mapping[str, str]  # split -> what its labels are, in words
    measure: str
    budgets: tuple[float, ...]  # ascending
    chosen: tuple[Chosen, ...]
    baselines: tuple[Chosen, ...]
    leads: Mapping[tuple[str, float], Lead]  # by kind and budget: over the single network there
    comparison: Lead | None  # mixed over same architecture, at the largest budget
    kept: tuple[Kept, ...]  # by ascending share
    hypervolumes: Mapping[str, float]  # by kind, also of baselines; of `val`
    reference: float  # accuracy of the hypervolumes
    opened_before: int = 0  # how often test had been looked at
    opened_how: str = ""  # for people: 3 times before (front twice; pool list once)

    @property
    def has_test(self) -> bool:
        return "test" in self.labels

    def of(self, kind: str, budget: float) -> Chosen | None:
        found = (c for c in self.chosen if (c.kind, c.budget) == (kind, budget))
        return next(found, None)


def wilson(accuracy: float, images: float) -> tuple[float, float]:
    """95 % interval of a share of `images`. Wilson 1927, equation of the score interval."""
    square = WIDTH**2 / images
    middle = (accuracy + square / 2) / (1 + square)
    half = WIDTH * math.sqrt(accuracy * (1 - accuracy) / images + square / (4 * images))
    half /= 1 + square
    return max(0.0, middle - half), min(1.0, middle + half)
