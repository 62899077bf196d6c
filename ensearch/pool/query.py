"""Which entries of the pool a query selects."""

import difflib
import fnmatch
from collections.abc import Sequence

from ensearch.confirmation import plan as confirmation_plan
from ensearch.errors import EnsearchError, StorageError, UsageError, invalid
from ensearch.pool.entry import ALL, Entry, all_entries, called, is_change, spellings
from ensearch.pool.notes import OnNote, unheard
from ensearch.pool.predictions import why_lacking
from ensearch.store import SEARCH, Store
from ensearch.units import few


def select(store: Store, query: str, on_note: OnNote = unheard, dataset: str = "") -> list[Entry]:
    """Entries that match any of the comma-separated parts of a query, and no part after a `!`.

    A part is `all`, a name, what a table calls an entry or several (`2 × 16-0.5 + B0`), a pattern
    over names such as `eff*`, `study:NAME` (the members that its search evaluated; the name alone
    will do), `confirmed:NAME` (the members of its confirmations) or `dataset:FINGERPRINT` (its
    beginning will do). Entries without predictions of val, which cannot be selected on it, are left
    out with a note, unless the query names them. `dataset` keeps those of one dataset: its name, or
    the beginning of a fingerprint. Raises UsageError where a part matches nothing, StorageError if
    the pool is empty.
    """
    found = matching(store, query, dataset)
    # An entry that is named is refused later, with the reason: somebody counts on it.
    named = _parts(query)
    usable = [entry for entry in found if "val" in entry.labels or entry.name in named]
    if usable and len(usable) < len(found):
        example = next(entry for entry in found if entry not in usable)
        on_note(
            f"{len(found) - len(usable)} of {len(found)} entries are left out, because "
            "nothing can be selected without predictions of val: "
            f"{why_lacking(example, 'val')}"
        )
    return usable or found


def matching(store: Store, query: str, dataset: str = "") -> list[Entry]:
    """Entries that `select` takes in, also those that nothing can be selected of. Raises alike."""
    entries = all_entries(store)
    if not entries:
        raise StorageError(
            f"the pool of {store.address} is empty: nothing has been trained or imported.",
            problem="pool_empty",
        )
    parts = _parts(query)
    without = [part.removeprefix("!") for part in parts if part.startswith("!")]
    within = [part for part in parts if not part.startswith("!")] or [ALL]
    keys = _keys(store, entries, within) - _keys(store, entries, without)
    found = [entry for entry in entries if entry.key in keys]
    if not found:
        raise invalid("pool", f"{query!r} leaves out everything that it takes in.")
    return _of_dataset(store, found, dataset) if dataset else found


def check_study(store: Store, study: str) -> None:
    """Raise StorageError if there is no study of that name, with what the pool calls so, if any."""
    if store.has_study(study):
        return
    try:
        found = matching(store, study)
    except EnsearchError:
        store.study(study)  # refuses it with the nearest
        return
    names = few([entry.name for entry in found], shown=1)
    raise StorageError(
        f"there is no study {study!r}, but in the pool it means {names}.",
        problem="no_study_but_entries",
        name=study,
    )


def members_of(store: Store, study: str, stage: str) -> set[str]:
    """Keys of the members that a stage of a study evaluated."""
    return {key for keys in store.evaluation_members(study, stage).values() for key in keys}


def _parts(query: str) -> list[str]:
    """What is between commas; what a table says of a schedule, `, epochs 12`, belongs to a name."""
    parts: list[str] = []
    for part in map(str.strip, query.split(",")):
        if parts and is_change(part):
            parts[-1] += f", {part}"
        else:
            parts.append(part)
    return parts


def _keys(store: Store, entries: Sequence[Entry], parts: Sequence[str]) -> set[str]:
    keys: set[str] = set()
    for part in parts:
        found = _matching(store, entries, part)
        if not found:
            raise _unmatched(store, entries, part)
        keys |= {entry.key for entry in found}
    return keys


def _unmatched(store: Store, entries: Sequence[Entry], part: str) -> UsageError:
    models_first = sorted(entries, key=lambda entry: entry.is_member)
    return invalid(
        "pool",
        f"has a part without a match: nothing in the pool matches {part!r}."
        f"{_nearest(store, entries, part)} A query takes all, names, patterns such as 'eff*', "
        "study:NAME, confirmed:NAME and dataset:FINGERPRINT, separated by commas, and '!eff*' to "
        f"leave some out. There are {len(entries)} entries, such as "
        f"{', '.join(entry.name for entry in models_first[:5])}.",
    )


def _matching(store: Store, entries: Sequence[Entry], part: str) -> list[Entry]:
    prefix, _, argument = part.partition(":")
    if prefix == "study":
        store.study(argument)  # refuses an unknown name with the nearest
        used = members_of(store, argument, SEARCH)
        return [entry for entry in entries if entry.key in used]
    if prefix == "confirmed":
        used = _confirmed(store, argument)
        return [entry for entry in entries if entry.key in used]
    if prefix == "dataset":
        return [entry for entry in entries if argument and _belongs_to(entry, argument)]
    if part == ALL:
        return list(entries)
    if named := called(entries, part):
        return named
    if store.has_study(part):  # as lists of studies show it
        return _matching(store, entries, f"study:{part}")
    return [
        entry
        for entry in entries
        if any(fnmatch.fnmatchcase(name, part) for name in (entry.name, *spellings(entry)))
    ]


def _of_dataset(store: Store, entries: Sequence[Entry], dataset: str) -> list[Entry]:
    """Entries of the dataset. Raises UsageError with the datasets that there are if it has none."""
    names = {
        entry.key: {
            known
            for split, labels in entry.labels.items()
            for record in store.pool.datasets_of(split, labels)
            for known in (record.spec, record.name)
        }
        for entry in entries
    }
    kept = [e for e in entries if dataset in names[e.key] or _belongs_to(e, dataset)]
    if not kept:
        listing = ", ".join(sorted(set().union(*names.values()))) or "none that have a name"
        raise invalid("dataset", f"{dataset!r} has no entry here. Datasets of these: {listing}.")
    return kept


def _confirmed(store: Store, study: str) -> set[str]:
    """Keys of the members of a study's confirmations. Raises UsageError if there are none."""
    store.study(study)
    keys: set[str] = set()
    for plan in confirmation_plan.plans(store, study):
        keys |= members_of(store, study, plan.stage)
    if not keys:
        raise UsageError(
            f"nothing of study {study} is confirmed yet, so that confirmed:{study} has no "
            f"members; study:{study} has those of the search.",
            problem="not_confirmed",
            study=study,
        )
    return keys


def _nearest(store: Store, entries: Sequence[Entry], part: str) -> str:
    names = {study.name.lower(): f"study:{study.name}" for study in store.studies()}
    names |= {name.lower(): name for entry in entries for name in (entry.name, *spellings(entry))}
    near = difflib.get_close_matches(part.lower(), names, n=1, cutoff=0.5)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


def _belongs_to(entry: Entry, fingerprint: str) -> bool:
    known = (entry.dataset, *entry.labels.values())
    return any(value.startswith(fingerprint) for value in known if value)
