"""What a method said of one study, held against the truth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scripts.simulations.verdicts.interface import Answer, RowVerdict
from scripts.simulations.verdicts.study import Truth

# Less than the steps between budgets at which ends of an interval are searched.
CROSSOVER_SLACK = 1.0001


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One study: verdicts by budget with their intervals, and what was right.

    `band` tells whether the intervals of all matched budgets hold D, `crossover` whether its
    interval holds the true one; None where there is no interval. `loss` is the mean over budgets of
    the best true accuracy less that of what is to be taken, None where nothing is. Of a study that
    is settled, `wrong` counts all `looks`, and the rest is of the last one; `cost` are times the
    training of its search.
    """

    verdicts: tuple[str, ...]
    lows: tuple[float | None, ...]
    highs: tuple[float | None, ...]
    wrong: tuple[int, ...]  # numbers of the budgets
    band: bool | None
    crossover: bool | None
    loss: float | None
    looks: int = 1
    cost: float = 0.0


def is_wrong(verdict: str, advantage: float, margin: float) -> bool:
    """Whether a verdict contradicts the true advantage D. ValueError for an unknown verdict."""
    match verdict:
        case "ensembles":
            return advantage <= 0
        case "single":
            return advantage >= 0
        case "equal":
            return abs(advantage) >= margin
        case "ensemble at worst equal":
            return advantage <= -margin
        case "single at worst equal":
            return advantage >= margin
        case "undecided":
            return False
    raise ValueError(f"no such verdict: {verdict}")


def grade(answer: Answer | Sequence[RowVerdict], truth: Truth, margin: float) -> Grade:
    """Return how right an answer is. ValueError unless it has a row for each budget in order."""
    rows, crossover = answer if isinstance(answer, Answer) else (answer, None)
    if tuple(row.budget for row in rows) != truth.budgets:
        raise ValueError(f"expected rows for {truth.budgets}, got {[row.budget for row in rows]}")
    d = truth.advantages
    bands = [
        row.low <= d[k] <= row.high
        for k, row in enumerate(rows)
        if row.matched and row.low is not None and row.high is not None
    ]
    holds = None
    if crossover is not None:
        low, high = crossover
        holds = low <= truth.crossover * CROSSOVER_SLACK
        holds = holds and truth.crossover <= high * CROSSOVER_SLACK
    losses = [
        max(truth.best_singles[k], truth.best_ensembles[k]) - truth.accuracies[row.take_key]
        for k, row in enumerate(rows)
        if row.take_key is not None
    ]
    return Grade(
        verdicts=tuple(row.verdict for row in rows),
        lows=tuple(row.low for row in rows),
        highs=tuple(row.high for row in rows),
        wrong=tuple(k for k, row in enumerate(rows) if is_wrong(row.verdict, d[k], margin)),
        band=all(bands) if bands else None,
        crossover=holds,
        loss=math.fsum(losses) / len(losses) if losses else None,
    )


def grade_looks(answers: Sequence[Answer], cost: float, truth: Truth, margin: float) -> Grade:
    """Return the grade of the last look, in which a wrong verdict of any look counts."""
    grades = [grade(answer, truth, margin) for answer in answers]
    wrong = sorted({k for each in grades for k in each.wrong})
    return replace(grades[-1], wrong=tuple(wrong), looks=len(grades), cost=cost)
