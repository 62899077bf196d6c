"""Small data sets of random pictures, written as npz files."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch.datasets import Source

Arrays = dict[str, Any]


def pictures(count: int, *shape: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)


def good_arrays() -> Arrays:
    """30 + 9 grey pictures of 5 x 5 in 3 classes."""
    return {
        "x_train": pictures(30, 5, 5),
        "y_train": np.arange(30) % 3,
        "x_test": pictures(9, 5, 5, seed=1),
        "y_test": np.arange(9) % 3,
    }


def npz_source(folder: Path, arrays: Arrays, **source: Any) -> Source:
    folder.mkdir(exist_ok=True)
    np.savez(folder / "data.npz", **arrays)
    return Source(spec=f"npz:{folder / 'data.npz'}", data_dir=folder, **source)
