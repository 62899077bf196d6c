"""Searches among all members of a pool for the best ensemble within each budget.

Every search ranks ensembles by accuracy on the images given, and by NLL where accuracies are equal.
What it reports on those images is optimistic: see `cross_fitting.cross_fit`. All take candidates,
their labels and ascending budgets (multiply-adds per example), return the best ensemble for each
budget, None where nothing fits, and raise UsageError as `candidates.check` does.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ensearch.core import Labels
from ensearch.ensembles.candidates import Candidates, MixedEnsemble, Probs, check
from ensearch.ensembles.partial_sums import BestSoFar, Sums, merit_of, merits, sums_of
from ensearch.errors import UsageError
from ensearch.seeds import derive
from ensearch.units import format_count

MOST_SUBSETS = 2_000_000  # that `exact` scores: a minute for 1,000 images and 10 classes
MOST_PARTS = 256  # ensembles of cheap members that `exact` sums once and reuses
MOST_NUMBERS = 20_000_000  # in those sums: 160 MB of float64
LARGEST = 16  # members of a random start

Selected = tuple[MixedEnsemble | None, ...]


def single_networks(candidates: Candidates, labels: Labels, budgets: Sequence[float]) -> Selected:
    """Return the best single member within each budget."""
    check(candidates, labels, budgets)
    return BestSoFar(budgets).selected(candidates, labels)


def same_network(
    candidates: Candidates, labels: Labels, budgets: Sequence[float], *, tries: int = 10_000
) -> Selected:
    """Return the best ensemble whose members share a network; a single member is one too.

    Members are selected one by one, as in mixed ensembles: otherwise those would win by the
    selection of lucky seeds alone.
    """
    check(candidates, labels, budgets)
    best: list[MixedEnsemble | None] = [None] * len(budgets)
    names = np.array(candidates.networks)
    for name in dict.fromkeys(candidates.networks):
        members = np.flatnonzero(names == name)
        part = candidates.only(members.tolist())
        for k, ensemble in enumerate(best_of_many(part, labels, budgets, tries=tries)):
            if ensemble is None:
                continue
            whole = replace(ensemble, members=tuple(int(members[m]) for m in ensemble.members))
            if _is_better(candidates, labels, whole, best[k]):
                best[k] = whole
    return tuple(best)


def _is_better(
    candidates: Candidates, labels: Labels, ensemble: MixedEnsemble, rival: MixedEnsemble | None
) -> bool:
    """Compares by accuracy, and between equals by NLL: accuracy tells most of them apart."""
    if rival is None or ensemble.accuracy != rival.accuracy:
        return rival is None or ensemble.accuracy > rival.accuracy
    return merit_of(candidates, labels, ensemble.members) > merit_of(
        candidates, labels, rival.members
    )


def _forward(sums: Sums, best: BestSoFar, budget: float) -> int:
    """Greedy selection within `budget`; returns how many ensembles it scored.

    It starts empty, and adds the member that helps most, until none fits. Caruana,
    Niculescu-Mizil, Crew and Ksikes 2004 (ICML), section 2.1: the best ensemble on the way is
    taken, not the last.
    """
    taken: list[int] = []
    macs = scored = 0
    for _ in range(len(sums.members)):
        allowed = sums.macs <= budget - macs
        allowed[[0, *taken]] = False  # row 0 is no member
        if not allowed.any():
            break
        rows = slice(1, 1 + int(np.flatnonzero(allowed)[-1]))
        values = merits(sums, sums.total(taken), rows)
        values[~allowed[rows]] = -np.inf
        taken.append(1 + int(values.argmax()))
        macs = int(sums.macs[taken].sum())
        scored += len(values)
        members = [sums.members[row][0] for row in taken]
        best.see(members, macs, values.max(keepdims=True), sums, slice(0, 1))  # row 0 adds nothing
    return scored


def exact(candidates: Candidates, labels: Labels, budgets: Sequence[float]) -> Selected:
    """Return the best of all ensembles of different members, by enumeration, to rounding.

    UsageError where more than 2,000,000 fit the largest budget. The ensembles of the cheapest
    members are summed once; each ensemble of the others is then completed by all that still fit.
    """
    check(candidates, labels, budgets)
    if _more_than(MOST_SUBSETS, candidates, budgets):
        raise UsageError(
            f"an exact search scores at most {MOST_SUBSETS:,} ensembles; {len(candidates.keys)} "
            f"members make more within {format_count(budgets[-1])}, out of "
            f"{2.0 ** len(candidates.keys) - 1:.3g} in all. Use best_of_many, or a smaller pool."
        )
    sums, best = sums_of(candidates, labels), BestSoFar(budgets)
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
            best.see(members, macs, merits(parts, total, rows), parts, rows)
    return best.selected(candidates, labels)


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
    parts = sorted(_descend(sums, rows, budget), key=lambda part: part[2])
    totals = [total for _, total, _ in parts]
    return Sums(
        members=tuple(tuple(sums.members[row][0] for row in base) for base, _, _ in parts),
        sizes=np.array([float(size) for _, _, size in totals]),
        macs=np.array([macs for _, _, macs in parts], np.int64),
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
) -> Selected:
    """Local search from greedy and random starts, until about `tries` ensembles are scored.

    Where no more than `tries` fit the largest budget, all of them are scored instead.

    A step takes one place of the ensemble, or a new one, and scores every member and none for it
    at once. Where no place can be improved, the search starts again: in turns from a random
    ensemble, and from the best so far with two places drawn anew.
    """
    check(candidates, labels, budgets)
    if not _more_than(min(tries, MOST_SUBSETS), candidates, budgets):
        return exact(candidates, labels, budgets)
    rng = np.random.default_rng(derive("best of many", seed))
    sums, best = sums_of(candidates, labels), BestSoFar(budgets)
    row_of = {members[0]: row for row, members in enumerate(sums.members) if members}
    within = [k for k, budget in enumerate(budgets) if budget >= sums.macs[1]]
    scored = sum(_forward(sums, best, budgets[k]) for k in within)
    for turn in itertools.count() if within else ():
        if scored >= tries:
            break
        k = within[turn % len(within)]
        start = [row_of[m] for m in best.members(k)] if (turn // len(within)) % 2 == 0 else []
        start = _random(sums, budgets[k], start, rng)
        scored += _climb(sums, best, budgets[k], start, rng)
    return best.selected(candidates, labels)


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
    sums: Sums, best: BestSoFar, budget: float, start: list[int], rng: np.random.Generator
) -> int:
    """Climb to an ensemble that no change of one place improves; how many were scored for it."""
    taken, merit, scored, improved = start, -np.inf, 0, True
    while improved:
        improved = False
        for place in [*rng.permutation(len(taken)).tolist(), len(taken)]:
            base = taken[:place] + taken[place + 1 :]
            macs = int(sums.macs[base].sum())
            stop = int(np.searchsorted(sums.macs, budget - macs, side="right"))
            rows = slice(0 if base else 1, stop)
            values = merits(sums, sums.total(base), rows)
            values[[row - rows.start for row in base if row < stop]] = -np.inf
            scored += len(values)
            best.see([sums.members[row][0] for row in base], macs, values, sums, rows)
            if len(values) and values.max() > merit:
                merit, row = float(values.max()), rows.start + int(values.argmax())
                taken, improved = [*base, row] if row else base, True
                break
    return scored
