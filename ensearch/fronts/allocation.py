"""How many more seeds of which networks to train, to decide most for a cost.

Only budgets count that are undecided at matched costs. Those that no number of seeds would decide
wait until there are no others.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ensearch.core import Evaluation
from ensearch.fronts.analysis import Fronts
from ensearch.fronts.rows import FrontRow
from ensearch.fronts.settling import CLOSE, STEPS, ToSettle

MOST = STEPS[-1]  # more members of one network at a time
LARGEST = 2.0**40  # scale: with it every network has its most members


class TrainedNetwork(NamedTuple):
    """A network's members, what one more costs to train, and how many more there may be."""

    members: int
    cost: float
    most: int


Networks = Mapping[str, TrainedNetwork]


def networks(evaluations: Sequence[Evaluation], most: Mapping[str, int] | None = None) -> Networks:
    """Return the networks of evaluations by key; `most` says how many more of each there may be."""
    return {
        e.network: TrainedNetwork(
            members=e.trained,
            cost=e.train_macs / e.size,
            most=MOST if most is None else most.get(e.network, 0),
        )
        for e in evaluations
    }


def cost_of(more: Mapping[str, int], known: Networks) -> float:
    """Return the multiply-adds of training so many more members."""
    return math.fsum(known[network].cost * count for network, count in more.items())


def open_rows(fronts: Fronts) -> list[tuple[FrontRow, ToSettle]]:
    """Return the rows that are undecided at matched costs, with what would settle them.

    Those that seeds would not, only if there are no others.
    """
    rows = [(row, row.to_settle) for row in fronts.rows]
    wanting = [(row, needs) for row, needs in rows if needs is not None]
    return [pair for pair in wanting if pair[1].seeds is not None] or wanting


def by_variance(fronts: Fronts, known: Networks, cost: float) -> dict[str, int]:
    """Return more seeds by network, for at most `cost`: those that narrow D most for their cost.

    Budget after budget, the one first that needs the least more: the seeds that bring its half
    width below what decides it are those for which the total cost is least. With a share c of the
    variance of D from the seeds of a network (`ToSettle.luck`), t members and a cost f of each,
    that is t + k in proportion to the square root of c t / f (Neyman 1934).
    """
    more: dict[str, int] = {}
    waiting = [needs for _, needs in open_rows(fronts)]
    while waiting:
        found = [_cheapest(needs, known, more, cost) for needs in waiting]
        costs = [cost_of(each, known) for each in found]
        place = min(range(len(found)), key=costs.__getitem__)
        if costs[place] > cost:
            break
        more = found[place]
        del waiting[place]
    if waiting:  # what is left narrows the next one
        part = _spend(waiting, known, more, cost)
        more = part if part else more
    return {network: count for network, count in more.items() if count}


def _cheapest(
    needs: ToSettle, known: Networks, more: Mapping[str, int], cost: float
) -> dict[str, int]:
    """The seeds, no fewer than `more`, that decide a budget for the least cost.

    As many as may be, where nothing within twice the cost decides it.
    """
    wanted = (CLOSE * needs.wanted / needs.half_width) ** 2 if needs.half_width > 0 else 1.0
    low, high = 0.0, 1.0
    while high < LARGEST and _left(needs, known, _at(needs, known, more, high)) > wanted:
        low, high = high, 2 * high
        if cost_of(_at(needs, known, more, high), known) > 2 * cost:
            break
    for _ in range(30):
        middle = (low + high) / 2
        if _left(needs, known, _at(needs, known, more, middle)) > wanted:
            low = middle
        else:
            high = middle
    return _at(needs, known, more, high)


def _spend(
    waiting: Sequence[ToSettle], known: Networks, more: Mapping[str, int], cost: float
) -> dict[str, int]:
    """The seeds for at most `cost` that narrow the budget that is nearest to a decision."""
    nearest = max(waiting, key=lambda needs: needs.wanted / max(needs.half_width, 1e-12))
    low, high = 0.0, 1.0
    while high < LARGEST and cost_of(_at(nearest, known, more, high), known) <= cost:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        fits = cost_of(_at(nearest, known, more, middle), known) <= cost
        low, high = (middle, high) if fits else (low, middle)
    return _at(nearest, known, more, low)


def _at(needs: ToSettle, known: Networks, more: Mapping[str, int], scale: float) -> dict[str, int]:
    """Neyman's members at a scale, beyond those there are, and no fewer than `more`."""
    found = dict(more)
    reference = min(each.cost for each in known.values())
    for network, part in needs.luck.items():
        each = known[network]
        members = scale * math.sqrt(max(part, 0.0) * each.members * reference / each.cost)
        extra = min(math.ceil(members - each.members), each.most)
        found[network] = max(found.get(network, 0), extra, 0)
    return found


def _left(needs: ToSettle, known: Networks, more: Mapping[str, int]) -> float:
    """The share of the variance of D that is left with more members."""
    return 1 - math.fsum(
        part * more.get(network, 0) / (known[network].members + more.get(network, 0))
        for network, part in needs.luck.items()
    )
