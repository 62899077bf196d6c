"""Datasets of labelled images: one file each, whose name is the dataset's name.

To add a dataset, put a module into this folder; nothing is registered, and
tests/datasets/test_contract.py checks it like all others. A module whose name begins with an
underscore is a part of others, not a dataset. The smallest example is `digits.py`.
A dataset module has:

    SUMMARY    one line for lists of datasets and error messages
    ARGUMENT   what follows the colon in NAME:ARGUMENT, such as "PATH"; "" if nothing does
    SCHEDULE   the short `Schedule` that suits a search on this dataset
    load(argument, data_dir)
               the train and test images as a `Raw`; downloads go to `data_dir`. Raises
               UnavailableError if the data is not usable

One of pictures that crops them has CROP too, the share of a picture's shorter side that an image
shows. `load` of this package cuts val from train in the same way for all of them. A module imports
heavy packages inside its `load`, so that naming a dataset takes no time.
"""

import hashlib
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from ensearch import plugins
from ensearch.core import Floats, Labels, Schedule
from ensearch.datasets import _copies, _levels
from ensearch.datasets._arrays import Arrays
from ensearch.datasets._arrays import keep as keep_arrays
from ensearch.datasets._cache_files import damaged_caches
from ensearch.datasets._dataset import (
    LEFT_OVER,
    MOST_VAL,
    Dataset,
    DatasetModule,
    Pictures,
    Raw,
    Source,
)
from ensearch.datasets._export import check as check_image_file
from ensearch.datasets._export import write as write_image_file
from ensearch.datasets._held_out import HELD_OUT, STUDY, halved
from ensearch.datasets._held_out import check as check_choose_on
from ensearch.datasets._split import divided, val_count
from ensearch.datasets._stored import DAMAGED as CACHE_DAMAGED
from ensearch.datasets._stored import Images, Stored
from ensearch.errors import UsageError, invalid
from ensearch.units import few

__all__ = [
    "CACHE_DAMAGED",
    "HELD_OUT",
    "LEFT_OVER",
    "MOST_VAL",
    "STUDY",
    "Arrays",
    "Dataset",
    "DatasetModule",
    "Images",
    "Pictures",
    "Raw",
    "Source",
    "Stored",
    "check",
    "check_choose_on",
    "check_image_file",
    "crop",
    "damaged_caches",
    "data_folder",
    "get",
    "halved",
    "keep_arrays",
    "load",
    "names",
    "schedule",
    "short_name",
    "write_image_file",
]

# In grey levels of 0..255; below it a channel is constant for all practical purposes, and
# dividing by its standard deviation would blow up noise.
STD_FLOOR = 0.01
# Of all images, beyond an equal share: two classes may be 75 to 25, ten 35 to 65.
MUCH_MORE = 0.25


def names() -> list[str]:
    """The names of all dataset modules, without importing them."""
    return plugins.names(sys.modules[__name__])


def get(name: str) -> DatasetModule:
    """The dataset module of that name. Raises UsageError if there is none."""
    return cast(DatasetModule, plugins.load(sys.modules[__name__], "dataset", name))


def check(spec: str) -> None:
    """Raise UsageError unless `spec` is NAME or NAME:ARGUMENT as the dataset wants it.

    Looks at the spelling only: reads no file and imports nothing heavy.
    """
    name, colon, argument = spec.partition(":")
    if spec and name not in names() and (meant := _meant(spec)):
        raise UsageError(f"dataset {spec!r} is a path: write {meant}.")
    wanted = get(name).ARGUMENT
    if wanted and not argument:
        raise UsageError(f"dataset {name!r} needs a {wanted}: write {name}:{wanted}; got {spec!r}.")
    if colon and not wanted:
        raise UsageError(
            f"dataset {name!r} takes nothing after its name: write {name}; got {spec!r}."
        )
    if not spec.isprintable():
        raise UsageError(
            f"a dataset is stored by name, so its path must be text; got {spec!r}. Rename the file."
        )


def _meant(spec: str) -> str:
    """The dataset that a bare path stands for; "" if there is nothing at that path."""
    path = Path(os.path.expanduser(re.sub(r"@\d+$", "", spec)))
    if path.is_dir():
        return f"folder:{spec}"
    if Path(os.path.expanduser(spec)).is_file():
        return f"npz:{spec}" if path.suffix == ".npz" else f"npz:{spec}, if numpy.savez wrote it"
    return ""


def schedule(spec: str) -> Schedule:
    """The short schedule for searching on this dataset. Raises UsageError like `check`."""
    check(spec)
    return get(spec.partition(":")[0]).SCHEDULE


def crop(spec: str) -> float:
    """The share of a picture's shorter side that an image of this dataset shows."""
    return float(getattr(get(spec.partition(":")[0]), "CROP", 1.0))


def short_name(spec: str) -> str:
    """A name for studies and files, of letters, digits and `._-` only.

    >>> short_name("npz:/a/My file.npz")
    'npz-My-file'
    """
    name, _, argument = spec.partition(":")
    text = f"{name}-{Path(argument).stem}"
    return re.sub("[^A-Za-z0-9._-]+", "-", text).strip("-.")


def data_folder(data_dir: str | Path | None) -> Path:
    """The folder of datasets that a user means by `data_dir`; the usual one if nothing is said."""
    return Path("data" if data_dir is None else data_dir)


