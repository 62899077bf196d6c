"""Searches among all members of a pool for the best ensemble within each budget.

All choose by accuracy on the images given, and between equals by NLL; or by NLL or Brier score
alone. What a search reports on those images is optimistic: see `choosing.checked`.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.ensembles.candidates import Candidates, Choice, Probs, check
from ensearch.ensembles.partial_sums import (
    CRITERIA,
    Best,
    Criterion,
    Sums,
    merit_of,
    merits,
    sums_of,
)
from ensearch.errors import UsageError, unknown
from ensearch.seeds import derive
from ensearch.units import format_count

MOST_SUBSETS = 2_000_000  # that `exact` scores: a minute for 1,000 images and 10 classes
MOST_PARTS = 256  # ensembles of cheap members that `exact` sums once and reuses
MOST_NUMBERS = 20_000_000  # in those sums: 160 MB of float64
ROUNDS = 50  # of greedy selection with replacement, where the budget sets no end
LARGEST = 16  # members of a random start

Choices = tuple[Choice | None, ...]


def singles(candidates: Candidates, labels: Labels, budgets: Sequence[float]) -> Choices:
    """The best single member within each budget."""
    check(candidates, labels, budgets)
    return Best(budgets).choices(candidates, labels, "accuracy")


def copies(
    candidates: Candidates, labels: Labels, budgets: Sequence[float], *, tries: int = 10_000
) -> Choices:
    """The best ensemble whose members are all of one network; one member is such an ensemble.

    Members are chosen one by one, as in mixed ensembles: otherwise those would win by the choice
    of lucky seeds alone.
    """
    check(candidates, labels, budgets)
    best: list[Choice | None] = [None] * len(budgets)
    names = np.array(candidates.networks)
    for name in dict.fromkeys(candidates.networks):
        members = np.flatnonzero(names == name)
        part = candidates.only(members.tolist())
        found = best_of_many(part, labels, budgets, tries=tries)
        for k, choice in enumerate(found):
            if choice is None:
                continue
            moved = replace(choice, members=tuple(int(members[m]) for m in choice.members))
            if _is_better(candidates, labels, moved, best[k]):
                best[k] = moved
    return tuple(best)


def _is_better(
    candidates: Candidates, labels: Labels, choice: Choice, rival: Choice | None
) -> bool:
    """By accuracy, and between equals by NLL, as everywhere: most are told by the first."""
    if rival is None or choice.accuracy != rival.accuracy:
        return rival is None or choice.accuracy > rival.accuracy
    one, other = (
        merit_of(candidates, labels, each.members, "accuracy") for each in (choice, rival)
    )
    return one > other


def greedy(
    candidates: Candidates,
    labels: Labels,
    budgets: Sequence[float],
    *,
    replacement: bool = False,
    bags: int = 0,
    seed: int = 0,
    criterion: Criterion = "accuracy",
) -> Choices:
    """Forward selection: from nothing, add the member that helps most, until none fits.

    Caruana, Niculescu-Mizil, Crew and Ksikes 2004 (ICML), sections 2.1 to 2.3: the best ensemble
    on the way is taken, not the last. With `replacement` a member may be added again, which costs
    nothing and raises its weight. `bags` further selections start from random halves of the pool.
    """
    _check(candidates, labels, budgets, criterion)
    rng = np.random.default_rng(derive("bags", seed))
    sums, best = sums_of(candidates, labels), Best(budgets)
    rows = len(sums.members)
    for bag in range(1 + bags):
        closed = np.zeros(rows, np.bool_)
        closed[0] = True
        if bag:
            closed[1 + rng.permutation(rows - 1)[: (rows - 1) // 2]] = True
        for budget in budgets:
            _forward(sums, best, budget, closed, replacement, criterion)
    return best.choices(candidates, labels, criterion)


def _forward(
    sums: Sums,
    best: Best,
    budget: float,
    closed: npt.NDArray[np.bool_],
    replacement: bool,
    criterion: Criterion,
) -> int:
    """One greedy selection within `budget` of rows not `closed`; how many ensembles it scored."""
    chosen: list[int] = []
    macs = scored = 0
    for _ in range(ROUNDS if replacement else len(sums.members)):
        allowed = ~closed & (sums.macs <= budget - macs)
        allowed[chosen] = replacement
        if not allowed.any():
            break
        rows = slice(1, 1 + int(np.flatnonzero(allowed)[-1]))
        found = merits(sums, sums.total(chosen), rows, criterion)
        found[~allowed[rows]] = -np.inf
        chosen.append(1 + int(found.argmax()))
        macs = int(sums.macs[list(set(chosen))].sum())
        scored += len(found)
        members = [sums.members[row][0] for row in chosen]
        best.see(members, macs, found.max(keepdims=True), sums, slice(0, 1))  # row 0 adds nothing
    return scored


def exact(
    candidates: Candidates,
    labels: Labels,
    budgets: Sequence[float],
    *,
    criterion: Criterion = "accuracy",
) -> Choices:
    """The best of all ensembles of different members, by enumeration, to rounding.

    UsageError where more than 2,000,000 fit the largest budget. The ensembles of the cheapest
    members are summed once; each ensemble of the others is then completed by all that still fit.
    """
    _check(candidates, labels, budgets, criterion)
    if _more_than(MOST_SUBSETS, candidates, budgets):
        raise UsageError(
            f"an exact search scores at most {MOST_SUBSETS:,} ensembles; {len(candidates.keys)} "
            f"members make more within {format_count(budgets[-1])}, out of "
            f"{2.0 ** len(candidates.keys) - 1:.3g} in all. Use best_of_many, or a smaller pool."
        )
    sums, best = sums_of(candidates, labels), Best(budgets)
    per_row = max(sums.rivals[0].size, 1)
    most = min(MOST_PARTS, max(2, MOST_NUMBERS // per_row))
    # Half of the members at the most: sums that only one ensemble of the others reuses lose.
    cheap = min(most.bit_length() - 1, len(sums.members) // 2)
    budget = budgets[-1] if budgets else 0
    parts = _parts(sums, range(1, 1 + cheap), budget)
    for base, total, macs in _descend(sums, range(1 + cheap, len(sums.members)), budget):
        stop = int(np.searchsorted(parts.macs, budget - macs, side="right"))
        rows = slice(0 if base else 1, stop)
        if rows.start < rows.stop:
            members = [sums.members[row][0] for row in base]
            best.see(members, macs, merits(parts, total, rows, criterion), parts, rows)
    return best.choices(candidates, labels, criterion)


def _more_than(most: int, candidates: Candidates, budgets: Sequence[float]) -> bool:
    """Whether more ensembles than that fit the largest budget."""
    fits = np.zeros(1)
    for macs in np.sort(candidates.macs) if budgets else ():
        more = fits + macs
        fits = np.concatenate([fits, more[more <= budgets[-1]]])
        if len(fits) > most + 1:
            return True
    return False


_Total = tuple[Probs, Probs, int]


def _parts(sums: Sums, rows: range, budget: float) -> Sums:
    """All ensembles of `rows` within the budget, the empty one too, by ascending cost."""
    found = sorted(_descend(sums, rows, budget), key=lambda one: one[2])
    totals = [total for _, total, _ in found]
    return Sums(
        members=tuple(tuple(sums.members[row][0] for row in chosen) for chosen, _, _ in found),
        sizes=np.array([float(size) for _, _, size in totals]),
        macs=np.array([macs for _, _, macs in found], np.int64),
        own=np.stack([own for own, _, _ in totals]),
        rivals=np.stack([rivals for _, rivals, _ in totals]),
    )


def _descend(
    sums: Sums, rows: range, budget: float
) -> Iterator[tuple[tuple[int, ...], _Total, int]]:
    """Ensembles of `rows` within the budget, the empty one first: rows, sum, cost."""
    stack: list[tuple[tuple[int, ...], _Total, int]] = [((), sums.total([]), 0)]
    while stack:
        base, (own, rivals, size), macs = stack.pop()
        yield base, (own, rivals, size), macs
        for row in range(base[-1] + 1 if base else rows.start, rows.stop):
            cost = macs + int(sums.macs[row])
            if cost > budget:
                break
            total = own + sums.own[row], rivals + sums.rivals[row], size + 1
            stack.append(((*base, row), total, cost))


def best_of_many(
    candidates: Candidates,
    labels: Labels,
    budgets: Sequence[float],
    *,
    tries: int = 100_000,
    seed: int = 0,
    criterion: Criterion = "accuracy",
) -> Choices:
    """Local search from greedy and random starts, until about `tries` ensembles are scored.

    Where no more than `tries` fit the largest budget, all of them are scored instead.

    A step takes one place of the ensemble, or a new one, and scores every member and none for it
    at once. Where no place can be improved, the search starts again: in turns from a random
    ensemble, and from the best so far with two places drawn anew.
    """
    _check(candidates, labels, budgets, criterion)
    if not _more_than(min(tries, MOST_SUBSETS), candidates, budgets):
        return exact(candidates, labels, budgets, criterion=criterion)
    rng = np.random.default_rng(derive("best of many", seed))
    sums, best = sums_of(candidates, labels), Best(budgets)
    row_of = {members[0]: row for row, members in enumerate(sums.members) if members}
    closed = np.arange(len(sums.members)) == 0
    within = [k for k, budget in enumerate(budgets) if budget >= sums.macs[1]]
    scored = sum(_forward(sums, best, budgets[k], closed, False, criterion) for k in within)
    for turn in itertools.count() if within else ():
        if scored >= tries:
            break
        k = within[turn % len(within)]
        start = [row_of[m] for m in best.members(k)] if (turn // len(within)) % 2 == 0 else []
        start = _random(sums, budgets[k], start, rng)
        scored += _climb(sums, best, budgets[k], start, criterion, rng)
    return best.choices(candidates, labels, criterion)


def _random(sums: Sums, budget: float, start: list[int], rng: np.random.Generator) -> list[int]:
    """`start` with two rows drawn anew, or a random ensemble within the budget if it is empty."""
    kept = [start[i] for i in rng.permutation(len(start))[2:]]
    most = len(kept) + 2 if start else int(rng.integers(1, LARGEST + 1))
    left = budget - int(sums.macs[kept].sum())
    for row in 1 + rng.permutation(len(sums.members) - 1):
        if len(kept) < most and sums.macs[row] <= left and row not in kept:
            kept.append(int(row))
            left -= int(sums.macs[row])
    return kept


def _climb(
    sums: Sums,
    best: Best,
    budget: float,
    start: list[int],
    criterion: Criterion,
    rng: np.random.Generator,
) -> int:
    """To an ensemble that no change of one place improves; how many were scored on the way."""
    chosen, merit, scored, improved = start, -np.inf, 0, True
    while improved:
        improved = False
        for place in [*rng.permutation(len(chosen)).tolist(), len(chosen)]:
            base = chosen[:place] + chosen[place + 1 :]
            macs = int(sums.macs[base].sum())
            stop = int(np.searchsorted(sums.macs, budget - macs, side="right"))
            rows = slice(0 if base else 1, stop)
            found = merits(sums, sums.total(base), rows, criterion)
            found[[row - rows.start for row in base if row < stop]] = -np.inf
            scored += len(found)
            best.see([sums.members[row][0] for row in base], macs, found, sums, rows)
            if len(found) and found.max() > merit:
                merit, row = float(found.max()), rows.start + int(found.argmax())
                chosen, improved = [*base, row] if row else base, True
                break
    return scored


def _check(
    candidates: Candidates, labels: Labels, budgets: Sequence[float], criterion: str
) -> None:
    check(candidates, labels, budgets)
    if criterion not in CRITERIA:
        raise unknown("criterion", criterion, CRITERIA)
