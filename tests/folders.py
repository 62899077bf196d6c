"""Small folders of pictures, as users have them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ensearch import datasets
from ensearch.datasets import Dataset, Source
from ensearch.errors import UnavailableError


def photo(seed: int, width: int = 40, height: int = 30) -> Image.Image:
    """A smooth colour picture, as JPEG likes them: a few blobs."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def write(path: Path, picture: Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


def write_class(folder: Path, count: int, first: int = 0) -> None:
    """`count` JPEG files."""
    for number in range(count):
        write(folder / f"{number}.jpg", photo(first + number))


def write_tree(root: Path, train: int = 6, held_out: int = 3, split: str = "val") -> Path:
    """train/ and val/ with classes cat and dog."""
    for label, name in enumerate(("cat", "dog")):
        write_class(root / "train" / name, train, 100 * label)
        write_class(root / split / name, held_out, 100 * label + 50)
    return root


def source(root: Path, name: str = "folder", suffix: str = "", **rest: Any) -> Source:
    """`folder:ROOT` with its images kept beside it."""
    data_dir = root.parent / "data"
    return Source(spec=f"{name}:{root}{suffix}", data_dir=data_dir, **rest)


def difference(one: npt.ArrayLike | Image.Image, other: npt.ArrayLike | Image.Image) -> float:
    """Mean difference of two images in grey levels."""
    levels = [np.asarray(image).astype(float) for image in (one, other)]
    return float(np.abs(levels[0] - levels[1]).mean())


def load(root: Path, **how: object) -> Dataset:
    return datasets.load(source(root, **how))  # type: ignore[arg-type]


def refused(root: Path) -> str:
    with pytest.raises(UnavailableError) as caught:
        load(root)
    assert caught.value.exit_code == 5
    assert str(root) in str(caught.value)
    return str(caught.value)


def same_images(one: Dataset, other: Dataset) -> bool:
    pairs = ((one.x_train, other.x_train), (one.x_val, other.x_val), (one.x_test, other.x_test))
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)
