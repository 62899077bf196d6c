"""Files beside the database: predictions and labels as npz, weights as safetensors.

A file is written by `atomic.write`, so under its own name it is whole or absent.
"""

import contextlib
import io
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.core import Predictions
from ensearch.errors import StorageError
from ensearch.files import atomic, npz, regular_file

# What makes the error for a file that cannot be used, from its path and what is wrong with it.
Unusable = Callable[[Path, str], StorageError]


_ABANDONED = 3600.0  # seconds
_NAME = re.compile(r"[0-9a-f]{8,64}")
_SPLIT = re.compile(r"[a-z]+")


def checked(name: str) -> str:
    """A key or fingerprint from the database, if it can name a file: 1a2b3c4d5e6f7a8b.

    Raises StorageError for others, which might lead out of the folder of the files.
    """
    if not _NAME.fullmatch(name):
        raise StorageError(
            f"the storage is damaged: {name!r:.80} should be the key of a member or of labels, "
            "which is 8 to 64 hexadecimal digits. Restore a copy of it."
        )
    return name


def predictions_path(root: Path, key: str, split: str) -> Path:
    if not _SPLIT.fullmatch(split):
        raise StorageError(
            f"the storage is damaged: {split!r:.80} should be a split such as val. Restore a copy "
            "of it."
        )
    return root / checked(key)[:2] / f"{key}.{split}.npz"


def weights_path(root: Path, key: str) -> Path:
    return root / checked(key)[:2] / f"{key}.safetensors"


def key_of(path: Path) -> str:
    """The key of the member or model whose predictions or weights lie in the file."""
    return path.name.partition(".")[0]


def content_of(predictions: Predictions) -> bytes:
    """What a file of predictions holds: logits (N x C) as float16."""
    return npz.packed(logits=predictions.logits.astype(np.float16, copy=False))


def predictions_of(content: bytes, path: Path, key: str, split: str) -> Predictions:
    """The predictions that the content of the file at `path` is. StorageError if it is damaged."""
    (logits,) = _arrays(content, path, ("logits",), unusable)
    if logits.ndim != 2 or logits.dtype != np.float16:
        says = f"expected N x C logits in float16, found {logits.dtype} {logits.shape}"
        raise unusable(path, _damaged(f"ValueError: {says}"))
    return Predictions(member=key, split=split, logits=logits)


def read(path: Path, unusable: Unusable) -> bytes:
    """The content of a file.

    Raises the StorageError that `unusable` makes if it is missing or cannot be read.
    """
    try:
        regular_file.check(path)
        return path.read_bytes()
    except FileNotFoundError:
        raise unusable(path, "is missing: restore a copy") from None
    except OSError as error:
        raise unusable(path, _damaged(f"{type(error).__name__}: {error}")) from error


def read_arrays(
    path: Path, names: Sequence[str], unusable: Unusable, later: Sequence[str] = ()
) -> list[npt.NDArray[Any]]:
    """Arrays of an npz file; nothing is unpickled.

    Those called `later` are empty where an older version wrote the file. Raises the StorageError
    that `unusable` makes if the file is missing or damaged.
    """
    return _arrays(read(path, unusable), path, names, unusable, later)


def _arrays(
    content: bytes,
    path: Path,
    names: Sequence[str],
    unusable: Unusable,
    later: Sequence[str] = (),
) -> list[npt.NDArray[Any]]:
    try:
        if reason := npz.too_large(io.BytesIO(content)):
            raise ValueError(reason)
        # From memory: numpy leaves a file open when it turns out to be damaged.
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            absent = set(later) - set(archive.files)
            return [np.empty(0) if name in absent else np.asarray(archive[name]) for name in names]
    # Flipping every bit of one file in turn raised 8 kinds of error, from zipfile, zlib and numpy.
    except Exception as error:
        says = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise unusable(path, _damaged(says)) from error


def missing(root: Path, members: Iterable[tuple[str, Sequence[str], bool]]) -> list[Path]:
    """Files that members (key, splits predicted, whether weights were kept) have not got."""
    expected = [
        path
        for key, splits, has_weights in members
        for path in (
            *(predictions_path(root, key, split) for split in splits),
            *([weights_path(root, key)] if has_weights else []),
        )
    ]
    return sorted(path for path in expected if not path.is_file())


def remove(path: Path) -> None:
    """Take a file away, if it is there. Raises OSError."""
    path.unlink(missing_ok=True)


def beside(root: Path, what: str) -> Path:
    """The folder of reports, exports or datasets beside that of members' files.

    Of studies/ensearch.members it is studies/ensearch.reports; of /data/v1.2 it is
    /data/v1.2.reports.
    """
    return root.with_name(f"{root.name.removesuffix('.members')}.{what}")


def checkpoint_path(root: Path, key: str) -> Path:
    """Where a member in training leaves its state. StorageError if the key cannot name a file."""
    return root / "checkpoints" / f"{checked(key)}.safetensors"


def discard_checkpoint(path: Path) -> None:
    """Delete a checkpoint and what a writer killed half-way left beside it; none is no error."""
    for file in (path, *atomic.leftovers(path)):
        file.unlink(missing_ok=True)


def sweep(root: Path) -> None:
    """Delete what writers that were killed left in the folder of files. Raises OSError.

    A file that somebody writes is never as old: a megabyte takes less than a second.
    """
    before = time.time() - _ABANDONED
    for file in root.glob("*/.*.tmp"):
        with contextlib.suppress(FileNotFoundError):  # another driver sweeps too
            if file.stat().st_mtime < before:
                file.unlink()


def _damaged(says: str) -> str:
    return f"cannot be read ({says}): if it is damaged, restore a copy or delete it"


def unusable(path: Path, says: str, *, changed: bool = False) -> StorageError:
    """The error for a file of a member's predictions or weights that cannot be used.

    `changed` tells that it holds something else than what was written.
    """
    return StorageError(
        f"{path} {says}.", problem="member_file_unusable", path=path, says=says, changed=changed
    )
