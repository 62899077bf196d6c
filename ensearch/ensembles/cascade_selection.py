"""Searches for the best cascade within each budget of mean multiply-adds, and two baselines.

All choose by accuracy on the images given, and between equals by cost: see `choosing.checked`.
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
    Grid,
    Hits,
    cascade,
    confidence,
    evaluate_many,
    right,
)
from ensearch.errors import UsageError
from ensearch.seeds import derive

ORDERS = 20_000  # that `search` scores, each with all its thresholds
ROUNDS = 10
KEPT = 8  # orders for each budget from which `search` goes on
STEPS = 50  # of thresholds drawn at random: 0, 0.02, ..., 1, as ENCAS has them
TARGETS = tuple(1 - k / 100 for k in range(6))  # shares of a reference's accuracy, as ENCAS has

Order = tuple[int, ...]
Choices = tuple[Cascade | None, ...]


class _Leaders:
    """For each budget the best orders so far with the thresholds that make them so."""

    def __init__(self, budgets: Sequence[float], scale: float) -> None:
        self._budgets, self._scale = np.array(budgets), scale
        self.best: list[list[tuple[float, Order, tuple[float, ...]]]] = [[] for _ in budgets]

    def see(self, grid: Grid) -> None:
        macs = grid.macs.ravel()
        # Less than half a hit for the cost: it decides between equals.
        merits = grid.hits.ravel() - macs / self._scale
        ranks = np.argsort(macs, kind="stable")
        inside = np.searchsorted(macs[ranks], self._budgets, side="right")
        tops = np.maximum.accumulate(merits[ranks])
        for leaders, count in zip(self.best, inside, strict=True):
            if not count or (len(leaders) == KEPT and tops[count - 1] <= leaders[-1][0]):
                continue
            index = int(ranks[merits[ranks[:count]].argmax()])
            leaders.append((float(merits[index]), grid.members, grid.at(index)))
            leaders.sort(reverse=True)
            del leaders[KEPT:]


def search(
    candidates: Candidates,
    labels: Labels,
    budgets: Sequence[float],
    *,
    measure: str = "max",
    max_stages: int = 3,
    levels: int = 32,
    orders: int = ORDERS,
) -> Choices:
    """The best cascades of up to `max_stages` members by ascending cost, all thresholds tried.

    Where there are at most `orders` sets of members all are scored, else single members and then
    those that differ in one member from one of the best so far, until there are none or `orders`
    are scored. Of members of equal cost the more accurate runs first. UsageError for an unknown
    measure and for fewer than one stage.
    """
    _check(candidates, labels, budgets, max_stages)
    ranks = by_cost(candidates, labels)
    place = {member: k for k, member in enumerate(ranks)}
    leaders = _Leaders(budgets, 2 * float(candidates.macs.sum()))
    sizes = range(1, min(max_stages, len(ranks)) + 1)
    everything = sum(math.comb(len(ranks), size) for size in sizes) <= orders
    # A few rounds, so that what one finds is where the next goes on.
    most = orders if everything else max(orders // ROUNDS, 1)
    new: list[Order] = [(member,) for member in ranks]
    if everything:
        new = [order for size in sizes for order in itertools.combinations(ranks, size)]
    seen: set[Order] = set()
    while new and len(seen) < orders:
        chosen = new[: min(most, orders - len(seen))]
        for grid in evaluate_many(candidates, labels, chosen, levels=levels, measure=measure):
            leaders.see(grid)
        seen.update(chosen)
        new = [] if everything else _next(leaders, ranks, place, max_stages, seen, most)
    found = [entry[1:] for best in leaders.best for entry in best[:1]]
    found += [((member,), ()) for member in ranks]
    return _within(
        budgets, (cascade(candidates, labels, *entry, measure) for entry in dict.fromkeys(found))
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
    for rank in range(KEPT):
        near = {best[rank][1] for best in leaders.best if rank < len(best)}
        fresh = sorted(_neighbours(near, ranks, place, max_stages) - seen)
        result |= dict.fromkeys(fresh[k] for k in rng.permutation(len(fresh)))
        if len(result) >= wanted:
            break
    return list(result)


def by_cost(candidates: Candidates, labels: Labels) -> list[int]:
    """Members by ascending cost, of equal cost the more accurate first."""
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
    max_stages: int = 3,
    tries: int = 10_000,
    seed: int = 0,
) -> Choices:
    """Baseline: `tries` cascades of random members, sizes and thresholds.

    As the random search of ENCAS (Chebykin et al. 2022, arXiv:2203.04011), members by cost.
    """
    _check(candidates, labels, budgets, max_stages)
    rng = np.random.default_rng(derive("random cascades", seed))
    ranks = by_cost(candidates, labels)

    def drawn() -> Cascade:
        size = int(rng.integers(1, min(max_stages, len(ranks)) + 1))
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
    max_stages: int = 3,
) -> Choices:
    """Baseline: the greedy cascades of Streeter 2018 (ICML, PMLR 80), algorithm 1.

    For each reference, a member that no cheaper one equals, and each of 6 shares of its accuracy:
    again and again the member that lets most of the images that are left leave for its cost, where
    those which leave are as accurate as that share of the reference's accuracy on them demands.
    Unlike there an image leaves with the average of the members that it passed.
    """
    _check(candidates, labels, budgets, max_stages)
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
    for _ in range(max_stages - 1):
        # Cases that began alike share the work on what is next: most do.
        for prefix in dict.fromkeys(case.members for case in growing):
            same = [case for case in growing if case.members == prefix]
            _grow(candidates, labels, prefix, same, measure)
        growing = [case for case in growing if case.there.any() and not case.is_done]
    built = dict.fromkeys(case.whole for case in cases)
    return _within(budgets, (cascade(candidates, labels, *entry, measure) for entry in built))


@dataclass(slots=True, kw_only=True)
class _Case:
    """A greedy cascade on its way; `demanded` are the hits that images which leave must have, N."""

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


def _within(budgets: Sequence[float], found: Iterable[Cascade]) -> Choices:
    """For each budget the most accurate of those found, of equals the cheapest."""
    every = sorted(found, key=lambda c: (-c.accuracy, c.macs))
    return tuple(next((c for c in every if c.macs <= budget), None) for budget in budgets)


def _check(
    candidates: Candidates, labels: Labels, budgets: Sequence[float], max_stages: int
) -> None:
    check(candidates, labels, budgets)
    if max_stages < 1:
        raise UsageError(f"a cascade has at least 1 stage; got {max_stages}.")
