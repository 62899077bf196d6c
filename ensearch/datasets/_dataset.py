"""Labelled images as the rest of the package sees them, and what a dataset module brings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats, Labels, Schedule
from ensearch.datasets._stored import Images, Stored

LEFT_OVER = "left over"  # instead of a number of images for val
# A standard error of 0.5 points at an accuracy of 50 %, and 0.2 at 95 %; scoring takes its time.
MOST_VAL = 10_000
# In memory, or in a file where they may not fit: numpy.asarray(x) reads all, x[:100] some of them.
Pictures = Images | Stored


def numbered(split: str, row: int) -> str:
    """What people call an image of train or test that has no name."""
    return f"{split}[{row}]"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raw:
    """What a dataset module brings: images N x H x W x C with H == W and C 1 or 3.

    Labels are whole numbers 0..len(classes)-1; every class has at least two training images, so
    that one can go to val. A published `mean` and `std`, as those of a `Dataset`, replace the
    measured ones. `spread` is the part of the range of 16-bit pictures or of floats, of 0 to 1,
    that became 0 to 255 because the files use no more. `notes` say what a user may not expect of
    these files, `otherwise` what earlier versions read otherwise of them, as "left out 90
    pictures"; `called` is the name of a row of "train" or "test".
    """

    x_train: Pictures
    y_train: npt.NDArray[np.integer]
    x_test: Pictures
    y_test: npt.NDArray[np.integer]
    classes: tuple[str, ...]
    mean: Floats | None = None
    std: Floats | None = None
    spread: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    otherwise: str = ""
    called: Callable[[str, int], str] = numbered


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Images N x R x R x C and labels of train, val and test.

    `mean` and `std` are per channel, of the training images or published, in grey levels of 0..255.
    `fingerprint` is 16 hexadecimal digits: equal images, labels and splits give equal ones on
    every machine, wherever the files lie.
    """

    spec: str
    classes: tuple[str, ...]
    x_train: Pictures
    y_train: Labels
    x_val: Pictures
    y_val: Labels
    x_test: Pictures
    y_test: Labels
    mean: Floats
    std: Floats
    fingerprint: str
    spread: tuple[float, float] | None = None  # as that of a `Raw`
    notes: tuple[str, ...] = ()  # for people: what they may not expect of these files
    otherwise: str = ""  # for people: what earlier versions read otherwise of them
    # Where val and test are halves of the held-out images: the seed by which they were halved.
    halves_seed: int | None = None

    @property
    def channels(self) -> int:
        return int(self.x_train.shape[3])

    @property
    def resolution(self) -> int:
        """Pixels on each side of an image."""
        return int(self.x_train.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a worker needs to load the same data: NAME or NAME:ARGUMENT, and where files lie.

    `limit_train` trains on that many images, classes in proportion. `val` scores on that many;
    LEFT_OVER means those that `limit_train` leaves, but at most MOST_VAL or what None means: a
    tenth of the training images, as `val_count` says, whatever the limit.
    """

    spec: str
    data_dir: Path
    limit_train: int | None = None
    val: int | str | None = None
    split_seed: int = 0


class DatasetModule(Protocol):
    """What a dataset module offers; see the module docstring."""

    SUMMARY: str
    ARGUMENT: str
    SCHEDULE: Schedule

    def load(self, argument: str, data_dir: Path) -> Raw: ...
