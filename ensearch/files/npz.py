"""npz archives, as numpy.savez writes them: how they are made, and what their readers ask."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

_GB = 1e9


def packed(**arrays: npt.ArrayLike) -> bytes:
    """What a compressed archive of arrays holds, by name."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # none is called allow_pickle
    return buffer.getvalue()


def no_names(classes: npt.NDArray[Any]) -> str:
    """Why an array holds no names of classes, and what to do; "" if it does."""
    if classes.ndim == 1 and classes.dtype.kind == "U":
        return ""
    return (
        f"classes should be a vector of strings; found {classes.dtype} in {classes.ndim} axes. "
        "Save numpy.array(names, dtype=str)."
    )


def too_large(archive: Path | BinaryIO) -> str:
    """Why an archive is not to be read, without a full stop; "" if it fits into the memory.

    A small file may unpack to terabytes, so that this is asked before any of it is read. Raises
    OSError and zipfile.BadZipFile. What is no archive holds no more than it takes.
    """
    if not zipfile.is_zipfile(archive):
        return ""
    with zipfile.ZipFile(archive) as opened:
        size = sum(part.file_size for part in opened.infolist())
    memory = _memory()
    if size <= memory:
        return ""
    return (
        f"holds {size / _GB:,.0f} GB of arrays, and this machine has {memory / _GB:,.0f} GB of "
        "memory"
    )


def _memory() -> float:
    """Bytes of memory; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows
        return float("inf")
