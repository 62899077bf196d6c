"""Your own images in one file: `npz:PATH`, written by `numpy.savez`.

    x_train, x_test   N x H x W or N x H x W x C with H == W and C 1 or 3; uint8, or floats 0..1
    y_train, y_test   N whole numbers 0..K-1; at least 2 training images of every class
    classes           optional: the K names

Floats of which x_train uses a quarter of 0 to 1 or less are spread over all grey levels, and a note
says so; ranges of train and test that differ eight times or more are refused. Other arrays in the
file are ignored. Val is cut from train.
"""

import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.core import Schedule
from ensearch.datasets import _levels
from ensearch.datasets._dataset import Raw
from ensearch.datasets._levels import Levels
from ensearch.datasets._stored import Images
from ensearch.errors import UnavailableError
from ensearch.files import npz, regular_file

SUMMARY = "your own images: a file of numpy.savez with x_train, y_train, x_test, y_test"
ARGUMENT = "PATH"
# No augmentation: a flip may change what a picture means.
SCHEDULE = Schedule(epochs=10, optimizer="muon")

KEYS = ("x_train", "y_train", "x_test", "y_test")
OPTIONAL = ("classes",)
Array = npt.NDArray[Any]


def load(argument: str, data_dir: Path) -> Raw:
    """Read and check the file; a relative path starts at the current folder, not at `data_dir`."""
    path = Path(os.path.expanduser(argument))
    try:
        return _checked(_read(path))
    except _UnfitError as error:
        raise UnavailableError(f"{path}: {error}") from error


class _UnfitError(Exception):
    """What is expected of the file, what was found, what to do."""


def _read(path: Path) -> dict[str, Array]:
    """The arrays that count, still unchecked."""
    arrays: dict[str, Array] = {}
    key = ""
    try:
        regular_file.check(path)
        with path.open("rb") as file:
            whole = zipfile.is_zipfile(file)
        if not whole:
            raise _UnfitError(
                "not a whole npz file. Write one with "
                "numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)."
            )
        if reason := npz.too_large(path):
            raise _UnfitError(f"{reason}. Save uint8, or fewer images.")
        with np.load(path, allow_pickle=False) as content:
            missing = [key for key in KEYS if key not in content.files]
            if missing:
                raise _UnfitError(
                    f"expected arrays named {', '.join(KEYS)}; found "
                    f"{', '.join(content.files) or 'none'}. Add {', '.join(missing)}."
                )
            for key in (*KEYS, *OPTIONAL):
                if key in content.files:
                    arrays[key] = content[key]
    except FileNotFoundError as error:
        raise _UnfitError(f"no such file, seen from {Path.cwd()}. Check the path.") from error
    except _UnfitError:
        raise
    # Files with a few bytes changed gave eight kinds of exception, tokenize.TokenError among them.
    except Exception as error:
        if "Object arrays" in str(error):
            raise _UnfitError(
                f"{key} holds Python objects, and unpickling those could run any code. Images of "
                "different sizes make such an array: resize them to one size. Names of classes: "
                "save numpy.array(names, dtype=str)."
            ) from error
        raise _UnfitError(f"cannot be read ({error}). Check it or write it again.") from error
    return arrays


def _checked(arrays: dict[str, Array]) -> Raw:
    for key, array in arrays.items():
        # A zip may hold anything; numpy hands over what is no array as bytes.
        if not isinstance(array, np.ndarray):
            raise _UnfitError(f"{key} is not an array: write the file with numpy.savez.")
    x_train, x_test = (_images(key, arrays[key]) for key in ("x_train", "x_test"))
    if x_train.shape[1:] != x_test.shape[1:]:
        train, test = ("x".join(map(str, x.shape[1:])) for x in (x_train, x_test))
        raise _UnfitError(
            f"x_train and x_test should have images of one size; found {train} and {test} (height "
            "x width x channels). Resize one of them."
        )
    grey_train, grey_test, spread, note = _as_bytes(x_train, x_test)
    y_train = _labels("y_train", arrays["y_train"], len(x_train))
    y_test = _labels("y_test", arrays["y_test"], len(x_test))
    classes = _classes(arrays.get("classes"), y_train)
    _check_labels(y_train, y_test, len(classes))
    return Raw(
        x_train=grey_train,
        y_train=y_train,
        x_test=grey_test,
        y_test=y_test,
        classes=classes,
        spread=spread,
        notes=(note,) if note else (),
        otherwise="spread no range of floats" if spread else "",
    )


