"""Random pictures, where what they show changes no speed."""

from pathlib import Path

import numpy as np

CLASSES = 10


def write_random(path: Path, images: int, tests: int = 100, pixels: int = 32) -> str:
    """Write colour pictures of `pixels` a side in 10 classes; return the spec of the dataset."""
    rng = np.random.default_rng(0)
    shape = (images + tests, pixels, pixels, 3)
    x = rng.integers(0, 256, shape, dtype=np.uint8)
    y = np.arange(images + tests) % CLASSES
    np.savez(path, x_train=x[:images], y_train=y[:images], x_test=x[images:], y_test=y[images:])
    return f"npz:{path}"
