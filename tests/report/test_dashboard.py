"""The dashboard: what is read, what is refused, and the page of a study."""

import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import optuna
import pytest

from ensearch.errors import StorageError, UnavailableError
from ensearch.report.dashboard import dashboard
from ensearch.report.dashboard.guard import guard
from ensearch.report.study import brief
from ensearch.report.study.figure_data import compute
from ensearch.report.study.results import Results
from tests.dashboards import PAGES, Ask, names, serving
from tests.worlds import surrogate


@pytest.fixture(scope="module")
def world() -> Results:
    return surrogate((10, 28), 4, 2_000)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A storage with one study of two objectives and one trial."""
    address = f"sqlite:///{tmp_path / 'ensearch.db'}"
    study = optuna.create_study(
        study_name="first", storage=address, directions=["maximize", "minimize"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(["val_accuracy", "log10_macs"])
    study.add_trial(
        optuna.trial.create_trial(
            values=[0.9, math.log10(5e9)],
            params={"members": 2},
            distributions={"members": optuna.distributions.IntDistribution(1, 8, log=True)},
        )
    )
    return address


@pytest.fixture
def ask(url: str) -> Iterator[Ask]:
    yield from serving(url)


@pytest.fixture
def ask_with_edit(url: str) -> Iterator[Ask]:
    yield from serving(url, allow_edit=True)


def test_reading_passes(ask: Ask) -> None:
    assert names(ask) == ["first"]
    status, page = ask("GET", "/dashboard")
    assert (status, b"<html" in page.lower()) == (200, True)
    assert ask("HEAD", "/dashboard") == (200, b"")


def test_changes_are_refused_with_the_reason(ask: Ask) -> None:
    for method, path in (
        ("DELETE", "/api/studies/1"),
        ("POST", "/api/studies"),
        ("PUT", "/api/studies/1/note"),
    ):
        status, body = ask(method, path)
        assert (status, b"without the permission to edit" in body) == (405, True)
    assert names(ask) == ["first"]


def edit(ask: Ask, **headers: str) -> tuple[int, bytes]:
    """Put a note on the first study."""
    note = json.dumps({"body": "mine", "version": 1})
    return ask("PUT", "/api/studies/1/note", note, **headers)


def test_notes_are_edited_where_that_is_allowed(ask_with_edit: Ask) -> None:
    assert edit(ask_with_edit)[0] == 204


def test_studies_and_trials_are_not_deleted_by_half(ask_with_edit: Ask) -> None:
    for method, path in (
        ("DELETE", "/api/studies/1"),
        ("POST", "/api/studies"),
        ("POST", "/api/studies/1/rename"),
        ("POST", "/api/trials/1/tell"),
    ):
        status, body = ask_with_edit(method, path)
        assert (status, b"would not be gone" in body) == (405, True)
    assert names(ask_with_edit) == ["first"]


def test_pages_of_others_change_nothing(ask_with_edit: Ask) -> None:
    own = ask_with_edit.own  # type: ignore[attr-defined]
    for origin in (
        "http://evil.example",
        "null",
        own.replace("http", "https"),
        f"{own}.evil.example",
    ):
        status, body = edit(ask_with_edit, Origin=origin)
        assert (status, b"takes no changes from pages of" in body) == (403, True)
    assert edit(ask_with_edit, Origin=own)[0] == 204


def test_a_foreign_name_is_refused_also_where_changes_are_allowed(
    ask: Ask, ask_with_edit: Ask
) -> None:
    for one in (ask, ask_with_edit):
        assert one("GET", "/api/studies", Host="evil.example:80")[0] == 403
    assert edit(ask_with_edit, Host="evil.example")[0] == 403
    assert names(ask) == ["first"]


@pytest.mark.parametrize(
    ("port", "asked", "answers"),
    [
        (8080, "127.0.0.1:8080", True),
        (8080, "LocalHost:8080", True),
        (8080, "[::1]:8080", True),
        (8080, "localhost:8081", False),
        (8080, "localhost", False),
        (80, "localhost", True),
        (80, "[::1]", True),
        (80, "localhost:80", True),
        (8080, "localhost.evil.example:8080", False),
        (8080, "192.0.2.7:8080", False),
        (8080, "evil.example:8080", False),
        (8080, "", False),
    ],
)
def test_guard_knows_its_own_names(port: int, asked: str, answers: bool) -> None:
    statuses: list[str] = []

    def app(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return []

    environ = {"HTTP_HOST": asked, "REQUEST_METHOD": "GET"}
    guard(app, port, False)(environ, lambda status, headers: statuses.append(status))  # type: ignore[arg-type]
    assert statuses == ["200 OK" if answers else "403 Forbidden"]


def test_a_port_in_use_is_an_error_that_names_the_option(url: str) -> None:
    server, address = dashboard.open_server(url, PAGES, port=0)
    with server, pytest.raises(UnavailableError, match="or 0 for any that is free"):
        dashboard.open_server(url, PAGES, port=urlparse(address).port or 0)


def test_an_impossible_port_is_an_error(url: str) -> None:
    with pytest.raises(UnavailableError, match="port 70000"):
        dashboard.open_server(url, PAGES, port=70_000)


def test_a_storage_without_studies_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(StorageError, match="no studies that this Optuna can read"):
        dashboard.open_server(f"sqlite:///{path}", PAGES, port=0)
    assert path.stat().st_size == 0


def test_the_engine_is_prepared_before_it_is_used(url: str) -> None:
    prepared: list[str] = []
    for _ in serving(url, prepare=lambda engine: prepared.append(engine.dialect.name)):
        assert prepared == ["sqlite"]


def test_the_address_is_the_page_of_the_study_that_is_named(url: str) -> None:
    server, address = dashboard.open_server(url, PAGES, port=0, study="first")
    server.server_close()
    assert urlparse(address).path == "/ensearch/first"


def test_a_study_that_optuna_does_not_have_is_an_error(url: str, world: Results) -> None:
    with pytest.raises(StorageError, match="Known: first"):
        dashboard.publish(url, world)
    with pytest.raises(StorageError, match="Did you mean 'first'"):
        dashboard.open_server(url, PAGES, port=0, study="frist")


def test_serve_tells_its_address_and_ends_when_interrupted(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def interrupt(address: str) -> None:
        told.append(address)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dashboard.serve(url, PAGES, port=0, ready=interrupt)
    port = urlparse(told[0]).port
    assert told == [f"http://127.0.0.1:{port}/ensearch"]
    server, _ = dashboard.open_server(url, PAGES, port=port or 0)  # the port is free again
    server.server_close()


def test_publishing_twice_leaves_one_note_and_one_figure_and_warns_of_nothing(
    url: str, world: Results
) -> None:
    first = replace(world, conditions=replace(world.conditions, study="first"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dashboard.publish(url, first)
        dashboard.publish(url, first)
    for ask in serving(url):
        page = json.loads(ask("GET", "/api/studies/1")[1])
    assert page["note"]["body"].startswith(f"## {brief.first(world)}\n")
    assert [f["id"] for f in page["plotly_graph_objects"]] == ["tradeoff"]


def test_note_is_a_table_with_a_row_per_budget_and_its_conditions(world: Results) -> None:
    rows = [line for line in dashboard.note(world).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(world.fronts.rows)
    assert {row.count("|") for row in rows} == {9}
    assert "longer training may move" in dashboard.note(world)


def test_the_page_draws_the_figure_of_the_png(world: Results) -> None:
    tradeoff = compute(world)
    drawn = dashboard.figure(tradeoff)
    front = next(trace for trace in drawn.data if trace.name == "best ensemble")
    assert front.x == pytest.approx(tradeoff.ensemble_front.costs, rel=1e-4)
    assert front.y == pytest.approx(tradeoff.ensemble_front.accuracies, rel=1e-4)
    dots = [trace for trace in drawn.data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in dots) == len(world.evaluations)


def test_the_figure_of_300_configurations_stays_small() -> None:
    many = surrogate((10, 14, 16, 20, 22, 28, 34, 40), 10, 500)
    assert len(many.evaluations) > 300
    assert len(dashboard.figure(compute(many)).to_json()) < 40_000
