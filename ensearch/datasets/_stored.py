"""Images that stay in a file: what a dataset is where it may be larger than the memory."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.errors import UnavailableError

Images = npt.NDArray[np.uint8]
DAMAGED = "images_damaged"  # the problem of an error


def digests(images: Images) -> npt.NDArray[np.uint8]:
    """A digest of the pixels of each image: N x 16."""
    each = [hashlib.sha256(image.tobytes()).digest()[:16] for image in images]
    return np.frombuffer(b"".join(each), np.uint8).reshape(-1, 16)


def damaged(folder: Path, says: str) -> UnavailableError:
    """The error for a cache of images that holds something else than what was written to it."""
    return UnavailableError(
        f"{folder} {says}. Delete that folder, and the pictures are read again.",
        problem=DAMAGED,
        folder=folder,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """N images of a memory-mapped file: indexing reads some of them, picking reads none.

    Of every image in the file, a digest of its pixels and their sums are known: they give the
    dataset's fingerprint, mean and deviation without reading the file.

    Every image is held against its digest when it is first read, see `check`. On a busy core that
    took 8 us for 32 pixels a side; nothing afterwards.
    """

    pixels: Images  # M x R x R x C, the whole file
    digests: npt.NDArray[np.uint8]  # M x 16
    sums: npt.NDArray[np.int64]  # M x 2 x C: of the grey levels, and of their squares
    index: Labels  # N: which of the M
    folder: Path  # of the file
    seen: npt.NDArray[np.bool_]  # M: what was held against its digest, in this process

    def __len__(self) -> int:
        return len(self.index)

    @property
    def shape(self) -> tuple[int, ...]:
        """N x R x R x C."""
        return (len(self.index), *self.pixels.shape[1:])

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        return self.pixels.dtype

    def __getitem__(self, part: slice | npt.NDArray[Any]) -> Images:
        """These images, read into memory; `part` is a slice, or indices or booleans of the N."""
        rows = self.index[part]
        self.check(rows)
        return self.pixels[rows]

    def check(self, rows: Labels) -> None:
        """Hold these of the M images against their digests, unless that was done already.

        For those who read `pixels` themselves. Raises UnavailableError where one is another.
        """
        new = rows[~self.seen[rows]]
        apart = (digests(self.pixels[new]) != self.digests[new]).any(axis=1)
        if apart.any():
            row = int(new[apart][0])
            raise damaged(self.folder, f"holds another image than was written to it, number {row}")
        self.seen[new] = True

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """All of them in memory, for numpy.asarray."""
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def pick(self, part: npt.NDArray[Any]) -> "Stored":
        """Some of them, by indices or booleans, still in the file."""
        return replace(self, index=self.index[part])
