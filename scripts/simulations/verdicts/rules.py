"""Rules that say how many more seeds of which networks are trained: the package's, and a loser."""

from collections.abc import Callable

from ensearch.fronts import Fronts
from ensearch.fronts.allocation import MOST, Networks, by_variance, cost_of, open_rows

Rule = Callable[[Fronts, Networks, float], dict[str, int]]


def equal_for_finalists(fronts: Fronts, known: Networks, cost: float) -> dict[str, int]:
    """Return equally many more seeds of every named single network and ensemble, for `cost`."""
    rows = open_rows(fronts)
    finalists = {e.network for row, _ in rows for e in (row.single, row.ensemble) if e is not None}
    if not finalists:
        return {}
    needed = max(max((needs.seeds or {}).values(), default=MOST) for _, needs in rows)
    more = dict.fromkeys(sorted(finalists), 0)
    for count in range(1, needed + 1):
        wider = {network: min(count, known[network].most) for network in more}
        if cost_of(wider, known) > cost:
            break
        more = wider
    return {network: count for network, count in more.items() if count}


RULES: dict[str, Rule] = {"variance": by_variance, "finalists": equal_for_finalists}
