"""Searches for the best cascade within each budget of mean multiply-adds, and two baselines.

All select by accuracy on the images given, and by cost where accuracies are equal. What they report
on those images is optimistic: see `cross_fitting.cross_fit`. They take candidates, labels and
ascending budgets, return a cascade for each budget, None where nothing fits, and raise UsageError
for an unknown measure, for fewer than 1 stage and as `candidates.check` does.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats, Labels
from ensearch.ensembles.candidates import Candidates, Indices, check
from ensearch.ensembles.cascades import (
    NEVER,
    Cascade,
    Hits,
    ThresholdGrid,
    cascade,
    confidence,
    evaluate_many,
    right,
)
from ensearch.errors import UsageError
from ensearch.seeds import derive

STAGES = 3  # of a cascade at most
ORDERS = 20_000  # that `search` scores, each with all its thresholds
ROUNDS = 10
KEPT_ORDERS = 8  # orders for each budget from which `search` goes on
STEPS = 50  # of thresholds drawn at random: 0, 0.02, ..., 1, as ENCAS has them
TARGETS = tuple(1 - k / 100 for k in range(6))  # shares of a reference's accuracy, as ENCAS has

Order = tuple[int, ...]
Selected = tuple[Cascade | None, ...]


class _Leaders:
    """The best orders so far within each budget, with the thresholds that make them so."""

    def __init__(self, budgets: Sequence[float], scale: float) -> None:
        self._budgets, self._scale = np.array(budgets), scale
        self.best: list[list[tuple[float, Order, tuple[float, ...]]]] = [[] for _ in budgets]

    def see(self, grid: ThresholdGrid) -> None:
        macs = grid.macs.ravel()
        # Less than half a hit for the cost: it decides between equals.
        merits = grid.hits.ravel() - macs / self._scale
        ranks = np.argsort(macs, kind="stable")
        inside = np.searchsorted(macs[ranks], self._budgets, side="right")
        tops = np.maximum.accumulate(merits[ranks])
        for leaders, count in zip(self.best, inside, strict=True):
            if not count or (len(leaders) == KEPT_ORDERS and tops[count - 1] <= leaders[-1][0]):
                continue
            index = int(ranks[merits[ranks[:count]].argmax()])
            leaders.append((float(merits[index]), grid.members, grid.at(index)))
            leaders.sort(reverse=True)
            del leaders[KEPT_ORDERS:]


def search(
    candidates: Candidates,
    labels: Labels,
    budgets: Sequence[float],
    *,
    measure: str = "max",
    max_stages: int = STAGES,
    levels: int = 32,
    orders: int = ORDERS,
) -> Selected:
    """Return the best cascades of up to `max_stages` members by ascending cost.

    Where there are at most `orders` sets of members all are scored, else single members and then
    those that differ in one member from one of the best so far, until there are none or `orders`
    are scored, each with all combinations of `levels` thresholds. Where members cost the same, the
    more accurate runs first.
    """
    check(candidates, labels, budgets)
    if max_stages < 1:
        raise UsageError(f"a cascade has at least 1 stage; got {max_stages}.")
    ranks = by_cost(candidates, labels)
    place = {member: k for k, member in enumerate(ranks)}
    leaders = _Leaders(budgets, 2 * float(candidates.macs.sum()))
    sizes = range(1, min(max_stages, len(ranks)) + 1)
    everything = sum(math.comb(len(ranks), size) for size in sizes) <= orders
    # A few rounds, so that each goes on from what the last has shown.
    most = orders if everything else max(orders // ROUNDS, 1)
    new: list[Order] = [(member,) for member in ranks]
    if everything:
        new = [order for size in sizes for order in itertools.combinations(ranks, size)]
    seen: set[Order] = set()
    while new and len(seen) < orders:
        tried = new[: min(most, orders - len(seen))]
        for grid in evaluate_many(candidates, labels, tried, levels=levels, measure=measure):
            leaders.see(grid)
        seen.update(tried)
        new = [] if everything else _next(leaders, ranks, place, max_stages, seen, most)
    finalists = [entry[1:] for best in leaders.best for entry in best[:1]]
    finalists += [((member,), ()) for member in ranks]
    return _within(
        budgets,
        (cascade(candidates, labels, *entry, measure) for entry in dict.fromkeys(finalists)),
    )


def _next(
    leaders: _Leaders,
    ranks: Sequence[int],
    place: dict[int, int],
    max_stages: int,
    seen: set[Order],
    wanted: int,
) -> list[Order]:
    """New orders near the leaders: near the best of each budget first, else in random order.

    At least `wanted`, where there are as many: to list all takes as long as to score the orders.
    """
    rng = np.random.default_rng(derive("orders", len(seen)))
    result: dict[Order, None] = {}
    for rank in range(KEPT_ORDERS):
        near = {best[rank][1] for best in leaders.best if rank < len(best)}
        fresh = sorted(_neighbours(near, ranks, place, max_stages) - seen)
        result |= dict.fromkeys(fresh[k] for k in rng.permutation(len(fresh)))
        if len(result) >= wanted:
            break
    return list(result)


def by_cost(candidates: Candidates, labels: Labels) -> list[int]:
    """Return the members by ascending cost, and the more accurate first where costs are equal."""
    probs = candidates.probs
    hits = [float((p.argmax(axis=1) == labels).mean()) for p in probs]
    return sorted(range(len(probs)), key=lambda m: (int(candidates.macs[m]), -hits[m]))


def _neighbours(
    orders: Iterable[Order], ranks: Sequence[int], place: dict[int, int], most: int
) -> set[Order]:
    """Orders with one member more, less or another."""
    result: set[Order] = set()
    for order in orders:
        bases = [order[:k] + order[k + 1 :] for k in range(len(order))]
        result |= {base for base in bases if base}
        for base in [*bases, order] if len(order) < most else bases:
            rest = (member for member in ranks if member not in base)
            result |= {tuple(sorted((*base, m), key=place.__getitem__)) for m in rest}
    return result


def random(
    candidates: Candidates,
    labels: Labels,
    budgets: Sequence[float],
    *,
    measure: str = "max",
    tries: int = 10_000,
) -> Selected:
    """Return the best of `tries` cascades of random members, sizes and thresholds: a baseline.

    It is the random search of ENCAS (Chebykin et al. 2022, arXiv:2203.04011). Members run by
    ascending cost.
    """
    check(candidates, labels, budgets)
    rng = np.random.default_rng(derive("random cascades", 0))
    ranks = by_cost(candidates, labels)

    def drawn() -> Cascade:
        size = int(rng.integers(1, min(STAGES, len(ranks)) + 1))
        members = [ranks[k] for k in np.sort(rng.permutation(len(ranks))[:size])]
        thresholds = (rng.integers(0, STEPS + 1, size - 1) / STEPS).tolist()
        return cascade(candidates, labels, members, thresholds, measure)

    return _within(budgets, (drawn() for _ in range(tries)))


def greedy(
    candidates: Candidates,
    labels: Labels,
    budgets: Sequence[float],
    *,
    measure: str = "max",
) -> Selected:
    """Return the greedy cascades of Streeter 2018 (ICML, PMLR 80), algorithm 1: a baseline.

    It grows a cascade for each reference, a member that no cheaper one equals, and each of 6 shares
    of its accuracy. Again and again it adds the member that lets most of the remaining images leave
    for its cost, where the images that leave must be as accurate as that share of the reference's
    accuracy on them demands. Unlike there, an image leaves with the average of the members that it
    has passed.
    """
    check(candidates, labels, budgets)
    hits = candidates.probs.argmax(axis=2) == labels
    references, best = [], -1
    for member in by_cost(candidates, labels):
        if hits[member].sum() > best:
            references.append(member)
            best = int(hits[member].sum())
    cases = [
        _Case(reference=r, demanded=share * hits[r], there=np.ones(len(labels), np.bool_))
        for r, share in itertools.product(references, TARGETS)
    ]
    growing = cases
    for _ in range(STAGES - 1):
        # Cases that began alike share the work on what is next: most do.
        for prefix in dict.fromkeys(case.members for case in growing):
            same = [case for case in growing if case.members == prefix]
            _grow(candidates, labels, prefix, same, measure)
        growing = [case for case in growing if case.there.any() and not case.is_done]
    built = dict.fromkeys(case.whole for case in cases)
    return _within(budgets, (cascade(candidates, labels, *entry, measure) for entry in built))


@dataclass(slots=True, kw_only=True)
class _Case:
    """A greedy cascade that grows. `demanded` (N) are the hits that leaving images must have."""

    reference: int
    demanded: Floats
    there: Hits
    members: Order = ()
    thresholds: tuple[float, ...] = ()
    is_done: bool = False

    @property
    def whole(self) -> tuple[Order, tuple[float, ...]]:
        if self.there.any() and self.reference not in self.members:
            return (*self.members, self.reference), self.thresholds
        return self.members, self.thresholds[: len(self.members) - 1]


def _grow(
    candidates: Candidates,
    labels: Labels,
    prefix: Order,
    cases: Sequence[_Case],
    measure: str,
) -> None:
    """Add to each of the cases, all of these members, the one that lets most leave for its cost."""
    sums = np.zeros((candidates.probs.shape[2], len(labels)), candidates.probs.dtype)
    for member in prefix:
        sums = sums + candidates.probs[member].T
    best: list[tuple[float, int, float]] = [(0.0, -len(candidates.keys), NEVER)] * len(cases)
    for member in range(len(candidates.keys)):
        if member in prefix:
            continue
        added = sums + candidates.probs[member].T
        sure = confidence(added, len(prefix) + 1, measure)
        hits, order = right(added, labels), np.argsort(-sure, kind="stable")
        for k, case in enumerate(cases):
            count, threshold = _leaving(sure, hits, order, case)
            offer = (count / int(candidates.macs[member]), -member, threshold)
            best[k] = max(best[k], offer)
    for case, (gain, negative, threshold) in zip(cases, best, strict=True):
        if gain == 0:
            case.is_done = True
            continue
        case.members, case.thresholds = (*prefix, -negative), (*case.thresholds, threshold)
        sure = confidence(sums + candidates.probs[-negative].T, len(case.members), measure)
        case.there = case.there & (sure < threshold)


def _leaving(sure: Floats, hits: Hits, order: Indices, case: _Case) -> tuple[int, float]:
    """The most images that may leave, in `order`, with at least the hits demanded of them."""
    images = order[case.there[order]]
    ahead = np.cumsum(hits[images] - case.demanded[images])
    edges: npt.NDArray[np.bool_] = np.append(sure[images][1:] < sure[images][:-1], True)
    legal = np.flatnonzero((ahead >= -1e-9) & edges)
    if not len(legal):
        return 0, NEVER
    last = int(legal[-1])
    if last == len(images) - 1:
        return len(images), 0.0
    return last + 1, float(sure[images[last : last + 2]].mean())


def _within(budgets: Sequence[float], cascades: Iterable[Cascade]) -> Selected:
    """For each budget the most accurate cascade, and the cheapest of those that are equal."""
    every = sorted(cascades, key=lambda c: (-c.accuracy, c.macs))
    return tuple(next((c for c in every if c.macs <= budget), None) for budget in budgets)
