"""Do a study's members do better mixed than among their own kind?

Kondratyuk et al. 2020 found copies of one searched network about as good as the diverse networks of
several searches. Here every study tests it on its own members: the best ensemble of any of them
against the best of one network, within the largest budget. `ensearch front` tells more, and longer.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, cast

from ensearch import choosing, combining, comparing, entries, mixed
from ensearch.comparing import Lead
from ensearch.entries import Entry
from ensearch.errors import StorageError
from ensearch.store import Store

# Ensembles that each search scores. Of 59 members on 2,500 images 5,000 were better on other images
# by 0.13 points at several budgets, and took five times as long.
TRIES = 500
# Above it nothing is compared unasked: 492 members on 5,000 images took 8 s on one core.
MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """What mixing `members` of `networks` gains over copies of one, within `budget`.

    In accuracy, on halves of val that did not choose. `lead` is None where it was not compared.
    """

    members: int
    networks: int
    copies: int  # members of the network that has most: ensembles of one network are no larger
    budget: float
    lead: Lead | None


def of_study(store: Store, study: str, budget: float, *, always: bool) -> Diversity | None:
    """Of the members that the search of `study` evaluated; compared once, and kept in the storage.

    Members that have come since are compared anew if `always`, or if there are at most 200. None
    where predictions or labels are missing, or if a single network was trained.
    """
    try:
        return _compared(store, study, budget, always)
    except StorageError:  # whoever asks for the comparison alone, by `ensearch front`, is told why
        return None


def _compared(store: Store, study: str, budget: float, always: bool) -> Diversity | None:
    found = entries.select(store, f"study:{study}")
    networks = Counter(entry.network for entry in found)
    if len(networks) == 1:
        return None
    result = Diversity(
        members=len(found),
        networks=len(networks),
        copies=max(networks.values()),
        budget=budget,
        lead=None,
    )
    keys = ",".join(sorted(entry.key for entry in found))
    digest = hashlib.sha256(f"{budget} {keys}".encode()).hexdigest()[:16]
    kept = cast(dict[str, Any], store.note(study, "diversity") or {})
    if kept.get("of") == digest:
        return replace(result, lead=Lead(**kept["lead"]))
    if len(found) > MOST and not always:
        return result
    lead = _lead(store, found, budget)
    if lead is not None:
        with suppress(StorageError):  # a storage that is read only or busy costs no report
            store.set_note(study, "diversity", {"of": digest, "lead": asdict(lead)})
    return replace(result, lead=lead)


def _lead(store: Store, found: Sequence[Entry], budget: float) -> Lead | None:
    """Of mixed ensembles over those of one network."""
    pool, y = combining.candidates(store, found, "val", entries.agreed(store, found, "val"))
    searches = (partial(search, tries=TRIES) for search in (mixed.copies, mixed.best_of_many))
    same, any_kind = (
        comparing.crossed(choosing.checked(search, pool, y, [budget])) for search in searches
    )
    return comparing.leads([((same, 0), (any_kind, 0))])[0]
