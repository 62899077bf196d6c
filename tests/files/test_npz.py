"""Archives that unpack to more than the memory are refused before they are read."""

from pathlib import Path

import numpy as np
import pytest

from ensearch.datasets import npz as datasets_npz
from ensearch.errors import StorageError, UnavailableError, UsageError
from ensearch.files import npz
from ensearch.pool import prediction_file
from ensearch.store import files


@pytest.fixture
def bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few kilobytes that unpack to 8 MB, on a machine that has 1."""
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, logits_val=np.zeros((10**5, 10)), y_val=np.zeros(10**5, np.int64))
    assert path.stat().st_size < 20_000
    assert npz.too_large(path) == ""
    monkeypatch.setattr(npz, "_memory", lambda: 1e6)
    return path


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("nothing is read")


def test_every_reader_asks_first(bomb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "load", refuse)
    with pytest.raises(UsageError, match=f"{bomb}: holds 0 GB of arrays, and this machine has"):
        prediction_file.read(bomb)
    with pytest.raises(UnavailableError, match=f"{bomb}: holds 0 GB of arrays"):
        datasets_npz.load(str(bomb), bomb.parent)
    with pytest.raises(StorageError, match="holds 0 GB of arrays"):
        files.read_arrays(bomb, ["logits"], files.unusable)


def test_what_is_no_archive_is_for_its_reader_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"text")
    assert npz.too_large(path) == ""
