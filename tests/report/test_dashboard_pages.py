"""What is served around Optuna's dashboard: the list of studies, their pages, and a strip."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlparse

import optuna
import pytest

from ensearch.errors import StorageError
from ensearch.report.dashboard.pages import Listed, Pages
from tests.dashboards import HOSTILE, Ask, page_of, serving


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'ensearch.db'}"
    for name in ("first", HOSTILE):
        optuna.create_study(study_name=name, storage=address, directions=["maximize", "minimize"])
    return address


@pytest.fixture
def ask(url: str) -> Iterator[Ask]:
    yield from serving(url)


@pytest.fixture
def ask_busy(url: str) -> Iterator[Ask]:
    def busy() -> list[Listed]:
        raise StorageError("the storage is busy.")

    yield from serving(url, Pages(studies=busy, page=page_of))


def headers(ask: Ask, path: str) -> http.client.HTTPMessage:
    where = urlparse(ask.own)  # type: ignore[attr-defined]
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    connection.request("GET", path)
    found = connection.getresponse()
    found.read()
    connection.close()
    return found.headers


def test_the_list_leads_to_the_page_of_every_study(ask: Ask) -> None:
    status, body = ask("GET", "/ensearch")
    assert status == 200
    assert b'<a href="/ensearch/first">first</a> 2 \xc3\x97 10-1: ensembles' in body
    assert ask("GET", "/")[0] == 302
    assert headers(ask, "/")["Location"] == "/ensearch"


def test_names_of_studies_stay_text(ask: Ask) -> None:
    body = ask("GET", "/ensearch")[1]
    assert b"<img" not in body
    assert b"&lt;img src=x onerror=alert(1)&gt;" in body
    assert "script" not in headers(ask, "/ensearch")["Content-Security-Policy"]
    status, page = ask("GET", f"/ensearch/{quote(HOSTILE, safe='')}")
    assert (status, b"take 2" in page) == (200, True)


def test_the_page_of_a_study_leads_to_optunas_and_is_read_again_while_it_runs(ask: Ask) -> None:
    body = ask("GET", "/ensearch/first")[1].decode()
    assert (
        body.index("<body><nav") < body.index('href="/dashboard/studies/1"') < body.index("take 2")
    )
    assert "read again every 15 seconds" in body
    assert headers(ask, "/ensearch/first")["Refresh"] == "15"
    ended = f"/ensearch/{quote(HOSTILE, safe='')}"
    assert headers(ask, ended)["Refresh"] is None
    assert b"read again" not in ask("GET", ended)[1]


def test_a_study_without_a_page_says_why_in_plain_text(ask: Ask) -> None:
    status, body = ask("GET", "/ensearch/frist")
    assert (status, body) == (404, b"unknown study 'frist'.\n")
    assert headers(ask, "/ensearch/frist")["Content-Type"] == "text/plain; charset=utf-8"


def test_a_storage_that_cannot_be_read_is_said_in_plain_text(ask_busy: Ask) -> None:
    assert ask_busy("GET", "/ensearch") == (503, b"the storage is busy.\n")


def test_optunas_pages_lose_the_buttons_that_cannot_work(url: str, ask: Ask) -> None:
    for path in ("/dashboard", "/dashboard/studies/1"):
        body = ask("GET", path, **{"If-None-Match": headers(ask, path)["ETag"] or "x"})[1].decode()
        style = body[body.index("#ensearch{") :]
        assert '[aria-label="delete study"]' in style
        assert '[data-testid="EditIcon"]' in style
        assert '<a href="/ensearch">Answers and figures of all studies</a>' in body
        assert "This page is read-only" in body
        assert headers(ask, path)["Cache-Control"] == "no-store"
    for editing in serving(url, allow_edit=True):
        body = editing("GET", "/dashboard")[1].decode()
        assert '[aria-label="delete study"]' in body
        assert '[data-testid="EditIcon"]' not in body
        assert "Notes may be edited here" in body
    assert b"#ensearch" not in ask("GET", "/static/bundle.js")[1]
