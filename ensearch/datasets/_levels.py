"""Which of the 256 grey levels images use: constant ones are refused, odd ones said."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ensearch.datasets._copies import Part
from ensearch.datasets._dataset import Pictures
from ensearch.datasets._stored import Stored
from ensearch.errors import UnavailableError
from ensearch.units import counted, few

LOOKED_AT = 256  # images of a split whose levels are counted, evenly spaced
RARE = 1e-4  # share of the pixels at either end that may lie outside the range in use
# Fewer levels than these, a quarter, and much of what was in the pictures is gone.
FEW = 64
# Splits whose spreads differ so many times cannot have been scaled alike; twice is worth a word.
APART, UNLIKE = 8.0, 2.0
_PROBED = 16  # pixels of an image that are compared before all are


class Levels(NamedTuple):
    """The values that all but the rarest pixels have."""

    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low

    def __str__(self) -> str:
        return " to ".join(
            f"{value:,.0f}" if value == round(value) else f"{value:.4g}" for value in self
        )


def as_bytes(images: npt.NDArray[Any], spread: Sequence[float] | None) -> npt.NDArray[np.uint8]:
    """Floats 0 to 1 as grey levels 0 to 255, or what they use of 0 to 1, spread over these."""
    if spread is not None:
        low, high = spread
        images = np.clip((images.astype(np.float32) - low) / (high - low), 0, 1)
    return np.asarray(np.rint(images * 255), np.uint8)


def of_counts(counts: npt.NDArray[np.int64]) -> Levels:
    """The range in use where `counts` says how often each value 0, 1, 2, ... occurs."""
    least = int(RARE * counts.sum())
    low = int((np.cumsum(counts) > least).argmax())
    high = len(counts) - 1 - int((np.cumsum(counts[::-1]) > least).argmax())
    return Levels(low, high)


def are_apart(one: Levels, other: Levels) -> bool:
    """Whether the ranges of two splits differ so much that they were not scaled alike."""
    narrow, wide = sorted((one.width, other.width))
    return narrow * APART < wide


def notes(spec: str, parts: tuple[Part, ...]) -> tuple[str, ...]:
    """What a user may not expect of the levels of train, val and test, in this order.

    Raises UnavailableError where all pixels of a split have one value.
    """
    moments = {part.name: _moments(part.images) for part in parts}
    for part in parts:
        mean, spread = moments[part.name]
        if spread == 0 and _is_one_value(part.images):
            raise UnavailableError(
                f"{spec}: all pixels of the {part.name} images are {mean:.0f} of 0 to 255. Were "
                "they scaled twice, or saved with another range? Save them with the range that "
                "they use."
            )
    train, test = parts[0], parts[-1]
    few_levels = _few_levels(train, moments[train.name])
    compared = _compared(moments[train.name], moments[test.name])
    return tuple(filter(None, (few_levels, compared, *map(_constant, parts))))


class _Moments(NamedTuple):
    mean: float
    spread: float  # standard deviation


def _moments(images: Pictures) -> _Moments:
    """Mean and deviation of the levels: of some of the images, or of all where sums are kept."""
    if isinstance(images, Stored):
        total, squares = (int(value) for value in images.sums[images.index].sum(axis=(0, 2)))
        pixels = int(np.prod(images.shape, dtype=np.int64))
        # In whole numbers, so that constant images have a deviation of exactly 0.
        variance = max(0, pixels * squares - total * total) / pixels**2
        return _Moments(total / pixels, variance**0.5)
    some = images[:: _step(images)]
    return _Moments(float(some.mean()), float(some.std()))


def _step(images: Pictures) -> int:
    return max(1, len(images) // LOOKED_AT)


def _is_one_value(images: Pictures) -> bool:
    # Where sums are kept, a deviation of 0 is that of all images.
    return isinstance(images, Stored) or bool((images == images.flat[0]).all())


def _few_levels(train: Part, moments: _Moments) -> str:
    # A range is at least twice the deviation: most images need not be read.
    if 2 * moments.spread >= FEW:
        return ""
    some = np.asarray(train.images[:: _step(train.images)])
    used = of_counts(np.bincount(some.ravel(), minlength=256))
    if used.width >= FEW:
        return ""
    return (
        f"{train.name} images use the grey levels {used} of 0 to 255: were they saved with their "
        "range?"
    )


def _compared(train: _Moments, test: _Moments) -> str:
    narrow, wide = sorted((train.spread, test.spread))
    if narrow * UNLIKE >= wide and abs(train.mean - test.mean) <= wide:
        return ""
    return (
        f"train images have grey levels of {train.mean:.0f} ± {train.spread:.0f}, test images of "
        f"{test.mean:.0f} ± {test.spread:.0f} (mean and deviation): were both scaled alike?"
    )


def _constant(part: Part) -> str:
    rows = np.flatnonzero(_flat(part.images)).tolist()
    if not rows:
        return ""
    named = few([part.called(row) for row in rows[:100]])
    more = f" (of the first 100: {named})" if len(rows) > 100 else f": {named}"
    of = counted(len(part.images), f"{part.name} image")
    return f"{len(rows):,} of {of} show one colour alone{more}"


def _flat(images: Pictures) -> npt.NDArray[np.bool_]:
    """Which images have the same value everywhere, in each channel."""
    if isinstance(images, Stored):
        total, squares = images.sums[images.index].transpose(1, 0, 2)
        # Equal exactly where all values are, in whole numbers that int64 holds up to 1024 pixels.
        same: npt.NDArray[np.bool_] = np.all(squares * images.shape[1] ** 2 == total**2, axis=1)
        return same
    pixels = images.reshape(len(images), -1, images.shape[3])
    probed = pixels[:, :: max(1, pixels.shape[1] // _PROBED)]
    flat: npt.NDArray[np.bool_] = np.all(probed == probed[:, :1], axis=(1, 2))
    some = np.flatnonzero(flat)
    flat[some] = [(pixels[row] == pixels[row, 0]).all() for row in some.tolist()]
    return flat
