"""The images that models are scored on, as a file for programs of any kind."""

import os
import uuid
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.datasets import Dataset, Pictures
from ensearch.errors import UsageError

_CHUNK = 2**26  # bytes of images in memory at a time: ImageNet's are 7.5 GB


def check(path: Path) -> None:
    """Raises UsageError where a file cannot be made, before anything is read for it."""
    if path.exists():
        raise UsageError(f"{path} is there already, and is not overwritten: give another --out.")
    if not path.parent.is_dir():
        raise UsageError(f"--out: there is no folder {path.parent}. Make it, or give another path.")


def write(path: Path, dataset: Dataset) -> None:
    """x_val, y_val, x_test, y_test and classes, as numpy.load reads them.

    Images are uint8, N x R x R x C, in the order in which predictions of them are expected. Appears
    under its name when it is whole. Raises UsageError if it is there already, OSError.
    """
    check(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    classes = np.array(dataset.classes, dtype=np.str_)
    arrays: dict[str, Pictures | npt.NDArray[Any]] = {
        "x_val": dataset.x_val,
        "y_val": dataset.y_val,
        "x_test": dataset.x_test,
        "y_test": dataset.y_test,
        "classes": classes,
    }
    try:
        with zipfile.ZipFile(temporary, "x") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    _write_array(file, array)
        check(path)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_array(file: Any, array: Pictures | npt.NDArray[Any]) -> None:
    """In the form of numpy's .npy files, a part of the rows at a time."""
    described = np.lib.format.dtype_to_descr(array.dtype)
    header = {"descr": described, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, header)
    row = array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))
    step = max(1, _CHUNK // max(1, row))
    for start in range(0, len(array), step):
        file.write(np.ascontiguousarray(array[start : start + step]).tobytes())
