"""Files of members beside the database: predictions as npz, weights as safetensors.

A file is written under a temporary name, flushed to disk and renamed, so under its own name it
is whole or absent; a temporary file that a kill leaves behind is never read.
"""

import io
import os
import uuid
from pathlib import Path

import numpy as np

from ensearch.core import Predictions
from ensearch.errors import StorageError


def predictions_path(root: Path, key: str, split: str) -> Path:
    return root / key[:2] / f"{key}.{split}.npz"


def weights_path(root: Path, key: str) -> Path:
    return root / key[:2] / f"{key}.safetensors"


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step, creating its folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_predictions(root: Path, predictions: Predictions) -> None:
    """Logits (N x C) as float16. Raises OSError."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, logits=predictions.logits.astype(np.float16, copy=False))
    write(predictions_path(root, predictions.member, predictions.split), buffer.getvalue())


def read_predictions(root: Path, key: str, split: str) -> Predictions:
    """Raises StorageError naming the file if it is missing or damaged."""
    path = predictions_path(root, key, split)
    try:
        # From memory: numpy leaves a file open when it turns out to be damaged.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            logits = archive["logits"]
        if logits.ndim != 2 or logits.dtype != np.float16:
            raise ValueError(f"expected N x C logits in float16, found {logits.shape}")
    except FileNotFoundError:
        raise unusable(path, "is missing: restore a copy") from None
    # Flipping every bit of one file in turn raised 8 kinds of error, from zipfile, zlib and numpy.
    except Exception as error:
        damage = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise unusable(
            path, f"cannot be read ({damage}): if it is damaged, restore a copy or delete it"
        ) from error
    return Predictions(member=key, split=split, logits=logits)


def unusable(path: Path, says: str) -> StorageError:
    return StorageError(
        f"{path} {says}. To train its member again: `ensearch resume STUDY --retrain-missing`."
    )
