"""Stratified subsets: the one way in which images are divided into train, val and test."""

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels
from ensearch.seeds import derive


def stratified(labels: Labels, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Sorted indices of `count` of the labels, with the classes in proportion.

    Each class gets its share rounded down or up (largest remainder); every class gets at least
    one where `count` allows that. The same on every machine. Needs 0 <= count <= len(labels).
    """
    if count in (0, len(labels)):
        return np.arange(count)
    sizes = np.unique(labels, return_counts=True)[1]
    # The raw stream is what numpy promises never to change; shuffles may change with a version.
    order = np.argsort(np.random.PCG64(seed).random_raw(len(labels)), kind="stable")
    # Sorted by class, each in the order drawn; to look for every class among all the labels takes
    # seconds where there are a thousand.
    of_class = np.split(order[np.argsort(labels[order], kind="stable")], np.cumsum(sizes)[:-1])
    shares = _shares(sizes, count)
    parts = [indices[:share] for indices, share in zip(of_class, shares, strict=True)]
    return np.sort(np.concatenate(parts))


def others(some: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """The numbers of 0 .. count - 1 that are not among `some`, ascending.

    It uses a mask: numpy's functions of sets took a third of the start with 100,000 pictures.
    """
    rest = np.ones(count, dtype=bool)
    rest[some] = False
    return np.flatnonzero(rest)


def _shares(sizes: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """How many of each class, `sizes` being the number of its images: `count` altogether."""
    quota = count * sizes / sizes.sum()
    shares: npt.NDArray[np.int64] = np.floor(quota).astype(np.int64)
    if count >= len(sizes):
        shares = np.maximum(shares, 1)
    while (missing := count - int(shares.sum())) > 0:
        shares[np.argmax(quota - shares)] += 1
    # Too many only where tiny classes were raised to one; the classes most above pay for it.
    for _ in range(-missing):
        shares[np.argmax(np.where(shares > 1, shares - quota, -np.inf))] -= 1
    return shares


def divided(
    labels: Labels, train: int, val: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sorted indices of `train` and of `val` of the labels, each with the classes in proportion.

    val is first taken from the `val_count` images that a study usually has for it, train from the
    others, and what either lacks from those that both leave. So a number for one moves no image of
    the other that need not move. Needs train + val <= len(labels).
    """
    usual = stratified(labels, val_count(len(labels)), derive("val", seed))
    rest = others(usual, len(labels))
    parts = []
    for images, count, purpose in ((rest, train, "limit"), (usual, val, "val")):
        within = min(count, len(images))
        parts.append(images[stratified(labels[images], within, derive(purpose, seed))])
    spare = others(np.concatenate(parts), len(labels))
    for i, count in enumerate((train, val)):  # one of them lacks none
        more = stratified(labels[spare], count - len(parts[i]), derive("spare", seed))
        parts[i] = np.sort(np.concatenate([parts[i], spare[more]]))
    return parts[0], parts[1]


def val_count(train: int) -> int:
    """Images that val takes from `train` of them: 10 %, but at least 500, or a third if fewer.

    500 images put the standard error of an accuracy of 95 % at 1 point; 10 % of a small dataset
    would leave 2 points and hide what the search looks for.
    """
    return max(train // 10, min(500, train // 3))
