"""What predict.py makes of files of arrays that are not whole."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensearch import datasets
from ensearch.exports import _inputs, _predict
from ensearch.exports._inputs import InputError


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """An npz file of pictures, compressed."""
    rng, path = np.random.default_rng(0), tmp_path / "whole.npz"
    np.savez_compressed(path, images=rng.integers(0, 9, (2, 40, 40, 3), np.uint8))
    return path.read_bytes()


@pytest.mark.parametrize("kept", [0, 10, 500, -5])
def test_an_npz_file_that_was_cut_is_refused_by_its_name(
    whole: bytes, tmp_path: Path, kept: int
) -> None:
    (tmp_path / "cut.npz").write_bytes(whole[:kept])
    with pytest.raises(InputError, match=r"cut\.npz cannot be read"):
        _inputs.sources([tmp_path / "cut.npz"], {"channels": 3})


def test_an_npz_file_with_a_changed_byte_is_refused_by_its_name(
    whole: bytes, tmp_path: Path
) -> None:
    for place in (60, 100, 500):  # of the header, and of what is compressed
        changed = bytearray(whole)
        changed[place] ^= 255
        (tmp_path / "changed.npz").write_bytes(changed)
        with pytest.raises(InputError, match=r"changed\.npz cannot be read"):
            _inputs.sources([tmp_path / "changed.npz"], {"channels": 3})


def test_an_npz_file_of_several_arrays_must_call_one_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", first=np.zeros(2), second=np.zeros(2))
    with pytest.raises(InputError, match="call one 'images'"):
        _inputs.sources([tmp_path / "two.npz"], {"channels": 3})


def test_an_npz_file_of_nothing_is_refused_by_its_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "none.npz")
    with pytest.raises(InputError, match=r"none\.npz has nothing: call one 'images'"):
        _inputs.sources([tmp_path / "none.npz"], {"channels": 3})


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (np.full((2, 4, 4, 3), 255, np.float32), "float32 from 255 to 255"),
        (np.full((2, 4, 4, 3), np.nan, np.float32), "float32 from nan to nan"),
        (np.full((2, 4, 4, 3), 3), "int64"),
    ],
)
def test_images_that_cannot_be_read_are_told(images: _inputs.Array, found: str) -> None:
    with pytest.raises(InputError) as caught:
        _inputs.as_pixels(images, {"channels": 3}, "x.npy")
    assert str(caught.value) == f"x.npy: expected bytes, or floats from 0 to 1; found {found}."


def test_floats_from_0_to_1_become_bytes() -> None:
    images = np.linspace(0, 1, 4 * 4 * 3).reshape(1, 4, 4, 3)
    pixels = _inputs.as_pixels(images, {"channels": 3}, "x.npy")
    assert (str(pixels.dtype), pixels.max()) == ("uint8", 255)
    none = _inputs.as_pixels(images[:0], {"channels": 3}, "x.npy")
    assert (str(none.dtype), none.shape) == ("uint8", (0, 4, 4, 3))


def test_floats_of_a_small_range_are_read_as_they_were_to_train(tmp_path: Path) -> None:
    """Divided by 255 twice: what they use is spread over all grey levels."""
    rng = np.random.default_rng(0)
    arrays = {
        f"x_{split}": rng.integers(0, 256, (count, 8, 8, 1)) / 255**2
        for split, count in (("train", 60), ("test", 20))
    }
    labels = {f"y_{key[2:]}": np.arange(len(x)) % 2 for key, x in arrays.items()}
    np.savez(tmp_path / "small.npz", allow_pickle=False, **arrays, **labels)
    source = datasets.Source(spec=f"npz:{tmp_path / 'small.npz'}", data_dir=tmp_path)
    dataset = datasets.load(source)
    assert dataset.spread is not None
    inputs = {"channels": 1, "spread": list(dataset.spread)}
    found = _inputs.as_pixels(arrays["x_test"], inputs, "x_test")
    np.testing.assert_array_equal(found, dataset.x_test)


def test_pictures_of_sixteen_bits_are_read_as_they_were_to_train(tmp_path: Path) -> None:
    """A camera has 12 bits: the upper 8 of 16 would be nearly black."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("val", 5)):
        for name in ("a", "b"):
            (tmp_path / "p" / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 4096, (16, 16)).astype(np.uint16)
                Image.fromarray(pixels).save(tmp_path / "p" / split / name / f"{number}.png")
    spec = f"folder:{tmp_path / 'p'}@16"
    dataset = datasets.load(datasets.Source(spec=spec, data_dir=tmp_path))
    assert dataset.spread is not None
    inputs = {"channels": 3, "resolution": 16, "crop": 1.0, "spread": list(dataset.spread)}
    files = sorted((tmp_path / "p" / "val").rglob("*.png"), key=str)
    found = [_inputs.read(file, {"input": inputs}) for file in files]
    np.testing.assert_array_equal(found, dataset.x_test)


def test_without_onnx_runtime_its_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    with pytest.raises(InputError, match="needs onnxruntime"):
        _predict.by_onnx(tmp_path / "model.onnx", one_by_one=False)


def test_a_folder_that_is_no_export_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{tmp_path.name} holds no exported model"):
        _predict.settings(tmp_path)
    (tmp_path / "config.json").write_text("3")
    with pytest.raises(InputError, match=rf"{tmp_path.name} holds no exported model"):
        _predict.settings(tmp_path)


def test_a_folder_without_pictures_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match=f"{tmp_path.name} has no pictures"):
        _inputs.sources([tmp_path], {"channels": 3})
