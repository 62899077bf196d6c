"""Images that stay in a file: what a dataset is where it may be larger than the memory."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """N images of a memory-mapped file: indexing reads some of them, picking reads none.

    Of every image in the file, a digest of its pixels and their sums are known: they give the
    dataset's fingerprint, mean and deviation without reading the file.
    """

    pixels: Images  # M x R x R x C, the whole file
    digests: npt.NDArray[np.uint8]  # M x 16
    sums: npt.NDArray[np.int64]  # M x 2 x C: of the grey levels, and of their squares
    index: Labels  # N: which of the M

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
        return self.pixels[self.index[part]]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """All of them in memory, for numpy.asarray."""
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def pick(self, part: npt.NDArray[Any]) -> "Stored":
        """Some of them, by indices or booleans, still in the file."""
        return replace(self, index=self.index[part])
