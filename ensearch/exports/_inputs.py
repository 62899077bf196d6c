"""What an exported model reads: pictures, and arrays in files, as bytes in the shape that it takes.

`source` copies it into predict.py, which works without this package.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.datasets._decode import decode, in_sixteen_bits
from ensearch.datasets._left_out import is_of_program, is_picture
from ensearch.datasets._levels import as_bytes

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]
ARRAYS = (".npz", ".npy")
# Of an npz file with several arrays, the images; else its only one.
IMAGES = ("images", "x", "x_test", "x_val")


class InputError(Exception):
    """What is asked for cannot be done; for people."""


def as_pixels(array: Array, inputs: dict[str, Any], name: str) -> Pixels:
    """Return images as uint8 N x H x W x channels; floats are from 0 to 1. Raises InputError.

    `inputs` are those of config.json. The part of 0 to 1 that was spread over 0 to 255 to train is
    spread here too.
    """
    channels = inputs["channels"]
    images = array[..., np.newaxis] if array.ndim == 3 and channels == 1 else array
    if images.ndim != 4 or images.shape[3] != channels:
        shape = " x ".join(map(str, array.shape)) or "a single number"
        raise InputError(f"{name}: expected N x H x W x {channels}; found {shape}.")
    if images.dtype == np.uint8:
        return images
    found = str(images.dtype)
    if images.dtype.kind == "f" and images.size:
        found += f" from {images.min():g} to {images.max():g}"
    if images.dtype.kind != "f" or not np.all((images >= 0) & (images <= 1)):  # nor is NaN
        raise InputError(f"{name}: expected bytes, or floats from 0 to 1; found {found}.")
    return as_bytes(images, inputs.get("spread"))


def sources(paths: Sequence[Path], inputs: dict[str, Any]) -> list[tuple[str, Path | Pixels]]:
    """Return names with pictures to decode or images: folders hold pictures, npz files images.

    Raises InputError where a path is not there, a folder has no pictures, or an array does not fit.
    """
    found: list[tuple[str, Path | Pixels]] = []
    for path in paths:
        if path.is_dir():
            pictures = [p for p in sorted(path.rglob("*")) if _is_meant(p, path)]
            if not pictures:
                raise InputError(f"{path} has no pictures.")
            found += [(str(p), p) for p in pictures]
        elif not path.exists():
            raise InputError(f"{path} is not there.")
        elif path.suffix in ARRAYS:
            images = as_pixels(_array(path), inputs, str(path))
            found += [(f"{path}[{row}]", image) for row, image in enumerate(images)]
        else:
            found.append((str(path), path))
    return found


def _is_meant(path: Path, folder: Path) -> bool:
    """Whether a file below a folder is a picture, and none that a program left there."""
    inside = path.relative_to(folder).parts
    return path.is_file() and is_picture(path.name) and not any(map(is_of_program, inside))


def _array(path: Path) -> Array:
    try:
        with path.open("rb") as file:  # numpy leaves one of its own open where it is damaged
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            names = [n for n in IMAGES if n in loaded.files] or loaded.files
            if not names or (len(names) > 1 and names[0] not in IMAGES):
                raise InputError(f"{path} has {', '.join(names) or 'nothing'}: call one 'images'.")
            return np.asarray(loaded[names[0]])
    except InputError:
        raise
    except Exception as error:  # a damaged file raises many kinds, from zipfile, zlib and numpy
        raise InputError(f"{path} cannot be read: {error}") from error


def read(source: Path | Pixels, config: dict[str, Any]) -> Pixels:
    """Return an image H x W x channels; a picture as in training: cropped, square, resized.

    Raises UnfitError where a picture cannot be read.
    """
    if not isinstance(source, Path):
        return source
    inputs = config["input"]
    spread = in_sixteen_bits(inputs.get("spread"))
    picture = decode(str(source), inputs["resolution"], inputs["crop"], spread)
    if inputs["channels"] == 1:
        weights = np.array([0.299, 0.587, 0.114])  # of red, green and blue, as in ITU-R BT.601
        picture = np.rint(picture @ weights).astype(np.uint8)[..., np.newaxis]
    return picture
