"""Predictions of models that nobody trained, for tests of the pool."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


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
    """Of a file: probabilities and labels of val and of test."""
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
