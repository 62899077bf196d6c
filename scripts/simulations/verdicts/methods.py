"""Methods that read verdicts off a study. A new one is a function, and an entry of METHODS.

A method takes evaluations, ascending budgets, the hits of the evaluations by their keys, the margin
and a seed. It returns a `RowVerdict` for each budget; an `Answer` if it has an interval of the
crossover too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts import Fronts, Verdict, Zone, analyse
from scripts.simulations.verdicts.study import Study

REPLICATES = 400  # of the bootstrap; a report takes 2,000


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


def fronts(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: Hits,
    margin: float,
    seed: int,
) -> Answer:
    """Return what a report says: its verdicts, what to take, and the zone of the crossover."""
    return _said(
        analyse(evaluations, budgets, hits, replicates=REPLICATES, seed=seed, margin=margin)
    )


def fronts_of_two_splits(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: Hits,
    margin: float,
    seed: int,
) -> Answer:
    """Return what a report says where one half of the images chooses, and the other half scores."""
    choosing, scoring = (_half(evaluations, hits, second=second) for second in (False, True))
    front = analyse(
        scoring.evaluations,
        budgets,
        scoring.hits,
        selected_on=choosing,
        replicates=REPLICATES,
        seed=seed,
        margin=margin,
    )
    return _said(front)


def band_today(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: Hits,
    margin: float,
    seed: int,
) -> Answer:
    """Return the verdicts of the simultaneous band, and what measured better to take.

    The crossover's interval is the bootstrap's.
    """
    front = analyse(evaluations, budgets, hits, replicates=REPLICATES, seed=seed)
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


METHODS: dict[str, Method] = {
    "fronts": fronts,
    "fronts of two splits": fronts_of_two_splits,
    "band today": band_today,
}


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


def _said(front: Fronts) -> Answer:
    rows = [
        RowVerdict(
            budget=row.budget,
            verdict=row.verdict,
            low=row.low,
            high=row.high,
            matched=row.matched,
            take_key=None if row.take is None else row.take.key,
        )
        for row in front.rows
    ]
    return Answer(rows, _within(front.zone))


def _within(zone: Zone) -> tuple[float, float] | None:
    """Where the crossover lies by what is said of the study as a whole, None if nothing is."""
    match zone.status:
        case "crossed":
            return zone.low or 0.0, zone.high or math.inf
        case "ensembles":
            return 0.0, zone.low or math.inf
        case "singles" | "crosses back":
            return zone.high or 0.0, math.inf
    return None


def _half(evaluations: Sequence[Evaluation], hits: Hits, *, second: bool) -> Study:
    """The same members on one half of the images."""
    half = {}
    for key, of_subsets in hits.items():
        middle = of_subsets.hits.shape[1] // 2
        part = of_subsets.hits[:, middle:] if second else of_subsets.hits[:, :middle]
        half[key] = replace(of_subsets, hits=part)
    scored = [
        replace(e, scores=replace(e.scores, accuracy=float(half[e.key].hits.mean())))
        for e in evaluations
    ]
    return Study(scored, half)
