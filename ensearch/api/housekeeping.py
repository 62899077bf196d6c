"""Whole studies of a storage: remove, rename and copy them."""

from pathlib import Path
from typing import TYPE_CHECKING

from ensearch.store import Store, storage_url

if TYPE_CHECKING:  # imports optuna
    from ensearch.study.housekeeping import RemovedStudy


def remove_study(
    study: str, *, members: bool = False, storage: str | Path | None = None
) -> "RemovedStudy":
    """Remove a study from the storage, and return how many members went and how many stay.

    With `members`, those that no other study uses go with it, with their files; without, all stay
    in the pool. That the study used test is not forgotten, and reports that were written stay.
    Raises StorageError if there is no such study, or while a driver runs it.
    """
    from ensearch.study import housekeeping

    with Store.open(storage_url(storage), create=False) as store:
        return housekeeping.remove(store, study, members=members)


def rename_study(study: str, name: str, *, storage: str | Path | None = None) -> None:
    """Give a study another name. Reports that were written stay where they are.

    Raises UsageError for a name that is not legal, StorageError if there is no such study, if the
    name is taken, or while a driver runs the study.
    """
    from ensearch.study import housekeeping

    with Store.open(storage_url(storage), create=False) as store:
        housekeeping.rename(store, study, name)


def copy_study(study: str, name: str, *, storage: str | Path | None = None) -> None:
    """Copy the search of a study under another name, to go on with it in another way.

    Members are shared and nothing is trained; looks at the study and plans to settle it are copied,
    confirmations are not. Raises the errors of `rename_study`.
    """
    from ensearch.study import housekeeping

    with Store.open(storage_url(storage), create=False) as store:
        housekeeping.copy(store, study, name)
