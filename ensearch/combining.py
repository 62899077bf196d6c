"""Entries of the pool -> four fronts: single networks, same architecture, mixed, cascades.

Every choice is made on val. What it is worth is told by the half of val that did not choose, both
halves in turn, or by test.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ensearch import cascade_search, choosing, entries, mixed
from ensearch.candidates import Candidates, Choice, narrowed
from ensearch.cascades import Cascade
from ensearch.choosing import Checked, Found, Search
from ensearch.core import Floats, Labels
from ensearch.crossover import WIDTH
from ensearch.entries import Entry
from ensearch.errors import BudgetError
from ensearch.hypervolume import hypervolume
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from ensearch.units import format_count

SINGLE, SAME, MIXED, CASCADE = KINDS = ("single", "same architecture", "mixed", "cascade")
MOST_BUDGETS = 8
# Ensembles that a search scores: all where there are no more. Sets of members of cascades.
TRIES, ORDERS = 5_000, 1_000
# Of the comparison, each with both searches twice; COMPARED is what these score. Of 30 members on
# 2,500 images 40 of them take 5 s of one core, with TRIES 35 s.
REPLICATES, COMPARED = 40, 500
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the ensemble's cost, at which a cascade is held against it


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """On some images: accuracy with its 95 % interval over images, mean multiply-adds."""

    accuracy: float
    low: float
    high: float
    macs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What one kind's search chose within a budget. Costs in multiply-adds per example.

    `members` are indices of the entries, of a cascade in the order in which they run. `macs` and
    `flattered`, the accuracy, are on the images of val that chose; `val` is by images that did not.
    """

    kind: str
    budget: float
    members: tuple[int, ...]
    thresholds: tuple[float, ...]
    exits: tuple[float, ...]
    macs: float
    flattered: float
    val: Score
    test: Score | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A cascade within `share` of the cost of the best mixed ensemble, against that ensemble.

    `difference` is the cascade's accuracy less the ensemble's on images that did not choose, with
    a 95 % interval over images; `cost` the cascade's mean multiply-adds there over the ensemble's.
    """

    share: float
    ensemble: float
    cascade: float
    difference: float
    low: float
    high: float
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronts:
    """All that a report of a pool may say. `chosen` has for each budget one of each kind found."""

    query: str
    entries: tuple[Entry, ...]
    labels: Mapping[str, str]  # split -> what its labels are, in words
    measure: str
    budgets: tuple[float, ...]  # ascending
    chosen: tuple[Chosen, ...]
    comparison: choosing.Comparison  # mixed less same architecture, at the largest budget
    kept: tuple[Kept, ...]  # by ascending share
    hypervolumes: Mapping[str, float]  # by kind, of `val`, in accuracy x decades of cost
    reference: float  # accuracy of the hypervolumes

    @property
    def has_test(self) -> bool:
        return "test" in self.labels

    def of(self, kind: str, budget: float) -> Chosen | None:
        found = (c for c in self.chosen if (c.kind, c.budget) == (kind, budget))
        return next(found, None)


def ladder(budget: float, found: Sequence[Entry]) -> tuple[float, ...]:
    """Budgets, each half of the next, that a member fits into. BudgetError if none fits."""
    cheapest = min(entry.macs for entry in found)
    if cheapest > budget:
        raise BudgetError(
            f"nothing fits the budget of {format_count(budget)} multiply-adds: the cheapest of "
            f"{len(found)} entries costs {format_count(cheapest)}. Give at least that."
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
    labels = {s: entries.agreed(store, found, s) for s in ("val", *(["test"] if with_test else []))}
    pool, y = _candidates(store, found, "val", labels["val"])
    checked = {}
    for kind, search in searches(measure).items():
        say(f"searching {kind}")
        checked[kind] = choosing.checked(search, pool, y, budgets)
    chosen = [c for kind in KINDS for c in _chosen(kind, checked[kind])]
    if with_test:
        chosen = _on_test(store, found, chosen, checked, labels["test"])
    say("comparing mixed with same architecture")
    reference = float(
        np.bincount(labels["val"].values).max() / len(y)
    )  # what the most frequent class alone gets
    return Fronts(
        query=query,
        entries=tuple(found),
        labels={split: of_split.summary for split, of_split in labels.items()},
        measure=measure,
        budgets=tuple(budgets),
        chosen=tuple(chosen),
        comparison=choosing.compare(
            partial(mixed.copies, tries=COMPARED),
            partial(mixed.best_of_many, tries=COMPARED),
            pool,
            y,
            budgets[-1],
            replicates=REPLICATES,
        ),
        kept=_kept(pool, y, checked[MIXED], measure),
        hypervolumes=_volumes(chosen, budgets, found, reference),
        reference=reference,
    )


def searches(measure: str) -> dict[str, Search]:
    """By kind."""
    return {
        SINGLE: mixed.singles,
        SAME: partial(mixed.copies, tries=TRIES),
        MIXED: partial(mixed.best_of_many, tries=TRIES),
        CASCADE: partial(cascade_search.search, measure=measure, orders=ORDERS),
    }


def _candidates(
    store: Store, found: Sequence[Entry], split: str, labels: SplitLabels
) -> tuple[Candidates, Labels]:
    """Entries as the searches take them, and the labels that go with them."""
    probs, y = narrowed(lambda: entries.probs(store, found, split, labels), labels.values)
    pool = Candidates(
        keys=tuple(entry.key for entry in found),
        networks=tuple(entry.network for entry in found),
        macs=np.array([entry.macs for entry in found], np.int64),
        probs=probs,
        narrow=True,
    )
    return pool, y


def wilson(accuracy: float, images: int) -> tuple[float, float]:
    """95 % interval of a share of `images`. Wilson 1927, equation of the score interval."""
    square = WIDTH**2 / images
    middle = (accuracy + square / 2) / (1 + square)
    half = WIDTH * math.sqrt(accuracy * (1 - accuracy) / images + square / (4 * images))
    half /= 1 + square
    return max(0.0, middle - half), min(1.0, middle + half)


def _score(accuracy: float, macs: float, images: int) -> Score:
    low, high = wilson(accuracy, images)
    return Score(accuracy=float(accuracy), low=low, high=high, macs=float(macs))


def _chosen(kind: str, checked: Checked) -> list[Chosen]:
    result = []
    for k, found in enumerate(checked.choices):
        # Half of the images may have found nothing where all did: then nothing checks it.
        if found is None or math.isnan(checked.accuracy[k]):
            continue
        thresholds: tuple[float, ...] = ()
        exits: tuple[float, ...] = (1.0,)
        if isinstance(found, Cascade):
            thresholds, exits = found.thresholds, found.exits
        result.append(
            Chosen(
                kind=kind,
                budget=checked.budgets[k],
                members=found.members,
                thresholds=thresholds,
                exits=exits,
                macs=float(found.macs),
                flattered=found.accuracy,
                val=_score(checked.accuracy[k], checked.macs[k], checked.hits.shape[1]),
            )
        )
    return result


def _on_test(
    store: Store,
    found: Sequence[Entry],
    chosen: Sequence[Chosen],
    checked: Mapping[str, Checked],
    labels: SplitLabels,
) -> list[Chosen]:
    """The same choices, scored on test. Only what was chosen is read."""
    used = sorted({member for one in chosen for member in one.members})
    place = {member: k for k, member in enumerate(used)}
    pool, y = _candidates(store, [found[member] for member in used], "test", labels)
    result = []
    for one in chosen:
        of_kind = checked[one.kind]
        choice = of_kind.choices[of_kind.budgets.index(one.budget)]
        assert choice is not None
        applied = choosing.apply(_moved(choice, place), pool, y)
        score = _score(applied.accuracy, applied.macs, len(y))
        result.append(replace(one, test=score))
    return result


def _moved(choice: Found, place: Mapping[int, int]) -> Found:
    members = tuple(place[member] for member in choice.members)
    if isinstance(choice, Choice):
        return replace(choice, members=members)
    return replace(choice, members=members)


def _kept(pool: Candidates, y: Labels, ensembles: Checked, measure: str) -> tuple[Kept, ...]:
    """Cascades within shares of the cost of the ensemble at the largest budget."""
    best, macs = ensembles.choices[-1], float(ensembles.macs[-1])
    if best is None or math.isnan(macs):
        return ()
    budgets = [share * macs for share in SHARES]
    search = partial(cascade_search.search, measure=measure, orders=ORDERS)
    found = choosing.checked(search, pool, y, budgets)
    result = []
    for k, share in enumerate(SHARES):
        if found.choices[k] is None or math.isnan(found.accuracy[k]):
            continue
        gaps: Floats = found.hits[k].astype(np.float64) - ensembles.hits[-1]
        half = WIDTH * float(gaps.std(ddof=1)) / math.sqrt(len(y)) if len(y) > 1 else math.inf
        middle = float(gaps.mean())
        result.append(
            Kept(
                share=share,
                ensemble=float(ensembles.accuracy[-1]),
                cascade=float(found.accuracy[k]),
                difference=middle,
                low=middle - half,
                high=middle + half,
                cost=float(found.macs[k]) / macs,
            )
        )
    return tuple(result)


def _volumes(
    chosen: Sequence[Chosen], budgets: Sequence[float], found: Sequence[Entry], reference: float
) -> dict[str, float]:
    low = float(min(entry.macs for entry in found))
    result = {}
    for kind in KINDS:
        points = [one for one in chosen if one.kind == kind]
        costs = [max(low, min(one.macs, budgets[-1])) for one in points]
        accuracies = [one.val.accuracy for one in points]
        result[kind] = hypervolume(costs, accuracies, budgets[-1], low, reference)
    return result
