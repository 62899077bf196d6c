"""Files that somebody names and that never end are refused by whoever reads them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ensearch.datasets import npz
from ensearch.errors import EnsearchError
from ensearch.families import _checkpoints as checkpoints
from ensearch.files import regular_file
from ensearch.pool import archive_import, prediction_file
from ensearch.store import files


@pytest.mark.parametrize(
    "read",
    [
        lambda path: checkpoints.digest(path),
        lambda path: checkpoints._read(path),
        lambda path: prediction_file.read(path),
        lambda path: archive_import.import_archive(path),
        lambda path: npz.load(str(path), path.parent),
        lambda path: files.read(path, files.unusable),
    ],
)
def test_every_reader_refuses_a_pipe(read: Callable[[Path], object], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(EnsearchError, match=r"pipe.*it is no regular file"):
        read(pipe)
    assert not archive_import.is_archive(pipe)


def test_others_are_for_their_readers_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "gone", "."):
        regular_file.check(tmp_path / name)
    with pytest.raises(OSError, match="it is no regular file"):
        regular_file.check(Path("/dev/zero"))
