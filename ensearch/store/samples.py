"""A sample of the images of val, kept once for each dataset, with what networks read of an image.

A model can be exported, and shown to predict what was stored, where the images are gone.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.errors import StorageError
from ensearch.files import atomic, npz
from ensearch.store import files

_ARRAYS = ("images", "places", "mean", "std", "crop", "spread")
_KINDS = [("u", 4), ("i", 1), ("f", 1), ("f", 1), ("f", 0), ("f", 1)]  # of these, and their axes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSample:
    """Some images of val, and how networks of a dataset read an image.

    `images` are n x R x R x C, the rows `places` of val. `mean` and `std` are per channel, in grey
    levels of 0..255. `crop` is the share of a picture's shorter side that an image shows, `spread`
    the part of the range of 16-bit pictures and of floats, of 0 to 1, that becomes 0 to 255.
    """

    images: npt.NDArray[np.uint8]
    places: Labels
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: float
    spread: tuple[float, float] | None = None

    @property
    def resolution(self) -> int:
        """Pixels on each side of an image."""
        return int(self.images.shape[1])

    @property
    def channels(self) -> int:
        return int(self.images.shape[3])


def path(root: Path, dataset: str) -> Path:
    return root / "images" / f"{files.checked(dataset)}.npz"


def write(root: Path, dataset: str, sample: ImageSample) -> None:
    """Keep the sample of a dataset (by its fingerprint), unless it is kept whole. Raises OSError.

    The fingerprint tells images from others, so that the sample under it is always the same.
    """
    if path(root, dataset).exists():
        with suppress(StorageError):
            if read(root, dataset).spread == sample.spread:  # older versions kept none
                return
    content = npz.packed(
        images=sample.images,
        places=sample.places.astype(np.int64),
        mean=np.array(sample.mean),
        std=np.array(sample.std),
        crop=np.float64(sample.crop),
        spread=np.array(sample.spread or (), np.float64),
    )
    atomic.write(path(root, dataset), content, parents=False)


def read(root: Path, dataset: str) -> ImageSample:
    """The sample of a dataset. Raises StorageError if it is missing or damaged."""
    source = path(root, dataset)
    arrays = files.read_arrays(source, _ARRAYS, _unusable, later=("spread",))
    images, places, mean, std, crop, spread = arrays
    kinds = [(array.dtype.kind, array.ndim) for array in arrays]
    if (
        kinds != _KINDS
        or images.dtype != np.uint8
        or len(images) != len(places)
        or len(spread) not in (0, 2)
    ):
        raise _unusable(source, f"holds no images: found {images.dtype} {images.shape}")
    return ImageSample(
        images=images,
        places=places.astype(np.int64),
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        crop=float(crop),
        spread=(float(spread[0]), float(spread[1])) if len(spread) else None,
    )


def _unusable(path: Path, says: str) -> StorageError:
    return StorageError(f"{path} {says}.", problem="sample_unusable", path=path, says=says)
