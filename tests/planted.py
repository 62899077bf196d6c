"""Pools with known answers, and a search that is easy to follow."""

from functools import partial

import numpy as np

from ensearch.core import Floats, Labels
from ensearch.ensembles import selection
from ensearch.ensembles.candidates import Candidates, Probs

# The greedy selection that `best_of_many` begins with, and nothing else.
greedy = partial(selection.best_of_many, tries=1)


def pool(probs: Probs, macs: list[int], networks: list[str] | None = None) -> Candidates:
    """Candidates a, b, c, ..., each of a network of its own if none are named."""
    keys = tuple(chr(ord("a") + k) for k in range(len(macs)))
    return Candidates(
        keys=keys,
        networks=tuple(networks) if networks else keys,
        macs=np.array(macs, np.int64),
        probs=probs,
    )


def votes(rows: list[str], certainty: float = 0.9, classes: int = 3) -> tuple[Floats, Labels]:
    """Members that are right (1) or wrong (0) on each image, as strings of digits; all labels 0.

    A 1 puts `certainty` on the label and a 0 on class 1; the rest is spread over the others.
    """
    right = np.array([[digit == "1" for digit in row] for row in rows])
    probs = np.full((*right.shape, classes), (1 - certainty) / (classes - 1))
    probs[..., 0][right] = certainty
    probs[..., 1][~right] = certainty
    return probs, np.zeros(right.shape[1], np.int64)


def drawn(
    seed: int, members: int, images: int = 30, classes: int = 3, hard: bool = False
) -> tuple[Candidates, Labels]:
    """Members of three networks; `hard` ones only vote, so that averages often tie."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    logits = rng.normal(size=(members, images, classes)) + rng.normal(size=(images, classes))
    logits[:, np.arange(images), labels] += 0.5
    probs = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    if hard:
        probs = np.eye(classes)[probs.argmax(axis=2)]
    macs = rng.integers(1, 30, members).tolist()
    return pool(probs, macs, [f"network{m % 3}" for m in range(members)]), labels
