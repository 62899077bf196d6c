"""Members that exist, of any networks, with their predictions on one split.

The searches of `selection` and `cascade_selection` select among them without training. A search is
a function of candidates, labels and ascending budgets (multiply-adds per example) that returns one
ensemble or cascade for each budget, None where nothing fits.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.errors import UsageError

Probs = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]
KEPT_CLASSES = 32  # of each image, where there are more
ROUNDING = 1e-3  # how far the probabilities of an image may be from a sum of 1: float16 is 5e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """M members and their probabilities, M x N x C, on the N images of one split.

    Members with the same name in `networks` differ in their seed only. `macs` are multiply-adds per
    example, or whole numbers of another unit, in which budgets are then too. The searches compute
    in the precision of `probs`, float32 or float64. Where candidates are `narrow`, only the
    likeliest classes of each image are there. UsageError for shapes that do not go together, two
    equal keys, costs below 1 and probabilities that are not finite, are negative or do not sum to 1
    (where narrow, to at most 1).
    """

    keys: tuple[str, ...]
    networks: tuple[str, ...]
    macs: Labels
    probs: Probs
    narrow: bool = False

    def __post_init__(self) -> None:
        shape, count = self.probs.shape, len(self.keys)
        if len(shape) != 3 or shape[0] != count or not all(shape) or shape[2] < 2:
            raise UsageError(
                "candidates need probabilities members x images x classes, with at least one image "
                f"and 2 classes; got shape {shape} for {count} members."
            )
        if self.macs.shape != (count,) or len(self.networks) != count:
            raise UsageError(
                f"candidates need one cost and one network for each of the {count} members; got "
                f"{self.macs.shape} and {len(self.networks)}."
            )
        if len(set(self.keys)) < count:
            raise UsageError("candidates need different keys; give every member once.")
        if self.probs.dtype not in (np.float32, np.float64):
            raise UsageError(f"probabilities must be float32 or float64; got {self.probs.dtype}.")
        if (self.macs < 1).any():
            raise UsageError(f"a member costs at least 1 multiply-add; got {self.macs.min()}.")
        # A product is 5 times as fast as a sum over 10 classes, and searches take images often.
        with np.errstate(invalid="ignore"):
            over = self.probs @ np.ones(shape[2], self.probs.dtype) - 1
        off = over if self.narrow else np.abs(over)
        # Every comparison with a NaN is false: so the one that must hold is asked for.
        if not (off.max() <= ROUNDING and self.probs.min() >= 0):
            legal = (off.max(axis=1) <= ROUNDING) & (self.probs.min(axis=(1, 2)) >= 0)
            raise UsageError(
                "probabilities must be at least 0 and sum to 1 for each image; those of "
                f"{self.keys[int(legal.argmin())]} do not."
            )

    def take(self, images: Indices) -> "Candidates":
        """Return the same members on some of the images, in the order given."""
        return replace(self, probs=self.probs[:, images])

    def only(self, members: Sequence[int]) -> "Candidates":
        """Return some of the members, in the order given, on the same images."""
        kept = list(members)
        return replace(
            self,
            keys=tuple(self.keys[m] for m in kept),
            networks=tuple(self.networks[m] for m in kept),
            macs=self.macs[kept],
            probs=self.probs[kept],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedEnsemble:
    """An ensemble of different members, of whatever networks.

    `members` are ascending indices of the candidates. `accuracy` is measured on the images that
    selected the ensemble, which makes it optimistic.
    """

    members: tuple[int, ...]
    macs: int
    accuracy: float


def check(candidates: Candidates, labels: Labels, budgets: Sequence[float]) -> None:
    """Raise UsageError unless there is a legal label for each image and the budgets ascend."""
    images, classes = candidates.probs.shape[1:]
    if labels.shape != (images,) or labels.min() < 0 or labels.max() >= classes:
        raise UsageError(
            f"the candidates need a label from 0 to {classes - 1} for each of {images} images; got "
            f"{labels.size} from {labels.min() if labels.size else '-'} to "
            f"{labels.max() if labels.size else '-'}. Use the labels of the same split."
        )
    if any(not low < high for low, high in itertools.pairwise([0, *budgets, np.inf])):
        raise UsageError(f"budgets must be positive and ascending; got {list(budgets)}.")


def narrowed(
    members: Callable[[], Iterable[Probs]], labels: Labels, keep: int = KEPT_CLASSES
) -> tuple[Probs, Labels]:
    """Return M x N x `keep` float32 probabilities of the classes that matter, and the new labels.

    With 1,000 classes, 50 members on 50,000 images would fill 10 GB, and the class that an average
    predicts is as a rule the label or one that some member finds likely. `members` gives each
    member's N x C anew whenever it is called, twice in all, so that only one at a time need be in
    memory. An image keeps its label and the classes to which any member gives the highest
    probabilities, in ascending order; its new label is the place of the old one among them.
    Accuracy, NLL, maximum and margin of averages stay what they are, except on images for which a
    class that was left out would win.
    """
    peak: Probs | None = None
    for probs in members():
        peak = probs.astype(np.float32) if peak is None else np.maximum(peak, probs)
    if peak is None:
        raise UsageError("there is no member whose classes could be narrowed; got an empty pool.")
    if peak.shape[1] <= keep:
        return np.stack([probs.astype(np.float32) for probs in members()]), labels
    rows = np.arange(len(labels))
    peak[rows, labels] = np.inf
    kept = np.sort(np.argpartition(-peak, keep - 1, axis=1)[:, :keep], axis=1)
    taken = [np.take_along_axis(probs, kept, axis=1).astype(np.float32) for probs in members()]
    return np.stack(taken), (kept == labels[:, None]).argmax(axis=1).astype(np.int64)
