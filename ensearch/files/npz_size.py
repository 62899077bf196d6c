"""How much an npz archive holds, before any of it is read: a small file may unpack to terabytes."""

import os
import zipfile
from pathlib import Path
from typing import BinaryIO

_GB = 1e9


def too_large(archive: Path | BinaryIO) -> str:
    """Why an archive is not to be read, without a full stop; "" if it fits into the memory.

    Raises OSError and zipfile.BadZipFile. What is no archive holds no more than it takes.
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
