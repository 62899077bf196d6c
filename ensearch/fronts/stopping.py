"""When it is time to train no more members for the sake of a decision."""

import math
from typing import Literal

from ensearch.fronts.analysis import Fronts

TOLERABLE = 0.0025  # expected loss at the asked budget, a fraction of accuracy, that may stay

# Why nothing more is trained: every budget is decided, what is taken is good enough and nothing
# cheap decides more, the cost or the looks are used up, or nothing that may be trained would help.
Reason = Literal["decided", "good enough", "cost", "looks", "nothing helps"]


def reason(fronts: Fronts, left: float, missing: float = math.inf) -> Reason | None:
    """Return why a study needs no more members, None if it does.

    `left` multiply-adds of training may still be spent, and `missing` would give the first budget
    its match that lacks one. Other budgets without matched costs do not count. The one that was
    asked for is the largest.
    """
    rows = [row for row in fronts.rows if row.matched]
    undecided = [row for row in rows if row.verdict == "undecided"]
    if not undecided and missing > left:
        return "decided"
    loss = fronts.rows[-1].expected_loss
    needs = [row.to_settle for row in undecided if row.to_settle is not None]
    cheap = [n for n in needs if n.seeds is not None and n.train_macs <= left]
    if loss is not None and loss <= TOLERABLE and not cheap and missing > left:
        return "good enough"
    return "cost" if left <= 0 else None
