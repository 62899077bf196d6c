"""What a method is given, and what it says of a study.

A method takes evaluations, ascending budgets, the hits of the evaluations by their keys, the margin
and a seed. It returns a `RowVerdict` for each budget; an `Answer` if it has an interval of the
crossover too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts import FrontRow, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RowVerdict:
    """What a method says of one budget: D lies in [low, high], and which evaluation to take.

    Accuracies are fractions. `low` and `high` are None where there is no interval, `take_key` where
    nothing is to be taken.
    """

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


def row_verdict(row: FrontRow) -> RowVerdict:
    """Return what a row of the fronts says."""
    return RowVerdict(
        budget=row.budget,
        verdict=row.verdict,
        low=row.low,
        high=row.high,
        matched=row.matched,
        take_key=None if row.take is None else row.take.key,
    )
