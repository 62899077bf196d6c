"""A dashboard served in a thread, and how to ask it."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlparse

from ensearch.errors import StorageError
from ensearch.report.dashboard import dashboard
from ensearch.report.dashboard.pages import Listed, Pages, StudyPage

Ask = Callable[..., tuple[int, bytes]]
HOSTILE = "<img src=x onerror=alert(1)>"


def page_of(study: str) -> StudyPage:
    """The page of `first`, which runs, and of another."""
    if study not in ("first", HOSTILE):
        raise StorageError(f"unknown study {study!r}.")
    return StudyPage("<html><body>take 2 × 10-1</body></html>", is_running=study == "first")


PAGES = Pages(
    studies=lambda: [Listed("first", "2 × 10-1: ensembles", "running"), Listed(HOSTILE, "", "")],
    page=page_of,
)


def serving(url: str, pages: Pages = PAGES, **options: Any) -> Iterator[Ask]:
    """Yields a function that sends the dashboard a request: its status and body come back."""
    server, address = dashboard.open_server(url, pages, port=0, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    where = urlparse(address)

    def ask(method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, body, headers=headers)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    ask.own = f"http://{where.netloc}"  # type: ignore[attr-defined]
    yield ask
    server.shutdown()
    thread.join()
    server.server_close()


def names(ask: Ask) -> list[str]:
    """The names of the studies that the dashboard lists."""
    status, body = ask("GET", "/api/studies")
    assert status == 200
    return [study["study_name"] for study in json.loads(body)["study_summaries"]]
