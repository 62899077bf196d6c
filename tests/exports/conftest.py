"""A study that searched, with networks to export, and a copy of its storage for each test."""

import os
import shutil
from pathlib import Path

import pytest

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
