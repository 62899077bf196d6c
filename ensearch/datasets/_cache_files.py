"""The files of a cache of images, and whether they hold what was written to them.

`about.json` keeps digests of the two arrays that every start reads whole; that of each image is one
row of them. Caches of an earlier version have none of the arrays until `damaged_caches` has
compared all they hold.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ensearch.datasets import _stored, _work
from ensearch.errors import UnavailableError
from ensearch.files import atomic, sha256

ABOUT, FILES = "about.json", "digests"
_AT_ONCE = 2**26  # bytes of images


def keep(folder: Path, about: dict[str, Any]) -> None:
    """Write what a cache holds, with the digests of its arrays as they are. Raises OSError."""
    kept = {name: sha256.of_file(folder / name) for name in (_work.DIGESTS, _work.SUMS)}
    atomic.write(folder / ABOUT, json.dumps(about | {FILES: kept}, indent=1).encode())


def damaged_caches(
    data_dir: Path, on_progress: Callable[[str], None]
) -> Iterator[tuple[Path, UnavailableError | None]]:
    """Every cache of images in a folder of datasets, and what is wrong with it, if anything.

    Reads all images. One of an earlier version that is as its images say gets its digests.
    """
    for path in sorted((data_dir / "folders").glob(f"*/{ABOUT}")):
        folder = path.parent
        if folder.name.endswith((".new", ".old")):  # of a process that makes it
            continue
        on_progress(f"checking the images in {folder}")
        try:
            wrong = _wrong(folder)
        except Exception as error:  # whatever is the matter with a file of ours
            wrong = f"cannot be read ({type(error).__name__}: {error})".partition("\n")[0]
        yield folder, _stored.damaged(folder, wrong) if wrong else None


def _wrong(folder: Path) -> str:
    about = json.loads((folder / ABOUT).read_text())
    for name, kept in about.get(FILES, {}).items():
        if sha256.of_file(folder / name) != kept:
            return f"holds another {name} than was written to it"
    pixels = np.load(folder / _work.PIXELS, mmap_mode="r")
    digests, sums = (np.load(folder / name) for name in (_work.DIGESTS, _work.SUMS))
    size = max(1, _AT_ONCE // pixels[0].nbytes)
    for start in range(0, len(pixels), size):
        images = pixels[start : start + size]
        apart = (_stored.digests(images) != digests[start : start + size]).any(axis=1)
        if apart.any():
            number = start + int(apart.argmax())
            return f"holds another image than was written to it, number {number}"
        if FILES not in about:
            found = np.stack([_work.sums_of(image) for image in images])
            if (found != sums[start : start + size]).any():
                return f"holds another {_work.SUMS} than its images have"
    if FILES not in about:
        keep(folder, about)
    return ""
