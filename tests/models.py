"""Predictions of models that nobody trained, for tests of the pool."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import ensearch
from ensearch.api.pool import AddedModel

Array = npt.NDArray[Any]
CLASSES = 4


def labels(images: int, classes: int = 4, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, classes, images)


def probs(y: Array, skill: float, seed: int, classes: int = 4) -> Array:
    """Rows that sum to 1; the larger `skill`, the more of them are right."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(y), classes))
    logits[np.arange(len(y)), y] += skill
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def arrays(skill: float = 1.0, seed: int = 1, images: int = 40) -> dict[str, Array]:
    """The content of a file: probabilities and labels of val and of test."""
    y_val, y_test = labels(images), labels(images + 10, seed=9)
    return {
        "probs_val": probs(y_val, skill, seed),
        "y_val": y_val,
        "probs_test": probs(y_test, skill, seed + 1000),
        "y_test": y_test,
    }


def write(path: Path, content: dict[str, Any]) -> Path:
    np.savez(path, **content)
    return path


def imported(name: str, **content: Any) -> AddedModel:
    """Put a model into the pool of the working directory; `content` replaces the usual arrays."""
    write(Path("p.npz"), arrays(seed=sum(map(ord, name))) | content)
    return ensearch.import_predictions("p.npz", name=name, macs=0.39e9)


def world(images: int = 400) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Two seeds of a small network, and two expensive networks, each blind to other classes.

    Where one of the two is blind the other is not, and its confidence shows it: together they
    are right on every image.
    """
    y_val, y_test = labels(images), labels(images, seed=9)
    for name, network, skill, seed in (
        ("small-1", "small", 1.2, 1),
        ("small-2", "small", 1.2, 2),
    ):
        yield (
            name,
            network,
            {
                **{f"probs_{s}": probs(y, skill, seed + len(s)) for s, y in both(y_val, y_test)},
                "y_val": y_val,
                "y_test": y_test,
            },
        )
    for name, seen in (("left", (0, 1)), ("right", (2, 3))):
        content: dict[str, Any] = {"y_val": y_val, "y_test": y_test}
        for split, y in both(y_val, y_test):
            sure = np.isin(y, seen)
            rows = np.full((len(y), CLASSES), 1 / CLASSES)
            rows[sure] = 0.01
            rows[sure, y[sure]] = 0.97
            # Uneven by a hair, and wrong: a blind network never guesses right.
            rows[~sure, (y[~sure] + 1) % CLASSES] += 0.02
            rows[~sure] /= rows[~sure].sum(axis=1, keepdims=True)
            content[f"probs_{split}"] = rows
        yield name, name, content


def both(y_val: Array, y_test: Array) -> list[tuple[str, Array]]:
    return [("val", y_val), ("test", y_test)]
