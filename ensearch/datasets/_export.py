"""The images that models are scored on, as a file for programs of any kind."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.datasets._dataset import Dataset, Pictures
from ensearch.errors import invalid
from ensearch.files import atomic

_CHUNK = 2**26  # bytes of images in memory at a time: ImageNet's are 7.5 GB


def check(path: Path) -> None:
    """Raises UsageError where a file cannot be made, before anything is read for it."""
    if path.exists():
        raise invalid(
            "out", f"must name a new file; {path} is there already, and is not overwritten."
        )
    if not path.parent.is_dir():
        raise invalid("out", f"must lie in a folder that exists; there is no folder {path.parent}.")


def write(path: Path, dataset: Dataset, train: Sequence[tuple[Pictures, Labels]] = ()) -> None:
    """x_val, y_val, x_test, y_test and classes, as numpy.load reads them.

    x_train and y_train too, one after the other, if there is anything to `train` on. Images are
    uint8, N x R x R x C, in the order in which predictions of them are expected. Appears under its
    name when it is whole. Raises UsageError if it is there already, OSError.
    """
    check(path)
    classes = np.array(dataset.classes, dtype=np.str_)
    arrays: dict[str, list[Pictures | npt.NDArray[Any]]] = {
        "x_val": [dataset.x_val],
        "y_val": [dataset.y_val],
        "x_test": [dataset.x_test],
        "y_test": [dataset.y_test],
        "classes": [classes],
    }
    if train:
        arrays["x_train"] = [x for x, _ in train]
        arrays["y_train"] = [y for _, y in train]
    with atomic.replacing(path) as temporary:
        with zipfile.ZipFile(temporary, "x") as archive:
            for name, parts in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    _write_array(file, parts)
        check(path)


def _write_array(file: Any, parts: Sequence[Pictures | npt.NDArray[Any]]) -> None:
    """In the form of numpy's .npy files, some of the rows at a time."""
    first = parts[0]
    described = np.lib.format.dtype_to_descr(first.dtype)
    shape = (sum(len(part) for part in parts), *first.shape[1:])
    header = {"descr": described, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    row = first.dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
    step = max(1, _CHUNK // max(1, row))
    for part in parts:
        for start in range(0, len(part), step):
            file.write(np.ascontiguousarray(part[start : start + step]).tobytes())
