"""Entries of the pool -> four fronts: single networks, same architecture, mixed, cascades.

Every selection is made on val. What it is worth is measured on halves of val that took no part in
it, or on test.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ensearch.core import Labels
from ensearch.ensembles import (
    KEPT_CLASSES,
    MEASURES,
    Candidates,
    CrossFit,
    HeldOutScores,
    Search,
    cascade_selection,
    cross_fitting,
    narrowed,
    paired_differences,
    selection,
)
from ensearch.errors import BudgetError, invalid, unknown
from ensearch.pool import judging, predictions
from ensearch.pool.entry import Entry
from ensearch.pool.notes import OnNote, unheard
from ensearch.pool.results import (
    BASELINES,
    CASCADE,
    FRONTS,
    GREEDY,
    MIXED,
    RANDOM,
    SAME,
    SINGLE,
    PoolFindings,
)
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from ensearch.units import Axis, flops, format_count

MOST_BUDGETS = 8
# Ensembles that a search scores: all where there are no more. Of 59 members on 2,500 images, at
# four budgets, 100, 500 and 1,000 were worse on other images than 5,000 by 0.81, 0.13 and 0.15
# points (means; at one budget by 1.26, 0.73 and 0.63; 20 cuts); on digits by 0.19, 0.05 and 0.05.
TRIES = 5_000
# Sets of members of cascades, each with all thresholds. There 30, 100 and 300 were worse than
# 1,000 by 0.39, 0.44 and 0.06 points, and 300 take half the time (12 cuts); on digits by
# 0.03. The baseline draws as many.
ORDERS = 300


def ladder(budget: float, entries: Sequence[Entry], axis: Axis) -> tuple[float, ...]:
    """Ascending budgets, each half of the next, that an entry fits into.

    Budgets are in the unit of the entries' prices, which errors show as the axis does. Raises
    BudgetError if no entry fits.
    """
    cheapest = min(entry.price for entry in entries)
    if cheapest > budget:
        raise BudgetError(
            f"nothing fits the budget of {axis.tell(budget)}: the cheapest of {len(entries)} "
            f"{'entry' if len(entries) == 1 else 'entries'} costs "
            # In full: rounded down it would not be enough.
            f"{format_count(cheapest * axis.factor, 15)}. Give at least that."
        )
    steps = min(MOST_BUDGETS - 1, int(math.log2(budget / cheapest)))
    return tuple(budget / 2**step for step in range(steps, -1, -1))


def check_measure(store: Store, entries: Sequence[Entry], measure: str) -> None:
    """Raise UsageError unless cascades of the entries can be searched by this confidence.

    The entropy is of all classes, and the searches see the likeliest ones of each image only.
    """
    if measure not in MEASURES:
        raise unknown("measure of confidence", measure, MEASURES)
    classes = predictions.agreed_labels(store, entries, "val").count
    if measure == "entropy" and classes > KEPT_CLASSES:
        raise invalid(
            "measure",
            f"must be max or margin for more than {KEPT_CLASSES} classes; got entropy for "
            f"{classes}.",
        )


def compute(
    store: Store,
    query: str,
    entries: Sequence[Entry],
    budgets: Sequence[float],
    measure: str,
    with_test: bool,
    on_progress: OnNote = unheard,
    other_axis: Axis | None = None,
) -> PoolFindings:
    """Search all four fronts at ascending `budgets`, in the unit of the entries' prices.

    These are multiply-adds per example, or that of `other_axis`. `on_progress` hears which front is
    searched. Raises StorageError if entries do not belong to the same images, BudgetError if none
    fits.
    """
    ladder(budgets[-1], entries, other_axis or flops(1))
    splits = ("val", "test") if with_test else ("val",)
    labels = {split: predictions.agreed_labels(store, entries, split) for split in splits}
    pool, y = candidates(store, entries, "val", labels["val"])
    checked = _searched(pool, y, budgets, measure, on_progress)
    val = {front: paired_differences.by_other_half(of_front) for front, of_front in checked.items()}
    test = _on_test(store, entries, checked, labels["test"]) if with_test else None
    points = {front: judging.points(front, checked[front], val, test) for front in checked}
    rows = {
        front: [point for point in of_front.values() if point.budget in budgets]
        for front, of_front in points.items()
    }
    shown = test or val
    # What the most frequent class alone gets.
    reference = float(np.bincount(labels["val"].values).max() / len(y))
    top = budgets[-1]
    return PoolFindings(
        query=query,
        entries=tuple(entries),
        labels={split: of_split.summary for split, of_split in labels.items()},
        measure=measure,
        budgets=tuple(budgets),
        points=tuple(row for front in FRONTS for row in rows[front]),
        baselines=tuple(row for front in BASELINES for row in rows[front]),
        leads=judging.leads(shown, budgets),
        mixed_lead=judging.mixed_lead(shown, top),
        cascade_comparisons=judging.cascade_comparisons(shown, points, top),
        hypervolumes=judging.volumes(rows, val[SINGLE], budgets, reference),
        reference=reference,
        other_axis=other_axis,
    )


def searches(measure: str) -> dict[str, Search]:
    """The search of each front and of each baseline, by its name."""
    return {
        SINGLE: selection.single_networks,
        SAME: partial(selection.same_network, tries=TRIES),
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
    on_progress: OnNote,
) -> dict[str, CrossFit]:
    """The front of every search at all budgets, some also at budgets that only they need."""
    checked: dict[str, CrossFit] = {}
    for front, search in searches(measure).items():
        on_progress(f"searching {front}")
        steps = set(budgets)
        if front == SINGLE:
            steps.add(float(pool.macs.min()))
        if front == CASCADE:
            best = checked[MIXED].selected[-1]
            steps |= set(judging.shares(best.macs) if best else ())
        checked[front] = cross_fitting.cross_fit(search, pool, y, sorted(steps))
    return checked


def candidates(
    store: Store, entries: Sequence[Entry], split: str, labels: SplitLabels
) -> tuple[Candidates, Labels]:
    """Entries as the searches take them, and the labels that go with them."""
    probs, y = narrowed(lambda: predictions.probs(store, entries, split, labels), labels.values)
    pool = Candidates(
        keys=tuple(entry.key for entry in entries),
        networks=tuple(entry.network for entry in entries),
        macs=np.array([entry.price for entry in entries], np.int64),
        probs=probs,
        narrow=True,
    )
    return pool, y


def _on_test(
    store: Store, entries: Sequence[Entry], checked: Mapping[str, CrossFit], labels: SplitLabels
) -> dict[str, HeldOutScores]:
    """The same selections, scored on test. Only predictions of selected entries are read."""
    selections = [
        selected
        for of_front in checked.values()
        for selected in of_front.selected
        if selected is not None
    ]
    used = sorted({member for selected in selections for member in selected.members})
    index = {member: k for k, member in enumerate(used)}
    pool, y = candidates(store, [entries[member] for member in used], "test", labels)
    return {
        front: paired_differences.by_other_split(
            [
                selected and replace(selected, members=tuple(index[m] for m in selected.members))
                for selected in of_front.selected
            ],
            of_front.budgets,
            pool,
            y,
        )
        for front, of_front in checked.items()
    }