def _images(key: str, array: Array) -> Array:
    """N x H x W x C, uint8 or floats 0..1, from what the file holds."""
    shape = "x".join(map(str, array.shape)) or "a single number"
    images = array[..., np.newaxis] if array.ndim == 3 else array
    if images.ndim != 4:
        raise _UnfitError(f"{key} should be N x H x W or N x H x W x C; found {shape}. Reshape it.")
    if not images.size:
        raise _UnfitError(f"{key} should have at least one image; found {shape}. Add images.")
    _, height, width, channels = images.shape
    if channels not in (1, 3):
        first = images.shape[1] in (1, 3)
        hint = "transpose(0, 2, 3, 1) puts the channels last" if first else "convert the images"
        raise _UnfitError(
            f"{key} should have 1 or 3 channels, in its last axis; found {shape}: {hint}."
        )
    if height != width:
        raise _UnfitError(
            f"{key} should have square images; found {shape}. Crop, pad or resize them."
        )
    if images.dtype != np.uint8:
        _check_floats(key, images)
    return images


def _check_floats(key: str, images: Array) -> None:
    if images.dtype.kind != "f":
        raise _UnfitError(
            f"{key} should be uint8 (0 to 255) or floats (0 to 1); found {_called(images)}. "
            f"{_as_numbers(images)}."
        )
    if not np.isfinite(images).all():
        raise _UnfitError(
            f"{key} should be finite; found NaN or infinity. Replace or drop those images."
        )
    low, high = images.min(), images.max()
    if low < 0 or high > 1:
        raise _UnfitError(
            f"{key} as {images.dtype} should lie in 0 to 1; found {low:g} to {high:g}. Rescale it, "
            "or save 0 to 255 as uint8."
        )


def _called(images: Array) -> str:
    """The type of images, with the values that they have where those are whole numbers."""
    if images.dtype.kind not in "iu":
        return str(images.dtype)
    return f"{images.dtype} from {images.min()} to {images.max()}"


def _as_numbers(images: Array) -> str:
    """How to save images that are neither bytes nor floats."""
    if images.dtype.kind not in "iub":
        return "Save the grey levels as numbers"
    low, high = int(images.min()), int(images.max())
    if low < 0:
        return "Bring them to 0 to 255 and save them as uint8"
    if high <= 1:
        return "Save (255 * x).astype(numpy.uint8)"
    if high <= 255:
        return "Save x.astype(numpy.uint8)"
    return f"Save x / {np.iinfo(np.uint16).max if high < 2**16 else high}"


def _as_bytes(x_train: Array, x_test: Array) -> tuple[Images, Images, Levels | None, str]:
    """Grey levels 0..255 of either, and the small range that is spread over them, with a note.

    Floats 0 to 1 become 0 to 255, or those of the range that x_train uses where that is so small
    that it would be a quarter of the levels or less: floats that were divided by 255 twice.
    """
    if x_train.dtype == x_test.dtype == np.uint8:
        return x_train, x_test, None, ""
    train, test = _range(x_train), _range(x_test)
    if _levels.are_apart(train, test):
        raise _UnfitError(
            f"x_train uses {train} of 0 to 1, x_test {test}: they were not scaled alike. Rescale "
            "one of them, or save both as uint8."
        )
    if x_train.dtype == np.uint8 or not 0 < train.width <= _levels.FEW / 256:
        return _bytes(x_train, None), _bytes(x_test, None), None, ""
    if x_test.dtype == np.uint8:
        raise _UnfitError(
            f"x_train as {x_train.dtype} uses {train} of 0 to 1, and x_test is uint8. Save both "
            "as uint8."
        )
    note = (
        f"x_train uses {train} of 0 to 1, x_test {test}: {train} is spread over the 256 grey levels"
    )
    return _bytes(x_train, train), _bytes(x_test, train), train, note


