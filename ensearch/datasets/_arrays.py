"""Arrays as a dataset: kept in an npz file named by what they hold, so that a study can go on."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.datasets import npz
from ensearch.errors import StorageError, UnavailableError, invalid
from ensearch.files import atomic

# x_train, y_train, x_test, y_test, as `datasets/npz.py` describes them.
# Whatever numpy.asarray takes; spelled out, the type of each would fill the signature of `run`.
Arrays = tuple[Any, Any, Any, Any]


def keep(arrays: Arrays, folder: Path) -> str:
    """Write the arrays into `folder`, unless they are there already; return the dataset's name.

    The name is npz:FOLDER/arrays-DIGEST.npz, and the digest is of what the arrays hold. Raises
    UsageError if they do not fit, StorageError if they cannot be written.
    """
    named = _named(arrays)
    path = folder.absolute() / f"arrays-{_digest(named)}.npz"
    if path.exists():
        return f"npz:{path}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path) as temporary:
            _write(named, temporary)
    except OSError as error:
        raise StorageError(f"cannot keep the arrays in {folder}: {error.strerror}.") from error
    return f"npz:{path}"


def _write(named: dict[str, npt.NDArray[Any]], path: Path) -> None:
    """Raises UsageError for arrays that are not a dataset."""
    try:
        with path.open("xb") as file:  # savez adds .npz to the name of a path
            np.savez(file, allow_pickle=False, **named)
        npz.load(str(path), path.parent)
    except (UnavailableError, ValueError) as error:  # numpy's own for arrays of objects
        says = str(error).removeprefix(f"{path}: ")
        raise invalid("dataset", f"does not hold images that can be used: {says}") from error


def _named(arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    if not isinstance(arrays, tuple | list) or len(arrays) != len(npz.KEYS):
        what = f"{len(arrays)} of them" if isinstance(arrays, tuple | list) else type(arrays)
        raise invalid("dataset", f"must be a name or the arrays {', '.join(npz.KEYS)}; got {what}.")
    return {
        key: as_array(array, "dataset", f"has something else than an array as {key}")
        for key, array in zip(npz.KEYS, arrays, strict=True)
    }


def as_array(given: npt.ArrayLike, option: str, says: str) -> npt.NDArray[Any]:
    """Return what a caller gave as an array; the error for the option `says` what is wrong."""
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:  # of numpy, or of a tensor of torch
        first = str(error).partition("\n")[0]
        raise invalid(option, f"{says}: {first}") from error


def _digest(named: dict[str, npt.NDArray[Any]]) -> str:
    """Return 16 hexadecimal digits, equal for equal arrays."""
    digest = hashlib.sha256()
    for key, array in named.items():
        digest.update(f"{key} {array.dtype.str} {array.shape} ".encode())
        if array.dtype.hasobject:  # `npz` refuses it, with what it holds
            continue
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
