"""Whether mixed ensembles of a study's members are better than ensembles of one network.

Kondratyuk et al. 2020 found copies of one searched network about as good as the diverse networks of
several searches. Here every study tests it on its own members: the best ensemble of any of them
against the best of one network, within the largest budget. A search of the pool tells more, and
takes longer.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from ensearch.core import Split
from ensearch.ensembles import Search, cross_fitting, paired_differences, selection
from ensearch.errors import StorageError
from ensearch.fronts import Difference
from ensearch.pool import query
from ensearch.pool import search as pool_search
from ensearch.pool.entry import Entry, all_entries
from ensearch.pool.predictions import agreed_labels
from ensearch.store import SEARCH, MixingGain, Store

# Ensembles that each search scores. Of 59 members on 2,500 images 5,000 were better on other images
# by 0.13 points at several budgets, and took five times as long.
TRIES = 500
# The most members that are compared unasked: 492 members on 5,000 images took 8 s on one core.
UNASKED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """What mixing `members` of `networks` gains over copies of one network, within `budget`.

    The gain is one in accuracy, on halves of val that took no part in the selection, or on test.
    `lead` is None where it was not compared.
    """

    split: Split
    members: int
    networks: int
    copies: int  # members of the network that has most: ensembles of one network are no larger
    budget: float
    lead: Difference | None


def of_search(store: Store, study: str, budget: float, *, always: bool) -> Diversity | None:
    """The diversity of the members that the search of a study evaluated, on val.

    It is compared once, and kept in the storage. Members that have come since are compared anew if
    `always`, or if there are at most 200. The result is None where predictions or labels are
    missing, or if a single network was trained. Raises StorageError if predictions are others than
    were written.
    """
    entries, result = _members(store, study, SEARCH, "val", budget)
    if result is None:
        return None
    keys = ",".join(sorted(entry.key for entry in entries))
    digest = hashlib.sha256(f"{budget} {keys}".encode()).hexdigest()[:16]
    kept = store.mixing_gain(study)
    if kept is not None and kept.members == digest:
        stored = Difference(value=kept.difference, low=kept.low, high=kept.high)
        return replace(result, lead=stored)
    if len(entries) > UNASKED and not always:
        return result
    try:
        lead = _on_val(store, entries, budget)
    except StorageError as error:
        if error.facts.get("changed"):
            raise
        return None  # a search of the pool, which compares nothing else, says why
    if lead is not None:
        with suppress(StorageError):  # a storage that is read only or busy costs no report
            gain = MixingGain(members=digest, difference=lead.value, low=lead.low, high=lead.high)
            store.save_mixing_gain(study, gain)
    return replace(result, lead=lead)


def of_confirmation(store: Store, study: str, stage: str, budget: float) -> Diversity | None:
    """The diversity of the members of a confirmation, selected on val and scored on test.

    It uses test, as the confirmation does. The result is None where that of `of_search` is.
    """
    entries, result = _members(store, study, stage, "test", budget)
    if result is None:
        return None
    try:
        return replace(result, lead=_on_test(store, entries, budget))
    except StorageError as error:
        if error.facts.get("changed"):
            raise
        return None


def _members(
    store: Store, study: str, stage: str, split: Split, budget: float
) -> tuple[list[Entry], Diversity | None]:
    """The members of a stage, and what is known before they are compared.

    The latter is None if there is nothing to compare.
    """
    used = query.members_of(store, study, stage)
    entries = [entry for entry in all_entries(store) if entry.key in used]
    networks = Counter(entry.network for entry in entries)
    if len(networks) < 2:
        return entries, None
    return entries, Diversity(
        split=split,
        members=len(entries),
        networks=len(networks),
        copies=max(networks.values()),
        budget=budget,
        lead=None,
    )


def _on_val(store: Store, entries: Sequence[Entry], budget: float) -> Difference | None:
    pool, y = pool_search.candidates(store, entries, "val", agreed_labels(store, entries, "val"))
    same, any_kind = (
        paired_differences.by_other_half(cross_fitting.cross_fit(search, pool, y, [budget]))
        for search in _searches()
    )
    return paired_differences.leads([((same, 0), (any_kind, 0))])[0]


def _on_test(store: Store, entries: Sequence[Entry], budget: float) -> Difference | None:
    val, test = (
        pool_search.candidates(store, entries, split, agreed_labels(store, entries, split))
        for split in ("val", "test")
    )
    same, any_kind = (
        paired_differences.by_other_split(search(*val, [budget]), [budget], *test)
        for search in _searches()
    )
    return paired_differences.leads([((same, 0), (any_kind, 0))])[0]


def _searches() -> tuple[Search, Search]:
    """The searches for the best ensemble of one network, and of any networks."""
    return partial(selection.same_network, tries=TRIES), partial(
        selection.best_of_many, tries=TRIES
    )
