"""What stands behind each budget: what was tried, what it cost to train, what else was promised."""

import math
from typing import NamedTuple

from ensearch.fronts import FrontRow, Multiplier
from ensearch.report.study import text
from ensearch.report.study.findings import Findings


class Effort(NamedTuple):
    """What stands behind one budget as text, in the order of HEADS."""

    budget: str
    tried: str
    single_training: str
    ensemble_training: str
    multiplier: str
    predicted: str


HEADS = ("Budget", "Tried", "Train single", "Train ens.", "Single needs ×", "Predicted")


def of(results: Findings) -> list[Effort]:
    """One line per budget, the highest budget first: what was tried and what training costs."""
    return [_effort(row, results) for row in reversed(results.fronts.rows)]


def _effort(row: FrontRow, results: Findings) -> Effort:
    c = results.conditions
    within = [e for e in results.evaluations if e.price <= row.budget]
    return Effort(
        c.axis.show(row.budget),
        " + ".join(str(sum(singles == (e.is_single) for e in within)) for singles in (True, False)),
        text.count(row.single.train_macs, c) if row.single else "",
        text.count(row.ensemble.train_macs, c) if row.ensemble else "",
        _multiplier(row.multiplier),
        _promise(row, results),
    )


def _multiplier(multiplier: Multiplier | None) -> str:
    """`1.41 [1.10, 1.92]`; `≥1.41 [1.10, ∞)` where no single network was as accurate."""
    if multiplier is None:
        return ""
    value = f"{'≥' if multiplier.censored else ''}{multiplier.value:.2f}"
    if multiplier.low is None or multiplier.high is None:
        return value
    high = "∞)" if math.isinf(multiplier.high) else f"{multiplier.high:.2f}]"
    return f"{value} [{multiplier.low:.2f}, {high}"


def _promise(row: FrontRow, results: Findings) -> str:
    """The best ensemble within the budget whose size was not trained, if it promises more."""
    within = [e for e in results.predicted if e.price <= row.budget]
    best = max(within, key=lambda e: e.scores.accuracy, default=None)
    measured = row.ensemble.scores.accuracy if row.ensemble else 0.0
    if best is None or best.scores.accuracy <= measured:
        return ""
    return f"{text.label(best, results.conditions)} {100 * best.scores.accuracy:.2f}"