def _range(images: Array) -> Levels:
    """The range that some of the images use, evenly spaced; of bytes as floats 0 to 1."""
    some = np.sort(images[:: max(1, len(images) // _levels.LOOKED_AT)], axis=None)
    rare = int(_levels.RARE * some.size)
    low, high = float(some[rare]), float(some[-1 - rare])
    return Levels(low / 255, high / 255) if images.dtype == np.uint8 else Levels(low, high)


def _bytes(images: Array, used: Levels | None) -> Images:
    return images if images.dtype == np.uint8 else _levels.as_bytes(images, used)


def _labels(key: str, array: Array, images: int) -> npt.NDArray[np.integer]:
    if array.ndim != 1 or len(array) != images:
        shape = "x".join(map(str, array.shape)) or "a single number"
        raise _UnfitError(
            f"{key} should be one label per image, a vector of {images}; found {shape}. Save the "
            "labels in the order of the images."
        )
    if array.dtype.kind not in "iu":
        raise _UnfitError(
            f"{key} should be whole numbers 0, 1, ...; found {array.dtype}. Number the classes "
            "and save y.astype(numpy.int64)."
        )
    if array.min() < 0:
        raise _UnfitError(
            f"{key} should start at 0; found {array.min()}. Number the classes from 0."
        )
    return array


def _classes(names: Array | None, y_train: npt.NDArray[np.integer]) -> tuple[str, ...]:
    """Names from the file, else the numbers."""
    if names is None:
        # Not one name per number up to the largest label: that may be 10**12. Gaps are caught
        # by `_check_labels`, which sees a label outside of what exists.
        return tuple(str(label) for label in range(len(np.unique(y_train))))
    if reason := npz.no_names(names):
        raise _UnfitError(reason)
    listed = tuple(names.tolist())
    name, times = Counter(listed).most_common(1)[0] if listed else ("", 0)
    if times > 1:
        raise _UnfitError(
            f"classes should be different names; found {name!r} {times} times. Name each once."
        )
    return listed


def _check_labels(
    y_train: npt.NDArray[np.integer], y_test: npt.NDArray[np.integer], classes: int
) -> None:
    if classes < 2:
        raise _UnfitError(
            f"expected at least 2 classes; found {classes}. Add images of another class."
        )
    for key, labels in (("y_train", y_train), ("y_test", y_test)):
        if labels.max() >= classes:
            if key == "y_test" and y_train.max() < classes:
                remedy = "Add images of it to train, or leave it out of test."
            elif y_train.min() == 1 and y_train.max() == classes:
                remedy = "Number the classes from 0: subtract 1 from every label."
            elif len(np.unique(y_train)) == y_train.max() + 1:  # then `classes` is in the file
                remedy = f"Name all {y_train.max() + 1} classes in the array 'classes'."
            else:
                remedy = "Number the classes without gaps."
            raise _UnfitError(
                f"{key} should be 0 to {classes - 1} for {classes} classes, every one of them in "
                f"y_train; found {labels.max()}. {remedy}"
            )
    sizes = np.bincount(y_train.astype(np.int64), minlength=classes)
    if sizes.min() < 2:
        raise _UnfitError(
            f"y_train should have every class at least twice, once to train and once for val; "
            f"found {sizes.min()} of class {sizes.argmin()}. Add images or drop the class."
        )
