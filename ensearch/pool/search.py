"""Entries of the pool -> four fronts: single networks, same architecture, mixed, cascades.

Every choice is made on val. What it is worth is told by halves of val that did not choose, or by
test.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ensearch.core import Labels
from ensearch.ensembles import cascade_selection, cross_fitting, paired_differences, selection
from ensearch.ensembles.candidates import Candidates, Choice, narrowed
from ensearch.ensembles.cascades import Cascade
from ensearch.ensembles.cross_fitting import Checked, Found, Search
from ensearch.ensembles.paired_differences import Judged, Lead, Place
from ensearch.errors import BudgetError
from ensearch.fronts.hypervolume import hypervolume
from ensearch.pool import entry as pool_entry
from ensearch.pool.entry import Entry
from ensearch.pool.results import (
    BASELINES,
    CASCADE,
    GREEDY,
    KINDS,
    MIXED,
    RANDOM,
    SAME,
    SINGLE,
    Chosen,
    Fronts,
    Kept,
    Score,
    wilson,
)
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from ensearch.units import format_count, unit_name

MOST_BUDGETS = 8
# Ensembles that a search scores: all where there are no more. Of 59 members on 2,500 images, at
# four budgets, 100, 500 and 1,000 were worse on other images than 5,000 by 0.81, 0.13 and 0.15
# points (means; at one budget by 1.26, 0.73 and 0.63; 20 cuts); on digits by 0.19, 0.05 and 0.05.
TRIES = 5_000
# Sets of members of cascades, each with all thresholds. There 30, 100 and 300 were worse than
# 1,000 by 0.39, 0.44 and 0.06 points, and 300 take half the time (12 cuts); on digits by
# 0.03. The baseline draws as many.
ORDERS = 300
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the ensemble's cost, at which a cascade is held against it


def ladder(budget: float, found: Sequence[Entry], unit: int = 1) -> tuple[float, ...]:
    """Budgets, each half of the next, that a member fits into. BudgetError if none fits.

    Errors count `unit` FLOPs for a multiply-add.
    """
    cheapest = min(entry.macs for entry in found)
    if cheapest > budget:
        raise BudgetError(
            f"nothing fits the budget of {format_count(budget * unit)} {unit_name(unit)}: the "
            f"cheapest of {len(found)} {'entry' if len(found) == 1 else 'entries'} costs "
            # In full: rounded down it would not be enough.
            f"{format_count(cheapest * unit, 15)}. Give at least that."
        )
    steps = min(MOST_BUDGETS - 1, int(math.log2(budget / cheapest)))
    return tuple(budget / 2**step for step in range(steps, -1, -1))


def compute(
    store: Store,
    query: str,
    found: Sequence[Entry],
    budgets: Sequence[float],
    measure: str,
    with_test: bool,
    say: Callable[[str], None] = lambda line: None,
) -> Fronts:
    """Search all four fronts at ascending `budgets`.

    Raises StorageError if entries do not belong to the same images, BudgetError if none fits.
    """
    ladder(budgets[-1], found)
    labels = {
        s: pool_entry.agreed(store, found, s) for s in ("val", *(["test"] if with_test else []))
    }
    pool, y = candidates(store, found, "val", labels["val"])
    checked = _searched(pool, y, budgets, measure, say)
    val = {kind: paired_differences.crossed(one) for kind, one in checked.items()}
    test = _on_test(store, found, checked, labels["test"]) if with_test else None
    chosen = {kind: _chosen(kind, checked[kind], val, test) for kind in checked}
    rows = {
        kind: [one for one in of.values() if one.budget in budgets] for kind, of in chosen.items()
    }
    shown = test or val
    # What the most frequent class alone gets.
    reference = float(np.bincount(labels["val"].values).max() / len(y))
    return Fronts(
        query=query,
        entries=tuple(found),
        labels={split: of_split.summary for split, of_split in labels.items()},
        measure=measure,
        budgets=tuple(budgets),
        chosen=tuple(row for kind in KINDS for row in rows[kind]),
        baselines=tuple(row for kind in BASELINES for row in rows[kind]),
        leads=_leads(shown, budgets),
        comparison=paired_differences.leads(
            [(_place(shown[SAME], budgets[-1]), _place(shown[MIXED], budgets[-1]))]
        )[0],
        kept=_kept(shown, chosen, budgets[-1]),
        hypervolumes=_volumes(rows, val[SINGLE], budgets, reference),
        reference=reference,
    )


def searches(measure: str) -> dict[str, Search]:
    """By kind."""
    return {
        SINGLE: selection.singles,
        SAME: partial(selection.copies, tries=TRIES),
        MIXED: partial(selection.best_of_many, tries=TRIES),
        CASCADE: partial(cascade_selection.search, measure=measure, orders=ORDERS),
        GREEDY: partial(cascade_selection.greedy, measure=measure),
        RANDOM: partial(cascade_selection.random, measure=measure, tries=ORDERS),
    }


def _searched(
    pool: Candidates,
    y: Labels,
    budgets: Sequence[float],
    measure: str,
    say: Callable[[str], None],
) -> dict[str, Checked]:
    """Every kind at all budgets, some also at budgets that only they need."""
    checked: dict[str, Checked] = {}
    for kind, search in searches(measure).items():
        say(f"searching {kind}")
        at = set(budgets)
        if kind == SINGLE:
            at.add(float(pool.macs.min()))
        if kind == CASCADE:
            best = checked[MIXED].choices[-1]
            at |= set(_shares(best.macs) if best else ())
        checked[kind] = cross_fitting.checked(search, pool, y, sorted(at))
    return checked


def _shares(macs: float) -> list[float]:
    """Budgets of cascades that are held against an ensemble of that cost."""
    return [share * float(macs) for share in SHARES]


def candidates(
    store: Store, found: Sequence[Entry], split: str, labels: SplitLabels
) -> tuple[Candidates, Labels]:
    """Entries as the searches take them, and the labels that go with them."""
    probs, y = narrowed(lambda: pool_entry.probs(store, found, split, labels), labels.values)
    pool = Candidates(
        keys=tuple(entry.key for entry in found),
        networks=tuple(entry.network for entry in found),
        macs=np.array([entry.macs for entry in found], np.int64),
        probs=probs,
        narrow=True,
    )
    return pool, y


def _score(judged: Judged, budget: float, is_given: bool) -> Score:
    """With Wilson's interval; unless choices are given, on as few images as spread as replicates.

    In simulated pools (`scripts/simulations/cross_fitting`, 500 images, n = 100) intervals of
    replicates held the true accuracy in 93 to 97 %, Wilson's on all images in 91 to 96 %.
    """
    _, k = _place(judged, budget)
    accuracy, images = float(judged.accuracy[k]), float(judged.images)
    variance = float(judged.drawn[:, k].var(ddof=1))
    if not is_given and variance > accuracy * (1 - accuracy) / images > 0:
        images = accuracy * (1 - accuracy) / variance
    low, high = wilson(accuracy, images)
    return Score(accuracy=accuracy, low=low, high=high, macs=float(judged.macs[k]))


def _place(judged: Judged, budget: float) -> Place:
    return judged, judged.budgets.index(budget)


def _chosen(
    kind: str, checked: Checked, val: Mapping[str, Judged], test: Mapping[str, Judged] | None
) -> dict[float, Chosen]:
    """By budget, also those that only a comparison needs."""
    result = {}
    for k, (budget, found) in enumerate(zip(checked.budgets, checked.choices, strict=True)):
        # A half of the images may have found nothing where all did: then nothing checks it.
        if found is None or math.isnan(val[kind].accuracy[k]):
            continue
        thresholds: tuple[float, ...] = ()
        exits: tuple[float, ...] = (1.0,)
        if isinstance(found, Cascade):
            thresholds, exits = found.thresholds, found.exits
        result[budget] = Chosen(
            kind=kind,
            budget=budget,
            members=found.members,
            thresholds=thresholds,
            exits=exits,
            macs=float(found.macs),
            flattered=found.accuracy,
            halves=checked.agreeing(k),
            val=_score(val[kind], budget, is_given=False),
            test=None if test is None else _score(test[kind], budget, is_given=True),
        )
    return result


def _on_test(
    store: Store, found: Sequence[Entry], checked: Mapping[str, Checked], labels: SplitLabels
) -> dict[str, Judged]:
    """The same choices, scored on test. Only what was chosen is read."""
    chosen = [choice for one in checked.values() for choice in one.choices if choice is not None]
    used = sorted({member for choice in chosen for member in choice.members})
    place = {member: k for k, member in enumerate(used)}
    pool, y = candidates(store, [found[member] for member in used], "test", labels)
    return {
        kind: paired_differences.given(
            [c and _moved(c, place) for c in one.choices], one.budgets, pool, y
        )
        for kind, one in checked.items()
    }


def _moved(choice: Found, place: Mapping[int, int]) -> Found:
    members = tuple(place[member] for member in choice.members)
    if isinstance(choice, Choice):
        return replace(choice, members=members)
    return replace(choice, members=members)


def _leads(shown: Mapping[str, Judged], budgets: Sequence[float]) -> dict[tuple[str, float], Lead]:
    """Of the other kinds over single networks, at every budget."""
    wanted = [(kind, budget) for kind in KINDS if kind != SINGLE for budget in budgets]
    pairs = [(_place(shown[SINGLE], b), _place(shown[kind], b)) for kind, b in wanted]
    found = zip(wanted, paired_differences.leads(pairs), strict=True)
    return {where: lead for where, lead in found if lead is not None}


def _kept(
    shown: Mapping[str, Judged], chosen: Mapping[str, Mapping[float, Chosen]], top: float
) -> tuple[Kept, ...]:
    """Cascades within shares of the cost of the ensemble at the largest budget."""
    whole = chosen[MIXED].get(top)
    if whole is None:
        return ()
    best = _place(shown[MIXED], top)
    found = [
        (share, chosen[CASCADE][budget], (best, _place(shown[CASCADE], budget)))
        for share, budget in zip(SHARES, _shares(whole.macs), strict=True)
        if budget in chosen[CASCADE]
    ]
    return tuple(
        Kept(share=share, ensemble=whole, cascade=cascade, lead=lead)
        for (share, cascade, _), lead in zip(
            found, paired_differences.leads([pair for _, _, pair in found]), strict=True
        )
        if lead is not None
    )


def _volumes(
    rows: Mapping[str, Sequence[Chosen]],
    singles: Judged,
    budgets: Sequence[float],
    reference: float,
) -> dict[str, float]:
    """Every front begins with the cheapest members, which all kinds may choose.

    Otherwise the kind that spends most of the smallest budget would have the smallest volume.
    """
    low = singles.budgets[0]
    result = {}
    for kind, points in rows.items():
        costs = [low, *(max(low, min(one.macs, budgets[-1])) for one in points)]
        accuracies = [float(singles.accuracy[0]), *(one.val.accuracy for one in points)]
        result[kind] = hypervolume(costs, accuracies, budgets[-1], low, reference)
    return result