def load(source: Source) -> Dataset:
    """Read the dataset, and divide its training images into train and val.

    Raises UsageError for an unknown dataset or an impossible number of images, UnavailableError if
    the data is missing, broken or not of the right form.
    """
    check(source.spec)
    name, _, argument = source.spec.partition(":")
    raw = get(name).load(argument, Path(os.path.expanduser(source.data_dir)))
    labels = raw.y_train.astype(np.int64)
    train_images, val_images = _counts(source, len(labels), len(raw.classes))
    train, val = divided(labels, train_images, val_images, source.split_seed)
    x_train, x_val, x_test = _parts(raw, train, val)
    y_test = raw.y_test.astype(np.int64)
    mean, std = _statistics(x_train)
    if raw.mean is not None and raw.std is not None:
        mean, std = raw.mean, raw.std
    parts = (x_train, labels[train], x_val, labels[val], x_test, y_test)
    splits = (
        _copies.Part("train", x_train, parts[1], lambda row: raw.called("train", int(train[row]))),
        _copies.Part("val", x_val, parts[3], lambda row: raw.called("train", int(val[row]))),
        _copies.Part("test", x_test, y_test, lambda row: raw.called("test", row)),
    )
    return Dataset(
        spec=source.spec,
        classes=raw.classes,
        x_train=x_train,
        y_train=labels[train],
        x_val=x_val,
        y_val=labels[val],
        x_test=x_test,
        y_test=y_test,
        mean=mean,
        std=std,
        fingerprint=_fingerprint(parts, raw),
        spread=raw.spread,
        notes=(
            *raw.notes,
            *_absent(y_test, raw.classes),
            *_frequent(labels[val], raw.classes),
            *_levels.notes(source.spec, splits),
            *_copies.notes(*splits),
        ),
        otherwise=raw.otherwise,
    )


def _absent(y_test: Labels, classes: Sequence[str]) -> tuple[str, ...]:
    """A note on classes of which test has no image."""
    present = set(y_test.tolist())
    absent = [name for label, name in enumerate(classes) if label not in present]
    says = f"test has no image of {len(absent)} of the classes: {few(absent)}"
    return (says,) if absent else ()


def _frequent(y_val: Labels, classes: Sequence[str]) -> tuple[str, ...]:
    """A note where one class has many more of the val images than if all had as many."""
    label, most = Counter(y_val.tolist()).most_common(1)[0]
    share = most / len(y_val)
    if share - 1 / len(classes) <= MUCH_MORE:
        return ()
    says = f"{share:.1%} of the val images are of class {classes[label]}"
    return (f"{says}: a network that always names this class is right as often",)


def _parts(
    raw: Raw, train: npt.NDArray[np.int64], val: npt.NDArray[np.int64]
) -> tuple[Pictures, Pictures, Pictures]:
    """The images of train, val and test; those in memory contiguous, as the fingerprint needs."""
    if isinstance(raw.x_train, Stored):
        return raw.x_train.pick(train), raw.x_train.pick(val), raw.x_test
    # CIFAR comes as a transposed view.
    x_train, x_val = (np.ascontiguousarray(raw.x_train[part]) for part in (train, val))
    return x_train, x_val, np.ascontiguousarray(raw.x_test)


def _counts(source: Source, images: int, classes: int) -> tuple[int, int]:
    """Return how many of the images train and how many are val."""
    usual, limit = val_count(images), source.limit_train
    val = source.val if isinstance(source.val, int) else usual
    if isinstance(source.val, int) and not classes <= val <= images - classes:
        raise invalid(
            "val",
            f"must be between {classes} (one image per class) and {images - classes} (the "
            f"{images} training images of {source.spec!r} but one of each class, which trains); "
            f"got {val}.",
        )
    if limit is not None and not classes <= limit <= images - val:
        raise invalid(
            "limit_train",
            f"must be between {classes} (one image per class) and {images - val} (the training "
            f"images of {source.spec!r} that validation leaves); got {limit}.",
        )
    train = images - val if limit is None else limit
    return train, max(usual, min(MOST_VAL, images - train)) if source.val == LEFT_OVER else val


def _statistics(images: Pictures) -> tuple[Floats, Floats]:
    """Mean and standard deviation per channel.

    From exact sums of whole numbers: the same on every machine, and without the copy in float64
    that `images.std` makes (1.1 GB for CIFAR-10). Counting how often each grey level occurs takes
    0.4 s for 45,000 CIFAR images, where sums of the pixels and of their squares took 1.7 s.
    """
    pixels = int(np.prod(images.shape[:3], dtype=np.int64))
    if isinstance(images, Stored):
        total, squares = images.sums[images.index].sum(axis=0)
    else:
        channels = images.reshape(-1, images.shape[3]).T
        counts = np.stack([_level_counts(channel) for channel in channels])
        levels = np.arange(256)
        total, squares = counts @ levels, counts @ levels**2
    mean = total / pixels
    variance = np.maximum(squares / pixels - mean**2, 0)
    return mean, np.maximum(np.sqrt(variance), STD_FLOOR)


def _level_counts(channel: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How often each of the 256 grey levels occurs; in parts, since bincount copies to int64."""
    parts = (channel[i : i + 2**20] for i in range(0, len(channel), 2**20))
    return sum((np.bincount(part, minlength=256) for part in parts), np.zeros(256, np.int64))


def _fingerprint(parts: Sequence[Pictures | Labels], raw: Raw) -> str:
    """A digest of the splits themselves, not of the seed that made them: every change shows."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part.shape).encode())
        if isinstance(part, Stored):
            # What else can differ where pixels and labels do not: which label has which name.
            digest.update(repr((raw.classes, raw.mean, raw.std)).encode())
            digest.update(part.digests[part.index].tobytes())
            continue
        digest.update(part.astype(part.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()[:16]
