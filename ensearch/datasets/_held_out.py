"""Which images judge models that exist: val, which chooses among them, and test.

A study cuts val from the training images, and models of others were trained on all of those. On a
val that mixed ensembles of such models had seen they gained 8.65 points [2.71, 14.58] and were
right on 82.7 %; on test they were right on 49 %. So two halves of the held-out images judge them,
unless they were trained without the val of studies.
"""

import hashlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.datasets._dataset import Dataset, Pictures
from ensearch.datasets._split import others, stratified
from ensearch.datasets._stored import Stored
from ensearch.errors import UnavailableError, invalid
from ensearch.seeds import derive

HELD_OUT, STUDY = CHOOSE_ON = ("held-out", "study")


def check(choose_on: str) -> None:
    """Raises UsageError unless it is one of CHOOSE_ON."""
    if choose_on not in CHOOSE_ON:
        raise invalid("choose_on", f"must be {' or '.join(CHOOSE_ON)}; got {choose_on!r}.")


def halved(dataset: Dataset, seed: int) -> Dataset:
    """The dataset with two halves of its test as val and test, classes in proportion.

    Images in a file stay there. Raises UnavailableError where a class has a single held-out image,
    which cannot be in both halves.
    """
    _check_sizes(dataset)
    count = len(dataset.y_test)
    val = stratified(dataset.y_test, count // 2, derive("halves", seed))
    test = others(val, count)
    what = repr((dataset.fingerprint, HELD_OUT, seed)).encode()
    return replace(
        dataset,
        halves_seed=seed,
        x_val=_some(dataset.x_test, val),
        y_val=dataset.y_test[val],
        x_test=_some(dataset.x_test, test),
        y_test=dataset.y_test[test],
        fingerprint=hashlib.sha256(what).hexdigest()[:16],
    )


def _check_sizes(dataset: Dataset) -> None:
    labels: Labels = dataset.y_test
    sizes = np.bincount(labels, minlength=len(dataset.classes))
    if (sizes == 1).any():
        raise UnavailableError(
            f"{dataset.spec}: every class needs two held-out images, one for either half; found "
            f"one of class {dataset.classes[int((sizes == 1).argmax())]!r} "
            f"({int((sizes == 1).sum())} such classes, {len(labels):,} held-out images). Add "
            "images.",
            problem="single_held_out_image",
        )


def _some(images: Pictures, part: npt.NDArray[np.int64]) -> Pictures:
    return images.pick(part) if isinstance(images, Stored) else images[part]
