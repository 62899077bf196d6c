"""Your own images: what fits is read exactly, what does not is refused with advice."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ensearch import datasets
from ensearch.datasets import Source
from ensearch.errors import UnavailableError
from tests.pictures import Arrays, good_arrays, npz_source, pictures


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_become_the_grey_levels_that_they_were(dtype: type, tmp_path: Path) -> None:
    arrays = good_arrays()
    exact = arrays["x_test"].copy()
    arrays |= {key: (arrays[key] / 255).astype(dtype) for key in ("x_train", "x_test")}
    data = datasets.load(npz_source(tmp_path, arrays))
    np.testing.assert_array_equal(np.asarray(data.x_test)[..., 0], exact)


def test_floats_between_two_grey_levels_go_to_the_nearer_one(tmp_path: Path) -> None:
    x = np.full((9, 5, 5), 0.999)  # 254.7 of 255
    x[0, 0, 0] = 0
    data = datasets.load(npz_source(tmp_path, good_arrays() | {"x_test": x}))
    assert set(np.asarray(data.x_test).flat) == {0, 255}


def floats_with(value: float) -> npt.NDArray[np.float64]:
    images = np.full((30, 5, 5), 0.5)
    images[3, 1, 1] = value
    return images


def labels_with(value: float, dtype: type = np.int64) -> npt.NDArray[Any]:
    labels: npt.NDArray[Any] = (np.arange(30) % 3).astype(dtype)
    labels[0] = value
    return labels


ragged = np.empty(30, dtype=object)
ragged[:] = [pictures(1, 5, 5 + i % 2) for i in range(30)]

BAD: dict[str, tuple[Arrays, str]] = {
    "vectors": ({"x_train": pictures(30, 25)}, "N x H x W.*found 30x25"),
    "scalar": ({"x_train": np.uint8(3)}, "found a single number"),
    "no images": ({"x_test": pictures(0, 5, 5)}, "x_test should have at least one image"),
    "no pixels": ({"x_train": pictures(30, 0, 0)}, "at least one image; found 30x0x0"),
    "not square": ({"x_train": pictures(30, 5, 6)}, "square.*found 30x5x6"),
    "channels first": ({"x_train": pictures(30, 3, 5, 5)}, r"transpose\(0, 2, 3, 1\)"),
    "four channels": ({"x_train": pictures(30, 5, 5, 4)}, "1 or 3 channels.*found 30x5x5x4"),
    "sizes": ({"x_test": pictures(9, 6, 6)}, "found 5x5x1 and 6x6x1"),
    "channels": ({"x_test": pictures(9, 5, 5, 3)}, "found 5x5x1 and 5x5x3"),
    "several sizes": ({"x_train": ragged}, "x_train holds Python objects.*resize"),
    "integers": (
        {"x_train": pictures(30, 5, 5).astype(int)},
        r"found int64.*Save x\.astype\(numpy",
    ),
    "16 bits": (
        {"x_train": pictures(30, 5, 5) * np.uint16(9)},
        r"uint16 from 0 to 2295\. .* / 65535",
    ),
    "signed": ({"x_train": pictures(30, 5, 5).astype(np.int16) - 128}, "from -128 to 127. Bring"),
    "booleans": ({"x_train": pictures(30, 5, 5) > 9}, r"found bool\. Save \(255 \* x\)\.astype"),
    "complex": ({"x_train": pictures(30, 5, 5) + 1j}, r"found complex128\. Save the grey levels"),
    "NaN": ({"x_train": floats_with(np.nan)}, "x_train should be finite"),
    "infinity": ({"x_train": floats_with(np.inf)}, "x_train should be finite"),
    "above one": ({"x_train": floats_with(255)}, "in 0 to 1; found 0.5 to 255"),
    "below zero": ({"x_train": floats_with(-1)}, "in 0 to 1; found -1 to 0.5"),
    "float labels": ({"y_train": labels_with(0, np.float64)}, "y_train.*found float64"),
    "text labels": ({"y_train": np.array(["cat"] * 30)}, "y_train.*found <U3"),
    "negative label": ({"y_train": labels_with(-1)}, "start at 0; found -1"),
    "label too large": ({"y_test": np.full(9, 3)}, "y_test should be 0 to 2 .*found 3"),
    "gap": ({"y_train": np.arange(30) % 3 * 2}, "y_train should be 0 to 2 .*found 4"),
    "from 1": ({"y_train": 1 + np.arange(30) % 3}, "found 3.*subtract 1"),
    "only in test": ({"y_test": np.arange(9) % 4}, "y_test should be .*found 3.*leave it out"),
    "huge label": ({"y_train": labels_with(2**63, np.uint64)}, "found 9223372036854775808"),
    "class seen once": ({"y_train": labels_with(3)}, "at least twice.*found 1 of class 3"),
    "unused name": ({"classes": np.array(list("abcd"))}, "found 0 of class 3"),
    "a name twice": ({"classes": np.array(list("aba"))}, "different names; found 'a' 2 times"),
    "too few names": ({"classes": np.array(list("ab"))}, "found 2. Name all 3 classes"),
    "names as objects": ({"classes": np.array(["a", None, "c"])}, "classes holds.*dtype=str"),
    "names as numbers": ({"classes": np.arange(3)}, "classes.*strings; found int64"),
    "one class": ({"y_train": np.zeros(30, int), "y_test": np.zeros(9, int)}, "2 classes; found 1"),
    "lengths": ({"y_train": np.arange(29) % 3}, "a vector of 30; found 29"),
    "label columns": ({"y_train": np.zeros((30, 1), int)}, "a vector of 30; found 30x1"),
}


@pytest.mark.parametrize("case", BAD)
def test_unfit_arrays_are_refused_with_advice(case: str, tmp_path: Path) -> None:
    change, text = BAD[case]
    source = npz_source(tmp_path, good_arrays() | change)
    with pytest.raises(UnavailableError, match=text) as caught:
        datasets.load(source)
    assert str(tmp_path / "data.npz") in str(caught.value)
    assert caught.value.exit_code == 5


def test_missing_arrays_are_named_beside_what_was_found(tmp_path: Path) -> None:
    arrays = good_arrays()
    arrays["images"] = arrays.pop("x_test")
    with pytest.raises(UnavailableError, match=r"found x_train, .*images\. Add x_test\."):
        datasets.load(npz_source(tmp_path, arrays))


def test_other_arrays_are_ignored(tmp_path: Path) -> None:
    extra = {"x_val": np.array([None])}  # not even unpickled
    plain = datasets.load(npz_source(tmp_path, good_arrays()))
    assert datasets.load(npz_source(tmp_path, good_arrays() | extra)).fingerprint == (
        plain.fingerprint
    )


def unreadable_files() -> list[tuple[str, bytes, str]]:
    whole = io.BytesIO()
    np.savez(whole, **good_arrays())
    content = whole.getvalue()
    npy, empty_zip, foreign_zip = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(npy, pictures(3, 5, 5))
    zipfile.ZipFile(empty_zip, "w").close()
    with zipfile.ZipFile(foreign_zip, "w") as file:
        for key in ("x_train", "y_train", "x_test", "y_test"):
            file.writestr(key, "no array")
    changed = bytearray(content)
    changed[content.index(b"NUMPY") + 200] ^= 255
    return [
        ("empty", b"", "not a whole npz file"),
        ("text", b"x_train,y_train\n", "not a whole npz file"),
        ("npy", npy.getvalue(), "not a whole npz file"),
        ("cut", content[: len(content) // 2], "not a whole npz file"),
        ("changed", bytes(changed), "cannot be read.*CRC"),
        ("empty zip", empty_zip.getvalue(), "found none"),
        ("foreign zip", foreign_zip.getvalue(), "is not an array"),
    ]


@pytest.mark.parametrize(("case", "content", "text"), unreadable_files())
def test_file_that_is_no_whole_npz_is_refused(
    case: str, content: bytes, text: str, tmp_path: Path
) -> None:
    path = tmp_path / f"{case}.npz"
    path.write_bytes(content)
    with pytest.raises(UnavailableError, match=text):
        datasets.load(Source(spec=f"npz:{path}", data_dir=tmp_path))


def test_npz_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no such file"):
        datasets.load(Source(spec=f"npz:{tmp_path / 'none.npz'}", data_dir=tmp_path))
    with pytest.raises(UnavailableError, match="cannot be read"):
        datasets.load(Source(spec=f"npz:{tmp_path}", data_dir=tmp_path))


def test_classes_that_test_lacks_are_told(tmp_path: Path) -> None:
    whole = datasets.load(npz_source(tmp_path / "whole", good_arrays()))
    assert whole.notes == ()
    arrays = good_arrays() | {"y_test": np.zeros(9, np.int64), "classes": np.array(["a", "b", "c"])}
    (note,) = datasets.load(npz_source(tmp_path / "part", arrays)).notes
    assert note.endswith("2 of the classes: b, c")


@pytest.mark.parametrize(("most", "told"), [(40, 0), (54, 1)])
def test_a_class_that_most_images_have_is_told(most: int, told: int, tmp_path: Path) -> None:
    """67 % and 90 % of 60 images in two classes are of one."""
    arrays = good_arrays() | {
        "x_train": pictures(60, 5, 5),
        "y_train": (np.arange(60) >= most).astype(np.int64),
        "y_test": np.arange(9) % 2,
    }
    notes = datasets.load(npz_source(tmp_path, arrays)).notes
    assert len(notes) == told
