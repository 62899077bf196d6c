"""Serving the pages of a storage's studies, and Optuna's dashboard."""

import threading
from collections.abc import Callable
from pathlib import Path

from ensearch.api.results import status_of
from ensearch.report.dashboard.dashboard import serve
from ensearch.report.dashboard.pages import Listed, Pages, StudyPage
from ensearch.report.study.results import collect
from ensearch.store import Store, storage_url


def dashboard(
    study: str | None = None,
    *,
    storage: str | Path | None = None,
    port: int = 8080,
    allow_edit: bool = False,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve the pages of studies and Optuna's dashboard on this machine until it is interrupted.

    It opens at the page of `study`, or at the list of all, and is read-only unless `allow_edit`.
    Port 0 picks a free one; `ready` is told the address. Raises StorageError if there is no such
    storage or study, UnavailableError if the port is taken.
    """
    with Store.open(storage_url(storage), create=False) as store:
        if study is not None:
            store.study(study)
        serve(
            store.optuna_url,
            pages_of(store),
            study=study,
            port=port,
            allow_edit=allow_edit,
            prepare=store.prepare,
            ready=ready,
        )


def pages_of(store: Store) -> Pages:
    """Return the pages of a storage, each made when it is asked for, one at a time."""
    busy = threading.Lock()  # matplotlib is not for several threads, and a page takes a second

    def listed() -> list[Listed]:
        with busy:
            rows = [status_of(store, summary) for summary in store.summaries()]
        return [
            Listed(
                row.study,
                row.says,
                f"{row.state}, {row.trials_done} trials done, {row.members} members",
            )
            for row in rows
        ]

    def page(study: str) -> StudyPage:
        with busy:
            is_running = store.study_summary(study).running
            return StudyPage(collect(store, study, even_empty=True).page(), is_running)

    return Pages(listed, page)
