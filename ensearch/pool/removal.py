"""Removing entries from the pool."""

from collections.abc import Iterable
from pathlib import Path

from ensearch.errors import StorageError
from ensearch.pool.entry import Entry, all_entries, entries_called
from ensearch.store import Store, storage_url


def remove(
    names: str | Iterable[str], *, storage: str | Path | None = None, force: bool = False
) -> tuple[str, ...]:
    """Remove models or trained members with their files; returns their names.

    A name that tables give to all members of a network stands for all of them. Members that
    evaluations of studies use go only by `force`. Raises UsageError for an unknown name,
    StorageError for a member that is in use; then nothing is removed.
    """
    given = [names] if isinstance(names, str) else names
    with Store.open(storage_url(storage), create=False) as store:
        every = all_entries(store)
        called = [entry for name in given for entry in entries_called(every, name)]
        entries = list({entry.key: entry for entry in called}.values())
        for entry in entries:
            if entry.is_member:
                _refuse_used(store, entry, force)
        for entry in entries:
            if entry.is_member:
                store.pool.remove_member(entry.key)
            else:
                store.pool.remove(entry.name)
    return tuple(entry.name for entry in entries)


def _refuse_used(store: Store, entry: Entry, force: bool) -> None:
    users, running = store.pool.users(entry.key)
    if running:
        raise StorageError(
            f"{entry.name} belongs to {', '.join(running)}, which is running: wait for it or stop "
            "it."
        )
    if users and not force:
        raise StorageError(
            f"{entry.name} is used by evaluations of {', '.join(users)}: what they say could not "
            "be computed again without it.",
            problem="member_used",
        )
