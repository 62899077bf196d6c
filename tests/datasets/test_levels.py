"""Grey levels that would be thrown away, constant images, and splits that are not scaled alike."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ensearch import datasets
from ensearch.datasets import Dataset, _cache, _listing, _sixteen
from ensearch.errors import UnavailableError
from tests.folders import load, refused, write, write_tree
from tests.pictures import good_arrays, npz_source, pictures


def floats(tmp_path: Path, **changes: Any) -> Dataset:
    return datasets.load(npz_source(tmp_path, good_arrays() | changes))


def scaled(count: int, times: float, seed: int = 0) -> npt.NDArray[np.float32]:
    levels = pictures(count, 5, 5, seed=seed)
    levels[0, 0, :2] = 0, 255
    return (levels / 255 * times).astype(np.float32)


# Floats


def test_floats_of_a_small_range_are_spread_over_all_levels(tmp_path: Path) -> None:
    data = floats(tmp_path, x_train=scaled(30, 1 / 255), x_test=scaled(9, 1 / 255, 1))
    whole = floats(tmp_path, x_train=scaled(30, 1), x_test=scaled(9, 1, 1))
    for split in ("x_train", "x_val", "x_test"):
        np.testing.assert_array_equal(getattr(data, split), getattr(whole, split))
    (note,) = data.notes
    assert "x_train uses 0 to 0.003922 of 0 to 1, x_test 0 to 0.003922" in note
    assert "is spread over the 256 grey levels" in note
    assert (data.otherwise, whole.otherwise) == ("spread no range of floats", "")
    assert whole.notes == ()


def test_floats_of_more_than_a_quarter_are_read_as_they_were(tmp_path: Path) -> None:
    data = floats(tmp_path, x_train=scaled(30, 0.3), x_test=scaled(9, 0.3, 1))
    np.testing.assert_array_equal(data.x_test, np.rint(scaled(9, 0.3, 1) * 255)[..., None])
    assert (data.notes, data.otherwise) == ((), "")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (scaled(30, 1), scaled(9, 1 / 255)),
        (scaled(30, 1 / 255), scaled(9, 1)),
        (pictures(30, 5, 5), scaled(9, 1 / 255)),
        (scaled(30, 1 / 255), pictures(9, 5, 5)),
    ],
)
def test_floats_that_are_not_scaled_alike_are_refused(
    train: npt.NDArray[Any], test: npt.NDArray[Any], tmp_path: Path
) -> None:
    with pytest.raises(UnavailableError, match="they were not scaled alike"):
        floats(tmp_path, x_train=train, x_test=test)


def test_a_small_range_beside_bytes_is_refused(tmp_path: Path) -> None:
    dark = pictures(9, 5, 5) // 8
    with pytest.raises(UnavailableError, match=r"and x_test is uint8\. Save both"):
        floats(tmp_path, x_train=scaled(30, 0.1), x_test=dark)


# Bytes


def test_images_of_one_value_are_refused(tmp_path: Path) -> None:
    for key, count in (("x_train", 30), ("x_test", 9)):
        with pytest.raises(UnavailableError, match=f"all pixels of the {key[2:]} images are 7 of"):
            floats(tmp_path, **{key: np.full((count, 5, 5), 7, np.uint8)})


def test_some_images_of_one_colour_are_counted_and_named(tmp_path: Path) -> None:
    x = pictures(9, 5, 5, 3)
    x[[2, 5]] = (1, 2, 3)
    data = floats(tmp_path, x_train=pictures(30, 5, 5, 3, seed=1), x_test=x)
    assert data.notes == ("2 of 9 test images show one colour alone: test[2], test[5]",)


def test_few_levels_and_splits_that_are_unlike_are_noted(tmp_path: Path) -> None:
    data = floats(tmp_path, x_train=pictures(30, 5, 5) // 16, x_test=pictures(9, 5, 5, seed=1))
    assert data.notes[0].startswith("train images use the grey levels 0 to 15 of 0 to 255")
    assert "were both scaled alike?" in data.notes[1]
    alike = floats(tmp_path, x_train=pictures(30, 5, 5), x_test=pictures(9, 5, 5, seed=1) // 4 * 3)
    assert alike.notes == ()


def test_colourless_pictures_of_a_folder_are_counted(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    write(root / "val" / "cat" / "flat.png", Image.new("RGB", (40, 30), (9, 99, 199)))
    assert "1 of 7 test images show one colour alone: val/cat/flat.png" in load(root).notes


# Pictures of 16 bits


def deep_tree(root: Path, largest: int, of_test: int | None = None, offset: int = 0) -> Path:
    """Grey PNG files of 16 bits, from `offset` to `largest`."""
    for split, count, high in (("train", 6, largest), ("val", 3, of_test or largest)):
        for label, name in enumerate(("cat", "dog")):
            for number in range(count):
                random = np.random.default_rng([label, number, split == "val"])
                levels = random.integers(offset, high + 1, (10, 10)).astype(np.uint16)
                levels[0, 0], levels[0, 1] = offset, high
                folder = root / split / name
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(levels).save(folder / f"{number}.png")
    return root


@pytest.mark.parametrize(("low", "high"), [(0, 200), (0, 4095), (30_000, 34_000)])
def test_a_small_range_of_16_bits_is_spread_over_all_levels(
    low: int, high: int, tmp_path: Path
) -> None:
    root = deep_tree(tmp_path / "scans", high, offset=low)
    data = load(root)
    x = np.asarray(data.x_train)
    assert (x.min(), x.max()) == (0, 255)
    assert len(np.unique(x)) > min(150, high - low)
    levels = np.asarray(Image.open(root / "val" / "cat" / "0.png")).astype(float)
    expected = np.rint((levels - low) / (high - low) * 255)
    np.testing.assert_array_equal(np.asarray(data.x_test)[0, ..., 0], expected)
    (note,) = data.notes
    assert f"18 of the 18 pictures looked at have 16 bits, and train uses {low:,} to" in note
    assert "is spread over the 256 grey levels" in note
    assert data.otherwise == "read the upper 8 of 16 bits"


def test_a_large_range_of_16_bits_is_read_as_it_was(tmp_path: Path) -> None:
    root = deep_tree(tmp_path / "scans", 40_000)
    data = load(root)
    levels = np.asarray(Image.open(root / "val" / "dog" / "2.png"))
    np.testing.assert_array_equal(np.asarray(data.x_test)[5, ..., 0], levels >> 8)
    assert "the upper 8 of the bits are read" in data.notes[0]
    assert data.otherwise == ""


def test_16_bits_that_are_not_scaled_alike_are_refused(tmp_path: Path) -> None:
    text = refused(deep_tree(tmp_path / "scans", 60_000, of_test=255))
    assert "train uses 0 to 60,000 of 0 to 65,535, test 0 to 255: they were not scaled" in text


def test_16_bits_in_one_split_alone_are_noted(tmp_path: Path) -> None:
    root = deep_tree(tmp_path / "scans", 60_000)
    for path in (root / "val").rglob("*.png"):
        Image.fromarray((np.asarray(Image.open(path)) >> 8).astype(np.uint8)).save(path)
    assert "train has pictures of 16 bits, test of 8: were both saved alike?" in load(root).notes


@pytest.mark.parametrize(("deep", "other"), [("train", "test"), ("test", "train")])
def test_a_small_range_of_16_bits_beside_pictures_of_8_is_refused(
    deep: str, other: str, tmp_path: Path
) -> None:
    root = deep_tree(tmp_path / "scans", 255)
    for path in (root / other.replace("test", "val")).rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path)).astype(np.uint8)).save(path)
    text = refused(root)
    assert f"{deep} has pictures of 16 bits that use 0 to 255 of 0 to 65,535, and {other}" in text


def test_what_is_seen_of_16_bits_is_kept_and_seen_again_when_a_picture_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = deep_tree(tmp_path / "scans", 4095)
    before = load(root)
    looked: list[int] = []
    real = _sixteen._look_at

    def look_at(listing: _listing.Listing, files: list[str]) -> _sixteen.Looked:
        looked.append(len(files))
        return real(listing, files)

    monkeypatch.setattr(_sixteen, "_look_at", look_at)
    assert load(root).fingerprint == before.fingerprint
    assert looked == []
    Image.fromarray(np.full((10, 10), 9000, np.uint16)).save(root / "train" / "cat" / "0.png")
    after = load(root)
    assert looked == [12, 6]
    assert after.fingerprint != before.fingerprint
    assert "train uses 0 to 9,000" in after.notes[0]


def test_caches_of_pictures_that_are_read_as_they_were_stay(tmp_path: Path) -> None:
    contents = _cache.Contents(root=tmp_path, files=(), key="k", resolution=8, share=1.0)
    before = {"format": 1, "files": "k", "resolution": 8, "share": 1.0}  # of earlier versions
    assert contents.about == before
