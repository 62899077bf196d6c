"""Images of one split that are also in another: accuracies there are too high."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.datasets._dataset import Pictures
from ensearch.datasets._stored import Stored
from ensearch.units import counted, few

_Codes = npt.NDArray[np.int64]


class Part(NamedTuple):
    """Images and labels of a split, and what people call the image of a row."""

    name: str  # of the split
    images: Pictures
    labels: Labels
    called: Callable[[int], str]


def notes(train: Part, val: Part, test: Part) -> tuple[str, ...]:
    """A sentence for val and one for test, if some of their images equal earlier ones.

    Equal are those that have the same pixels, as they are read here.
    """
    codes = {part.name: _codes(part.images) for part in (train, val, test)}
    of_val = _note(val, (train,), codes)
    of_test = _note(test, (train, val), codes)
    return tuple(filter(None, (of_val, of_test)))


def _codes(images: Pictures) -> _Codes:
    """A number of 64 bits for each image, equal for equal ones."""
    if isinstance(images, Stored):
        # Half of a digest will do: among 2 million images two share it once in 10 million datasets.
        return np.ascontiguousarray(images.digests[images.index, :8]).view(np.int64)[:, 0]
    return np.fromiter((hash(image.tobytes()) for image in images), np.int64, len(images))


def _note(part: Part, before: tuple[Part, ...], codes: dict[str, _Codes]) -> str:
    own = codes[part.name]
    first: dict[int, tuple[Part, int]] = {}  # by code, where the image is found first
    for other in before:
        shared = np.flatnonzero(np.isin(codes[other.name], own))
        for row in shared.tolist():
            first.setdefault(int(codes[other.name][row]), (other, row))
    pairs = [(row, *first[code]) for row, code in enumerate(own.tolist()) if code in first]
    if not pairs:
        return ""
    others = sum(int(part.labels[row]) != int(of.labels[there]) for row, of, there in pairs)
    named = few([f"{part.called(row)} = {of.called(there)}" for row, of, there in pairs])
    learned = " or ".join(of.name for of in before)
    labelled = f", {others:,} of them with another label" if others else ""
    return (
        f"{len(pairs):,} of {counted(len(own), f'{part.name} image')} are also in {learned}, pixel "
        f"by pixel{labelled}, so that accuracies on {part.name} mislead: {named}"
    )
