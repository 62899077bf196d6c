"""What stands behind each budget: what was tried, what it cost to train, what else was promised."""

import math

from ensearch.fronts import FrontRow, Multiplier
from ensearch.report.study import text
from ensearch.report.study.findings import Findings

HEADS = ("Budget", "Tried", "Train single", "Train ens.", "Single needs ×", "Predicted")


def table(results: Findings) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return heads, and a row per budget, the highest first: what was tried, what training costs.

    The last column is left out where it is empty, as it is as a rule.
    """
    rows = tuple(_row(row, results) for row in reversed(results.fronts.rows))
    if any(row[-1] for row in rows):
        return HEADS, rows
    return HEADS[:-1], tuple(row[:-1] for row in rows)


def _row(row: FrontRow, results: Findings) -> tuple[str, ...]:
    c = results.conditions
    within = [e for e in results.evaluations if e.price <= row.budget]
    return (
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
