"""The first trials of a search: one single network and one ensemble for every budget."""

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats
from ensearch.fronts import MATCHED_SHARE
from ensearch.search_space import Ladder

# Trials beyond the first ones that a search has at least: there the sampler itself chooses.
BEYOND = 4


def budgets(ladder: Ladder, is_single: bool) -> list[float]:
    """Return the budgets of one kind's cells in the order in which its first trials visit them.

    The cheapest first: where nothing works, that shows after seconds. Then the highest, which is
    the one that was asked for where the kind reaches it, so that a search that is stopped early
    has tried it. Then the others from the cheapest up.
    """
    own = sorted({ladder.budget_of(cell) for cell in ladder.cells if cell.is_single == is_single})
    return own[:1] + own[:0:-1][:1] + own[1:-1]


def first(
    budget: float, prices: Floats, sizes: npt.NDArray[np.int_], *, lowest: bool
) -> npt.NDArray[np.bool_]:
    """Return from which of a budget's cells, all of one kind, its first trial is chosen.

    Those that use the budget up to 5 %, or as far as any does. At the lowest budget of the kind,
    those of them with the fewest members: no cheaper network is tried there whose pairs could be
    evaluated, and the only ensemble of a study of CIFAR-10 was 4 x 10-0.125, ten points behind.
    The same rule at all budgets changed nothing that was seen: advantages at the largest (two
    quickstarts), and the errors of advantages on both tables of the replay benchmark (20 seeds).
    """
    most = prices.max()
    reaches = most >= MATCHED_SHARE * budget
    using: npt.NDArray[np.bool_] = prices >= MATCHED_SHARE * (budget if reaches else most)
    if not lowest:
        return using
    fewest: npt.NDArray[np.bool_] = sizes == sizes[using].min()
    return using & fewest


def trials(ladder: Ladder) -> int:
    """Return after how many trials every budget has been visited, if none fails.

    The kinds take turns, single networks first, until one has no cells left.
    """
    cells = {single: sum(c.is_single == single for c in ladder.cells) for single in (True, False)}
    singles, ensembles = len(budgets(ladder, True)), len(budgets(ladder, False))
    return max(
        singles and singles + min(singles - 1, cells[False]),
        ensembles and ensembles + min(ensembles, cells[True]),
    )
