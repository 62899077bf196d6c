"""`ensearch dashboard`, as a person meets it: how it ends."""

import http.client
import json
import os
import signal
import threading
from pathlib import Path
from urllib.parse import urlparse

import optuna
import pytest

from ensearch.cli import dashboard
from ensearch.store import Store
from tests.command_line import ensearch


def test_ctrl_c_ends_it_with_a_sentence_and_frees_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'ensearch.db'}"
    with Store.open(url, create=True):
        optuna.create_study(study_name="one", storage=url, directions=["maximize", "minimize"])
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        if text.startswith("dashboard at "):  # it serves from now on
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

    monkeypatch.setattr(dashboard, "say", say)
    result = ensearch(f"dashboard --port 0 --storage {url}")
    assert result.exit_code == 130
    assert told[0].endswith("/ensearch (Ctrl-C ends it)")
    assert told[1:] == ["The dashboard is closed. Studies that run go on without it."]
    port = told[0].split("/ensearch")[0].rpartition(":")[2]
    again = ensearch(f"dashboard --port {port} --storage {url}")
    assert again.exit_code == 130


@pytest.mark.parametrize(("option", "expected"), [("", 405), ("--allow-edit", 204)])
def test_notes_are_edited_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, expected: int
) -> None:
    url = f"sqlite:///{tmp_path / 'ensearch.db'}"
    with Store.open(url, create=True):
        optuna.create_study(study_name="one", storage=url, directions=["maximize", "minimize"])
    answers: list[int] = []

    def edit(address: str) -> None:
        where = urlparse(address)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
        note = json.dumps({"body": "mine", "version": 1})
        how = {"Content-Type": "application/json"}
        try:
            connection.request("PUT", "/api/studies/1/note", note, how)
            answers.append(connection.getresponse().status)
        finally:
            connection.close()
            os.kill(os.getpid(), signal.SIGINT)

    def say(text: str) -> None:
        if text.startswith("dashboard at "):  # it serves from now on
            threading.Timer(0.05, edit, [text.split()[2]]).start()

    monkeypatch.setattr(dashboard, "say", say)
    result = ensearch(f"dashboard --port 0 --storage {url} {option}")
    assert (result.exit_code, answers) == (130, [expected])
