"""The beginning of the command: what may go wrong before any verb runs."""

import shutil
from pathlib import Path

import pytest

from ensearch.cli import app, entry
from tests.command_line import ensearch


def test_an_interrupt_while_parts_are_imported_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "main", interrupt)
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "interrupted; nothing was begun\n"


@pytest.mark.parametrize("line", ["status", "pool list", "run --budget 2e5 --dataset digits"])
def test_a_deleted_folder_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    shutil.rmtree(here)
    result = ensearch(line)
    assert result.exit_code == 1
    assert result.stderr == (
        "error: the current folder does not exist any more. Change to another one.\n"
    )
