"""A file of anybody's predictions -> logits and labels of val and test, checked.

The file is what `numpy.savez` writes. For val, test or both it holds

    probs_SPLIT or logits_SPLIT   N x C: images x classes
    y_SPLIT                       N labels 0..C-1, in the order of the rows
    classes                       optional: C names, in the order of the columns

Nothing is unpickled. Everything is kept as float16 logits less the row's largest, which changes no
probability; of probabilities the logs, no smaller than that of the smallest normal float32 (-87.3),
because 0 has none. Probabilities that were rounded to a narrow float or to a few digits are taken:
a row divided by its sum has the same logits less the largest.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.errors import UsageError
from ensearch.files import npz, regular_file

Array = npt.NDArray[Any]
SPLITS = ("val", "test")
KINDS = ("probs", "logits")
ALLOWED = (*(f"{kind}_{split}" for split in SPLITS for kind in (*KINDS, "y")), "classes")
UNROUNDED = 1e-3  # float16 rows are off by up to 5e-4
# Of the sum of a row: bfloat16 keeps 8 bits, so that a probability is off by its 512th, and the
# sum of a row by little more where that had its own rounding before.
TOLERANCE = 2**-8
DIGITS = range(1, 5)  # that probabilities may be rounded to: more are within TOLERANCE
MOST_ROUNDED_OFF = 0.1  # of a row; more digits are asked for where rounding takes more
FORM = (
    "Expected what numpy.savez(FILE, probs_val=, y_val=, probs_test=, y_test=, classes=) writes: "
    "for val, test or both probs_SPLIT or logits_SPLIT (N x C) and y_SPLIT (N), classes if you like"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predicted:
    """The predictions of one split: N x C logits as they are stored, and N labels.

    `note` says what may not be expected of them, if there is anything.
    """

    logits: npt.NDArray[np.float16]
    labels: Labels
    note: str = ""


def read(path: Path) -> tuple[dict[str, Predicted], tuple[str, ...]]:
    """The predictions by split, and the names of the classes, empty if the file has none.

    Raises UsageError naming the file, what is wrong and what to do.
    """
    try:
        return checked(_arrays(path))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _arrays(path: Path) -> dict[str, Array]:
    name = ""
    try:
        regular_file.check(path)
        # From memory: numpy leaves a file open when it turns out to be damaged.
        content = io.BytesIO(path.read_bytes())
        if reason := npz.too_large(content):
            raise UsageError(f"{reason}. Give the predictions in parts, or as float16.")
        content.seek(0)
        loaded = np.load(content, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise UsageError(f"holds a single array. {FORM}.")
        with loaded as archive:
            _check_names(archive.files)
            arrays = {}
            for name in archive.files:
                arrays[name] = archive[name]
            return arrays
    except UsageError:
        raise
    except FileNotFoundError as error:
        raise UsageError(f"no such file, seen from {Path.cwd()}. Check the path.") from error
    # A damaged archive raises many kinds of error, from zipfile, zlib, numpy and tokenize.
    except Exception as error:
        if "Object arrays" in str(error):
            raise UsageError(
                f"{name} holds Python objects, and unpickling those could run any code. Save "
                "numbers; names of classes as numpy.array(names, dtype=str)."
            ) from error
        if "pickle" in str(error):
            raise UsageError(f"is not an npz file. {FORM}.") from error
        says = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise UsageError(f"cannot be read ({says}). {FORM}.") from error


def _check_names(names: Sequence[str]) -> None:
    odd = sorted(set(names) - set(ALLOWED))
    if odd:
        raise UsageError(f"holds {', '.join(odd)}, which says nothing here. {FORM}.")
    if len(set(names)) < len(names):
        raise UsageError("holds an array twice under one name: write the file again.")


def checked(arrays: Mapping[str, Array]) -> tuple[dict[str, Predicted], tuple[str, ...]]:
    """The predictions by split, and the names of the classes, of arrays by name; see `read`."""
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise UsageError(f"{name} is not an array: write the file with numpy.savez.")
    predicted = {}
    for split in SPLITS:
        kinds = [kind for kind in KINDS if f"{kind}_{split}" in arrays]
        if len(kinds) > 1:
            raise UsageError(f"holds probs_{split} and logits_{split}: leave one out.")
        if bool(kinds) != (f"y_{split}" in arrays):
            there, lacks = (kinds[0], "y") if kinds else ("y", "probs")
            raise UsageError(f"holds {there}_{split} but no {lacks}_{split}. {FORM}.")
        if kinds:
            name = f"{kinds[0]}_{split}"
            logits = _logits(name, arrays[name], kinds[0])
            labels = _labels(f"y_{split}", arrays[f"y_{split}"], name, logits.shape)
            note = _rounded(name, arrays[name]) if kinds[0] == "probs" else ""
            predicted[split] = Predicted(logits=logits, labels=labels, note=note)
    if not predicted:
        raise UsageError(f"holds no predictions. {FORM}.")
    counts = {split: of_split.logits.shape[1] for split, of_split in predicted.items()}
    if len(set(counts.values())) > 1:
        raise UsageError(
            f"val has {counts['val']} classes (columns), test {counts['test']}: both must be "
            "predictions of one model."
        )
    return predicted, _classes(arrays.get("classes"), min(counts.values()))


def _logits(name: str, array: Array, kind: str) -> npt.NDArray[np.float16]:
    if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] < 2:
        shape = " x ".join(map(str, array.shape)) or "a single number"
        raise UsageError(
            f"{name} should be images x classes, at least 1 x 2; found {shape}. Two classes need "
            "two columns."
        )
    if array.dtype.kind not in "fiu":
        raise UsageError(f"{name} should be numbers; found {array.dtype}. Save floats.")
    values = array.astype(np.float64)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise UsageError(
            f"{name} should be finite; {bad.sum()} rows hold NaN or infinity, the first is row "
            f"{int(bad.argmax())}. Predict those images again."
        )
    if kind == "probs":
        _check_probs(name, values, _tolerance(array))
    elif _are_probs(values, _tolerance(array)):
        raise UsageError(
            f"{name} has rows from 0 to 1 that sum to 1, which are probabilities and would be "
            f"flattened: call the array probs_{name.partition('_')[2]}."
        )
    if kind == "probs":
        values = np.log(np.maximum(values, np.finfo(np.float32).tiny))
    values -= values.max(axis=1, keepdims=True)
    lowest = float(np.finfo(np.float16).min)
    stored: npt.NDArray[np.float16] = np.maximum(values, lowest).astype(np.float16)
    return stored


def _tolerance(array: Array) -> float:
    """How far from 1 the sum of a row may be, all of whose probabilities may be rounded alike."""
    values = array.astype(np.float64)
    for digits in DIGITS:
        if np.abs(values.round(digits).astype(array.dtype) - values).max() < 1e-7:
            most: float = min(array.shape[1] * 0.5 / 10**digits, MOST_ROUNDED_OFF)
            return max(TOLERANCE, most)
    return TOLERANCE


def _rounded(name: str, probs: Array) -> str:
    """What is to be known of probabilities that were rounded; "" of others."""
    sums = probs.sum(axis=1, dtype=np.float64)
    if np.abs(sums - 1).max() <= UNROUNDED:
        return ""
    few = "; what was rounded to 0 makes its log-likelihood say little" if probs.min() == 0 else ""
    return (
        f"{name} was rounded: its rows sum to {sums.min():.4g} to {sums.max():.4g}, and each was "
        f"divided by its sum{few}"
    )


def _are_probs(values: npt.NDArray[np.float64], tolerance: float) -> bool:
    within = values.min() >= 0 and values.max() <= 1 + TOLERANCE
    return bool(within and (np.abs(values.sum(axis=1) - 1) <= tolerance).all())


def _check_probs(name: str, values: npt.NDArray[np.float64], tolerance: float) -> None:
    other = f"If these are logits, call the array logits_{name.partition('_')[2]}"
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1 + TOLERANCE:
        raise UsageError(
            f"{name} should be probabilities from 0 to 1; found {low:g} to {high:g}. {other}."
        )
    sums = values.sum(axis=1)
    off = np.abs(sums - 1) > tolerance
    if off.any():
        row = int(off.argmax())
        raise UsageError(
            f"{name} should have rows that sum to 1 (within {tolerance:.2g}); {off.sum()} of "
            f"{len(sums)} do not, the first is row {row} with {sums[row]:g}. {other}."
        )


def _labels(name: str, array: Array, of: str, shape: tuple[int, ...]) -> Labels:
    rows, classes = shape
    if array.ndim != 1 or len(array) != rows:
        shown = " x ".join(map(str, array.shape)) or "a single number"
        raise UsageError(
            f"{name} should be one label for each of the {rows} rows of {of}; found {shown}. Save "
            "both in the order of the images."
        )
    if array.dtype.kind not in "iu":
        raise UsageError(
            f"{name} should be whole numbers from 0; found {array.dtype}. Save "
            "y.astype(numpy.int64)."
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= classes:
        raise UsageError(
            f"{name} should be 0 to {classes - 1}, because {of} has {classes} columns; found "
            f"{low} to {high}. Number the classes from 0, in the order of the columns."
        )
    return array.astype(np.int64)


def _classes(names: Array | None, count: int) -> tuple[str, ...]:
    if names is None:
        return ()
    if reason := npz.no_names(names):
        raise UsageError(reason)
    listed = tuple(str(name) for name in names.tolist())
    if len(listed) != count or len(set(listed)) < count:
        raise UsageError(
            f"classes should be {count} different names, one for each column; found {len(listed)}, "
            f"{len(set(listed))} of them different."
        )
    return listed
