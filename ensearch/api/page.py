"""Serving the Optuna dashboard of a storage."""

from collections.abc import Callable
from pathlib import Path

from ensearch.store import Store, storage_url


def dashboard(
    study: str | None = None,
    *,
    storage: str | Path | None = None,
    port: int = 8080,
    allow_edit: bool = False,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve the Optuna dashboard of a storage on this machine until it is interrupted.

    It opens at the page of `study` if one is named, and is read-only unless `allow_edit`. Port 0
    picks a free one; `ready` is told the address. Raises StorageError if there is no such storage
    or study, UnavailableError if the port is taken.
    """
    from ensearch.report.dashboard.dashboard import serve

    with Store.open(storage_url(storage), create=False) as store:
        if study is not None:
            store.study(study)
        serve(
            store.optuna_url,
            study=study,
            port=port,
            allow_edit=allow_edit,
            prepare=store.prepare,
            ready=ready,
        )
