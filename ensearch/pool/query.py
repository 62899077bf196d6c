"""Which entries of the pool take part: `--pool QUERY`."""

import difflib
import fnmatch
from collections.abc import Callable, Sequence
from typing import Any, cast

from ensearch.errors import StorageError, UsageError
from ensearch.pool.entry import ALL, Entry, entries, lacking, spellings
from ensearch.store import Store


def select(store: Store, query: str, say: Callable[[str], None] = lambda line: None) -> list[Entry]:
    """Entries that match any of the comma-separated parts of a query, and no part after a `!`.

    A part is `all`, a name, what a table calls an entry, a pattern over these such as `eff*`,
    `study:NAME` (the members that its search evaluated), `confirmed:NAME` (those of its
    confirmations) or `dataset:FINGERPRINT` (its beginning will do). Entries without predictions of
    val, which cannot be chosen, are left out and said, but for those that are named. Raises
    UsageError where a part matches nothing.
    """
    found = entries(store)
    if not found:
        raise StorageError(
            f"the pool of {store.place} is empty: train members with `ensearch run`, or bring "
            "models by `ensearch pool import` or `ensearch pool add`."
        )
    parts = [part.strip() for part in query.split(",")]
    without = [part.removeprefix("!") for part in parts if part.startswith("!")]
    within = [part for part in parts if not part.startswith("!")] or [ALL]
    keys = _keys(store, found, within) - _keys(store, found, without)
    chosen = [entry for entry in found if entry.key in keys]
    if not chosen:
        raise UsageError(f"--pool {query!r} leaves out everything that it takes in.")
    # One that is named is refused later, with the reason: somebody counts on it.
    able = [entry for entry in chosen if "val" in entry.labels or entry.name in within]
    if able and len(able) < len(chosen):
        example = next(e for e in chosen if "val" not in e.labels and e.name not in within)
        say(
            f"note: {len(chosen) - len(able)} of {len(chosen)} entries are left out, because "
            f"without predictions of val nothing can be chosen: {lacking(example, 'val')}"
        )
    return able or chosen


def _keys(store: Store, found: Sequence[Entry], parts: Sequence[str]) -> set[str]:
    keys: set[str] = set()
    for part in parts:
        matched = _matching(store, found, part)
        if not matched:
            models_first = sorted(found, key=lambda entry: entry.is_member)
            raise UsageError(
                f"--pool: nothing in the pool matches {part!r}."
                f"{_nearest(store, found, part)} It takes all, names, patterns such as 'eff*', "
                "study:NAME, confirmed:NAME and dataset:FINGERPRINT, separated by commas, and "
                f"'!eff*' to leave some out. There are {len(found)} entries, such as "
                f"{', '.join(entry.name for entry in models_first[:5])}."
            )
        keys |= {entry.key for entry in matched}
    return keys


def _matching(store: Store, found: Sequence[Entry], part: str) -> list[Entry]:
    kind, _, argument = part.partition(":")
    if kind == "study":
        store.study(argument)  # refuses an unknown name with the nearest
        used = {key for keys in store.evaluation_members(argument).values() for key in keys}
        return [entry for entry in found if entry.key in used]
    if kind == "confirmed":
        store.study(argument)
        numbers = range(1, 1 + len(cast(list[Any], store.note(argument, "confirmations") or [])))
        stages = [store.evaluation_members(argument, f"confirm-{number}") for number in numbers]
        used = {key for stage in stages for keys in stage.values() for key in keys}
        if not used:
            raise UsageError(
                f"--pool confirmed:{argument}: nothing of study {argument} is confirmed yet. "
                f"`ensearch confirm {argument}` trains its best networks anew and scores them "
                f"on test; --pool study:{argument} has those of the search."
            )
        return [entry for entry in found if entry.key in used]
    if kind == "dataset":
        return [e for e in found if argument and _is_of(e, argument)]
    if part == ALL:
        return list(found)
    return [entry for entry in found if entry.name == part] or [
        entry
        for entry in found
        if any(fnmatch.fnmatchcase(name, part) for name in (entry.name, *spellings(entry)))
    ]


def _nearest(store: Store, found: Sequence[Entry], part: str) -> str:
    names = {study.name.lower(): f"study:{study.name}" for study in store.studies()}
    names |= {name.lower(): name for entry in found for name in (entry.name, *spellings(entry))}
    near = difflib.get_close_matches(part.lower(), names, n=1, cutoff=0.5)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


def _is_of(entry: Entry, fingerprint: str) -> bool:
    return any(
        one.startswith(fingerprint) for one in (entry.dataset, *entry.labels.values()) if one
    )
