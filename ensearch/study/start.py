"""The first trials of a search: one single network and one ensemble for every budget."""

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
