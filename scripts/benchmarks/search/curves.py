"""What a side of the benchmark knew by which time: fronts and hypervolume."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ensearch.fronts.hypervolume import hypervolume
from scripts.benchmarks.search.sides import Seen

Pick = tuple[int, float, float, str]  # multiply-adds, accuracy on val and on test, name


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run of a side; `parts` is what it would have seen scoring its ensembles' parts too.

    `tested` maps seconds to the picks that were the front on val by then.
    """

    side: str
    seed: int
    seen: list[Seen]
    parts: list[Seen]
    tested: dict[float, list[Pick]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The axes of the hypervolume; see `low`."""

    low: float
    budget: float
    chance: float

    def points(self, macs: Sequence[float], accuracies: Sequence[float]) -> float:
        """Return the mean height over chance, in points, of the best accuracy within a budget."""
        area = hypervolume(macs, accuracies, self.budget, self.low, self.chance)
        return 100 * area / math.log10(self.budget / self.low)


def known(rows: Sequence[Seen], at: float) -> list[Seen]:
    """Return the latest of every name by then."""
    return list({seen.name: seen for seen in rows if seen.seconds <= at}.values())


def front(rows: Sequence[Seen], at: float) -> list[Seen]:
    """Return what val selects at some budget: better than all that is cheaper, by cost."""
    selected: list[Seen] = []
    for seen in sorted(known(rows, at), key=lambda seen: (seen.macs, -seen.accuracy)):
        if not selected or seen.accuracy > selected[-1].accuracy:
            selected.append(seen)
    return selected


def on_test(scale: Scale, picks: Sequence[Pick]) -> float:
    """Return the same of the test accuracy of what val selected: it may fall along the budget."""
    edges = [math.log10(macs) for macs, *_ in picks] + [math.log10(scale.budget)]
    area = sum(
        (test - scale.chance) * (edges[k + 1] - edges[k]) for k, (_, _, test, _) in enumerate(picks)
    )
    return 100 * area / math.log10(scale.budget / scale.low)


def curve(scale: Scale, rows: Sequence[Seen]) -> list[tuple[float, float]]:
    """Return (seconds, hypervolume) after every evaluation."""
    times = sorted({seen.seconds for seen in rows})
    return [(at, volume(scale, rows, at)) for at in times]


def volume(scale: Scale, rows: Sequence[Seen], at: float) -> float:
    """Return the hypervolume in points of what was known by then."""
    now = known(rows, at)
    return scale.points([seen.macs for seen in now], [seen.accuracy for seen in now])


def passes(scale: Scale, rows: Sequence[Seen], level: float) -> float | None:
    """Return the seconds from which the hypervolume stays at `level` or above; None if never."""
    since = None
    for at, height in curve(scale, rows):
        if height < level:
            since = None
        elif since is None:
            since = at
    return since
