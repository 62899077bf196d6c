"""The labels of a split, kept once under their fingerprint: what the rows of predictions are of.

Predictions may be averaged only where their rows are the same images in the same order. Equal
labels alone do not show that: of images sorted by class, any selection has the same labels. So the
fingerprint also takes in the names of the classes and, where the images are at hand, a digest of
them.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.errors import StorageError
from ensearch.files import atomic, npz
from ensearch.store import files

# So many images, evenly spaced, tell one selection or order of images from another.
LOOKED_AT = 64
_KINDS = [("i", 1), ("i", 0), ("U", 1), ("U", 0)]  # of the arrays of a file, and their axes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitLabels:
    """Labels 0..count-1 of the N images of a split, in the order of the rows of predictions.

    `classes` are the names of the `count` classes, empty where nobody said them; `images` the
    `digest` of the images, empty where only labels are known.
    """

    values: Labels
    count: int
    classes: tuple[str, ...] = ()
    images: str = ""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits, equal for equal content on every machine."""
        head = json.dumps([self.count, list(self.classes), self.images, len(self.values)])
        content = np.ascontiguousarray(self.values, dtype="<i8").tobytes()
        return hashlib.sha256(head.encode() + content).hexdigest()[:16]

    @property
    def summary(self) -> str:
        """The labels as messages name them: `5,000 images of 10 classes (1a2b3c4d)`."""
        return f"{self.counts} ({self.fingerprint[:8]})"

    @property
    def counts(self) -> str:
        """The labels as messages name them: `5,000 images of 10 classes`."""
        return f"{len(self.values):,} images of {self.count} classes"

    def may_be(self, other: "SplitLabels") -> bool:
        """Whether nothing that is known of both says that these are other images."""
        return (
            self.count == other.count
            and np.array_equal(self.values, other.values)
            and (not self.classes or not other.classes or self.classes == other.classes)
            and (not self.images or not other.images or self.images == other.images)
        )


def places(count: int) -> list[int]:
    """Which of `count` images `digest` is to be given: at most 64, evenly spaced."""
    spaced = np.linspace(0, count - 1, min(LOOKED_AT, count))
    return sorted({int(place) for place in spaced})


def digest(images: Iterable[npt.NDArray[np.uint8]]) -> str:
    """A digest of some images of a split in their order (all would take long): 16 hex digits."""
    content = hashlib.sha256()
    for image in images:
        content.update(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes())
    return content.hexdigest()[:16]


def path(root: Path, fingerprint: str) -> Path:
    return root / "labels" / f"{files.checked(fingerprint)}.npz"


def write(root: Path, labels: SplitLabels) -> None:
    """Keep labels, if they are not kept already and whole. Raises OSError."""
    target = path(root, labels.fingerprint)
    if target.exists():
        with contextlib.suppress(StorageError):
            read(root, labels.fingerprint)
            return
    content = npz.packed(
        values=labels.values.astype(np.int64),
        count=np.int64(labels.count),
        classes=np.array(labels.classes, dtype=np.str_),
        images=np.array(labels.images, dtype=np.str_),
    )
    atomic.write(target, content, parents=False)


def read(root: Path, fingerprint: str) -> SplitLabels:
    """The labels of a fingerprint. Raises StorageError if they are missing or damaged."""
    source = path(root, fingerprint)
    arrays = files.read_arrays(source, ("values", "count", "classes", "images"), _unusable)
    if [(array.dtype.kind, array.ndim) for array in arrays] != _KINDS:
        raise _unusable(source, "is damaged: it holds no labels")
    values, count, classes, images = arrays
    labels = SplitLabels(
        values=values.astype(np.int64),
        count=int(count),
        classes=tuple(str(name) for name in classes.tolist()),
        images=str(images),
    )
    if labels.fingerprint != fingerprint:
        raise _unusable(source, "is damaged: it holds other labels than it did")
    return labels


def read_all(root: Path) -> list[SplitLabels]:
    """All labels that are kept, ordered by fingerprint. StorageError if some cannot be read."""
    return [read(root, file.stem) for file in sorted((root / "labels").glob("*.npz"))]


def _unusable(path: Path, says: str) -> StorageError:
    return StorageError(f"{path} {says}.", problem="labels_file_unusable", path=path, says=says)
