"""What counts as a picture, what does not, and that nothing is left out unseen."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from ensearch import datasets
from ensearch.datasets import Source
from ensearch.datasets._left_out import SUFFIXES
from tests.folders import load, photo, refused, write, write_class, write_tree


@pytest.mark.parametrize(
    ("suffix", "format_of_file"),
    [("jfif", "JPEG"), ("JPE", "JPEG"), ("avif", "AVIF"), ("jp2", "JPEG2000"), ("tga", "TGA")],
)
def test_pictures_of_every_suffix_are_read(
    suffix: str, format_of_file: str, tmp_path: Path
) -> None:
    if format_of_file == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    root = write_tree(tmp_path / "pets")
    for number in range(9):
        write(
            root / "train" / "cat" / f"x{number}.{suffix}",
            photo(900 + number),
            format=format_of_file,
        )
    data = load(root)
    assert len(data.y_train) + len(data.y_val) == 12 + 9
    assert data.notes == ()
    assert data.otherwise == f"left out 9 pictures (.{suffix.lower()} 9)"


def test_suffixes_are_those_of_formats_that_pillow_reads() -> None:
    Image.init()
    known = Image.registered_extensions()
    opened = {suffix for suffix, kind in known.items() if kind in {*Image.OPEN, "MPO"}}
    assert {*SUFFIXES} - {".avif"} <= opened  # which needs a library


@pytest.mark.parametrize(
    "folder", ["@eaDir", "__MACOSX", ".thumbnails", "#recycle", "$RECYCLE.BIN", "lost+found"]
)
def test_folders_that_programs_leave_hold_no_pictures(folder: str, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    plain = load(root)
    # Thumbnails of training pictures, beside them and beside the classes.
    for place in ("train", "val", "train/cat"):
        shutil.copytree(root / "train" / "cat", root / place / folder / "cat")
    data = load(root)
    assert (data.fingerprint, data.classes) == (plain.fingerprint, plain.classes)
    (note,) = data.notes
    assert note.startswith(f"18 files of {root} are left out")
    assert f"({folder}/ 18: 6 in train, 6 in train/cat, 6 in val)" in note
    hidden = folder.startswith(".")
    assert data.otherwise == ("" if hidden else "read 18 files in folders that programs left")


def test_note_says_how_many_files_are_left_out_why_and_where(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    for name in ("train/cat/a.heic", "train/cat/b.HEIC", "train/dog/c.heic", "val/dog/list"):
        (root / name).write_text("no picture that is read")
    for name in ("train/cat/._0.jpg", "train/dog/.DS_Store", "labels.csv"):
        (root / name).write_text("no picture")
    write(root / "train" / "loose.jpg", photo(0))
    write(root / "train" / "dog" / "@eaDir" / "0.jpg", photo(1))
    (note,) = load(root).notes
    assert note == (
        f"9 files of {root} are left out: 4 are of kinds that are not read (.heic 3: 2 in "
        "train/cat, 1 in train/dog; no suffix 1 in val/dog), 1 lies in a folder that a program "
        "left (@eaDir/ 1 in train/dog), 2 are hidden (.DS_Store 1 in train/dog; ._* 1 in "
        "train/cat), 2 lie in no class folder (.csv 1 in the folder itself; .jpg 1 in train)"
    )


def test_folder_without_train_names_pictures_that_lie_too_deep_or_too_high(tmp_path: Path) -> None:
    root = tmp_path / "pets"
    for label, name in enumerate(("cat", "dog", "@eaDir")):
        write_class(root / name, 5, 100 * label)
    write_class(root / "cat" / "more", 2, 900)
    write(root / "loose.jpg", photo(0))
    data = load(root)
    assert data.classes == ("cat", "dog")
    assert "5 lie in folders that programs left (@eaDir/ 5 in the folder itself)" in data.notes[1]
    assert "1 lies in no class folder (.jpg 1 in the folder itself)" in data.notes[1]
    assert "2 lie in folders within classes (more/ 2 in cat)" in data.notes[1]


def test_splits_that_are_not_read_are_named(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    write_class(root / "test" / "images", 2)
    write_class(root / "extra" / "cat", 2)
    assert load(root).notes == (f"of {root} train/ and val/ are read, and no others: extra, test",)


def test_refusal_says_what_is_left_out(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    for path in (root / "train" / "dog").iterdir():
        path.rename(path.with_suffix(".heic"))
    text = refused(root)
    assert "fewer of dog (0)" in text
    assert f"6 files of {root} are left out: 6 are of kinds that are not read (.heic" in text


# Fingerprints


def test_folder_whose_reading_is_what_it_was_keeps_its_fingerprint(tmp_path: Path) -> None:
    levels = np.arange(8 * 8 * 3).reshape(8, 8, 3)
    root = tmp_path / "pets"
    for split, count in (("train", 4), ("val", 2)):
        for label, name in enumerate(("cat", "dog")):
            for number in range(count):
                image = levels * (7 + number) + 100 * label + 50 * (split == "val")
                picture = Image.fromarray((image % 256).astype(np.uint8))
                write(root / split / name / f"{number}.png", picture)
    for name in ("labels.txt", "train/notes.md", "train/cat/.DS_Store", "val/dog/a.csv"):
        (root / name).write_text("no picture")
    data = load(root)
    assert data.fingerprint == "fdda573df1996ad6"  # of studies that began before notes said so
    assert data.otherwise == ""


# Copies


def test_copies_between_splits_are_counted_and_named(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    shutil.copy(root / "train" / "cat" / "0.jpg", root / "train" / "cat" / "0 (1).jpg")
    shutil.copy(root / "train" / "cat" / "1.jpg", root / "val" / "dog" / "copy.jpg")
    notes = [load(root, split_seed=seed).notes for seed in range(8)]
    for of_split in notes:
        assert of_split[-1] == (
            "1 of 7 test images are also in train or val, pixel by pixel, 1 of them with another "
            "label, so that accuracies on test mislead: val/dog/copy.jpg = train/cat/1.jpg"
        )
    # Which of the two is in val depends on the seed; where both train there is nothing to say.
    of_val = {of_split[0] for of_split in notes if len(of_split) == 2}
    assert of_val <= {
        "1 of 4 val images are also in train, pixel by pixel, so that accuracies on val mislead: "
        f"train/cat/{one}.jpg = train/cat/{other}.jpg"
        for one, other in (("0", "0 (1)"), ("0 (1)", "0"))
    }
    assert of_val


def test_copies_in_arrays_are_named_by_their_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (30, 5, 5)).astype(np.uint8)
    np.savez(
        tmp_path / "a.npz", x_train=x, y_train=np.arange(30) % 3, x_test=x[[7, 8]], y_test=[1, 2]
    )
    data = datasets.load(Source(spec=f"npz:{tmp_path / 'a.npz'}", data_dir=tmp_path))
    assert "2 of 2 test images are also in train or val" in data.notes[-1]
    assert "test[0] = train[7], test[1] = train[8]" in data.notes[-1]
