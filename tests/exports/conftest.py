"""A study that searched, with networks to export, and a copy of its storage for each test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ensearch.exports import verification
from tests.command_line import TINY, ensearch

STUDY = "small"


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of single networks and ensembles of two, of 8 x 8 digits."""
    folder, before = tmp_path_factory.mktemp("searched"), Path.cwd()
    os.chdir(folder)
    (folder / "tiny.toml").write_text(TINY)
    ran = ensearch(
        "run --budget 4e5 --dataset digits --space tiny.toml --limit-train 60 --val 90 --epochs 1 "
        f"--launcher inline --trials 3 --seeds 2 --study {STUDY}"
    )
    os.chdir(before)
    assert ran.exit_code == 0, ran.stderr
    return folder


@pytest.fixture
def study(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a copy of it."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_here(command: list[str], *, cwd: Path, **_: object) -> "subprocess.CompletedProcess[str]":
    """`subprocess.run` of `python -B -c PROGRAM ...`, in this process and without ensearch."""
    _python, _option, _c, program, *arguments = command
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["-c", *arguments])
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(sys, "path_importer_cache", {})
        patch.setattr(sys, "dont_write_bytecode", True)
        for name in ("ensearch", "predict", "model"):
            patch.setitem(sys.modules, name, None)
        del sys.modules["predict"], sys.modules["model"]
        exec(program, {"__name__": "__main__"})
    return subprocess.CompletedProcess(command, 0)


@pytest.fixture
def verified_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports are verified in this process: in one of its own, torch is imported for seconds."""
    monkeypatch.setattr(verification, "subprocess", SimpleNamespace(run=run_here))
