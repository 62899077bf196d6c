"""Whole studies of a storage: taken out, renamed and copied, while no driver runs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import optuna

from ensearch.errors import StorageError
from ensearch.store import Store
from ensearch.study import config


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedStudy:
    """A study that was taken out.

    Of its members so many were removed with it, `kept` stay in the pool, and of these `shared` are
    used by other studies.
    """

    study: str
    members: int
    kept: int
    shared: int


def remove(store: Store, study: str, *, members: bool) -> RemovedStudy:
    """Take a study out; with `members` those too that no other study uses, and their files.

    A kill in between leaves a study without some of its members, which can be removed again.
    Raises StorageError if there is no such study, or if a driver runs it.
    """
    with _still(store, study):
        own, shared = store.members_of(study)
        for key in own if members else ():
            store.pool.remove_member(key)
        with _optuna(store) as storage:
            if study in optuna.get_all_study_names(storage):
                optuna.delete_study(study_name=study, storage=storage)
        store.remove_study(study)
    removed = len(own) if members else 0
    return RemovedStudy(
        study=study,
        members=removed,
        kept=len(own) - removed + len(shared),
        shared=len(shared),
    )


def rename(store: Store, study: str, name: str) -> None:
    """Give a study another name; what belongs to it goes with it.

    Raises UsageError for a name that is not legal, StorageError if there is no such study, if a
    driver runs it, or if the name is taken.
    """
    config.check_name(name)
    with _still(store, study):
        store.rename_study(study, name)


def copy(store: Store, study: str, name: str) -> None:
    """Copy a study's search under another name; its members are shared, and nothing is trained.

    Confirmations stay with the study that they confirmed. Raises the errors of `rename`.
    """
    config.check_name(name)
    with _still(store, study):
        store.refuse_taken(name)
        with _optuna(store) as storage:
            if study in optuna.get_all_study_names(storage):
                optuna.copy_study(
                    from_study_name=study,
                    from_storage=storage,
                    to_storage=storage,
                    to_study_name=name,
                )
        # Last: a copy that was killed before is known to Optuna alone.
        store.copy_study(study, name)


@contextmanager
def _still(store: Store, study: str) -> Iterator[None]:
    """A context in which no driver runs the study. Raises StorageError if one does already."""
    store.study(study)  # refuses an unknown name with the nearest
    try:
        lease = store.acquire_lease(study)
    except StorageError as error:
        # Not the problem's advice: nothing here takes a study over.
        raise StorageError(str(error)) from error
    try:
        yield
    finally:
        lease.release()


@contextmanager
def _optuna(store: Store) -> Iterator[optuna.storages.RDBStorage]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with store.translated():
        storage = optuna.storages.RDBStorage(store.optuna_url)
        try:
            store.prepare(storage.engine)
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()
