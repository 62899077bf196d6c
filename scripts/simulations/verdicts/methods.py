"""Methods that read verdicts off a study. A new one is a function, and an entry of METHODS.

A method takes evaluations, ascending budgets, the hits of the evaluations by their keys, the margin
and a seed. It returns a `RowVerdict` for each budget; an `Answer` if it has an interval of the
crossover too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts import analysis

Verdict = Literal[
    "ensembles",
    "single",
    "equal",
    "ensemble at worst equal",
    "single at worst equal",
    "undecided",
]
REPLICATES = 400  # of today's band; a report takes 2,000


@dataclass(frozen=True, slots=True, kw_only=True)
class RowVerdict:
    """What a method says of one budget: D lies in [low, high], and which evaluation to take."""

    budget: float
    verdict: Verdict
    low: float | None
    high: float | None
    matched: bool
    take_key: str | None


class Answer(NamedTuple):
    """Rows, and the interval of the crossover (multiply-adds, maybe 0 or inf) if there is one."""

    rows: Sequence[RowVerdict]
    crossover: tuple[float, float] | None


Hits = Mapping[str, SubsetHits]
Method = Callable[
    [Sequence[Evaluation], Sequence[float], Hits, float, int], Sequence[RowVerdict] | Answer
]


def read_off(low: float | None, high: float | None, margin: float) -> Verdict:
    """Return the strongest verdict that an interval of D allows."""
    if low is None or high is None:
        return "undecided"
    if low > 0:
        return "ensembles"
    if high < 0:
        return "single"
    if -margin < low and high < margin:
        return "equal"
    if low > -margin:
        return "ensemble at worst equal"
    if high < margin:
        return "single at worst equal"
    return "undecided"


def band_today(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: Hits,
    margin: float,
    seed: int,
) -> Answer:
    """Return what the simultaneous band of `fronts.analysis` says; take what measured better."""
    front = analysis.analyse(evaluations, budgets, hits, replicates=REPLICATES, seed=seed)
    rows = []
    for row in front.rows:
        both = [e for e in (row.single, row.ensemble) if e is not None]
        taken = max(both, key=lambda e: e.scores.accuracy, default=None)
        rows.append(
            RowVerdict(
                budget=row.budget,
                verdict=read_off(row.low, row.high, margin),
                low=row.low,
                high=row.high,
                matched=row.matched,
                take_key=None if taken is None else taken.key,
            )
        )
    low, high = front.crossover.low, front.crossover.high
    return Answer(rows, None if low is None or high is None else (low, high))


METHODS: dict[str, Method] = {"band today": band_today}
