"""From what a study holds to a verdict at each budget: the methods that are compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts import analysis
from ensearch.fronts.matching import best_within

STRONG = ("ensembles", "single", "equal")
WEAK = ("ensemble at worst equal", "single at worst equal")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowVerdict:
    """What a method says of one budget.

    `low` to `high` is the joint interval of the advantage (a fraction of accuracy), None without
    one. `take_key` is the key of the evaluation to take, None if nothing fits.
    """

    budget: float
    verdict: str
    low: float | None
    high: float | None
    matched: bool
    take_key: str | None


# Of evaluations, ascending budgets, their hits by key, the margin and a seed.
Method = Callable[
    [Sequence[Evaluation], Sequence[float], Mapping[str, SubsetHits], float, int], list[RowVerdict]
]


def most_accurate(evaluations: Sequence[Evaluation], budget: float) -> str | None:
    """Return the key of the best measured configuration within a budget: today's rule.

    The cheapest, where several are equally accurate.
    """
    both = (best_within(evaluations, budget, singles) for singles in (True, False))
    found = [e for e in both if e is not None]
    best = max(found, key=lambda e: (e.scores.accuracy, -e.cost.macs), default=None)
    return None if best is None else best.key


def verdict_of(low: float | None, high: float | None, margin: float) -> str:
    """Return the verdict that an interval of the advantage allows."""
    if low is None or high is None:
        return "undecided"
    if low > 0 or high < 0:
        return "ensembles" if low > 0 else "single"
    if -margin < low and high < margin:
        return "equal"
    if low > -margin:
        return "ensemble at worst equal"
    return "single at worst equal" if high < margin else "undecided"


def band_today(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: Mapping[str, SubsetHits],
    margin: float,
    seed: int,
) -> list[RowVerdict]:
    """Return verdicts of the simultaneous band of `ensearch.fronts`."""
    fronts = analysis.analyse(evaluations, budgets, hits, seed=seed)
    return [
        RowVerdict(
            budget=row.budget,
            verdict=verdict_of(row.low, row.high, margin),
            low=row.low,
            high=row.high,
            matched=row.matched,
            take_key=most_accurate(evaluations, row.budget),
        )
        for row in fronts.rows
    ]


METHODS: dict[str, Method] = {"band today": band_today}
