"""Folders of pictures: layouts, classes, broken files, and what is refused."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensearch.datasets import Stored
from ensearch.errors import UsageError
from tests.folders import (
    difference,
    load,
    photo,
    refused,
    same_images,
    write,
    write_class,
    write_tree,
)

# Layouts


@pytest.mark.parametrize("split", ["val", "test"])
def test_pictures_have_the_labels_of_their_folders(split: str, tmp_path: Path) -> None:
    data = load(write_tree(tmp_path / "pets", split=split))
    assert data.classes == ("cat", "dog")
    # 12 training pictures, of which val takes a third.
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (8, 4, 6)
    assert data.resolution == 30
    assert data.y_test.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.notes == ()
    for number in range(6):
        seed = 100 * (number // 3) + 50 + number % 3
        middle = photo(seed).crop((5, 0, 35, 30))
        assert difference(np.asarray(data.x_test)[number], middle) < 12  # JPEG
    seeds = [seed + number for seed in (0, 100) for number in range(6)]
    labels = dict(zip(seeds, [0] * 6 + [1] * 6, strict=True))
    for x, y in ((data.x_train, data.y_train), (data.x_val, data.y_val)):
        for image, label in zip(np.asarray(x), y, strict=True):
            nearest = min(seeds, key=lambda s: difference(image, photo(s).crop((5, 0, 35, 30))))
            assert labels[nearest] == label


def test_resolution_is_what_is_asked_for_or_that_of_the_pictures(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    assert load(root, suffix="@16").resolution == 16
    large = write_tree(tmp_path / "large")
    for path in large.rglob("*.jpg"):
        write(path, photo(0, 300, 400))
    assert load(large).resolution == 224
    tiny = write_tree(tmp_path / "tiny")
    for path in tiny.rglob("*.jpg"):
        write(path, photo(0, 5, 4))
    assert load(tiny).resolution == 8


@pytest.mark.parametrize("asked", ["@7", "@0", "@1025", "@99999"])
def test_impossible_resolution_names_the_legal_range(asked: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"8 to 1024.*got {asked[1:]}\."):
        load(tmp_path, suffix=asked)


def test_path_may_end_like_a_resolution(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets@20")
    assert load(root, suffix="@16").resolution == 16
    assert load(root, suffix="/").resolution == 30


def test_without_train_a_fixed_fifth_is_test(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_class(tmp_path / "pets" / name, 10)
    data = load(tmp_path / "pets")
    assert (len(data.x_train) + len(data.x_val), len(data.x_test)) == (16, 4)
    assert data.y_test.tolist() == [0, 0, 1, 1]
    assert "no train/" in data.notes[0]
    other = load(tmp_path / "pets", split_seed=3)
    np.testing.assert_array_equal(np.asarray(data.x_test), np.asarray(other.x_test))


def test_val_and_test_together_are_told_apart(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    write_tree(root, held_out=5, split="test")
    data = load(root)
    assert len(data.x_test) == 10
    assert "test/ is the test split, val/ is not used" in data.notes[0]


@pytest.mark.parametrize("folder", ["test", "test/images"])
def test_test_without_labels_is_not_used(folder: str, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    write_class(root / folder, 4)
    assert len(load(root).x_test) == 6


def test_nested_folders_links_and_foreign_files(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    plain = load(root)
    for extra in (".DS_Store", "labels.txt", "train/notes.md", "train/cat/._0.jpg", "val/a.csv"):
        (root / extra).write_text("no picture")
    (root / ".git").mkdir()
    (root / "train" / ".cache").mkdir()
    (root / "train" / "cat" / "here").symlink_to(root / "train" / "cat", True)
    assert load(root).fingerprint == plain.fingerprint
    (root / "train" / "dog" / "more" / "deep").mkdir(parents=True)
    (root / "train" / "dog" / "0.jpg").rename(root / "train" / "dog" / "more" / "deep" / "0.JPEG")
    outside = write(tmp_path / "outside.jpg", photo(7))
    (root / "train" / "dog" / "z.jpg").symlink_to(outside)
    assert len(load(root).y_train) + len(load(root).y_val) == 13
    (tmp_path / "linked").symlink_to(root, True)
    assert len(load(tmp_path / "linked").x_test) == 6


def test_order_of_files_on_disk_does_not_matter(tmp_path: Path) -> None:
    one = load(write_tree(tmp_path / "pets"))
    other = tmp_path / "copy"
    for path in sorted((tmp_path / "pets").rglob("*.jpg"), reverse=True):
        copy = other / path.relative_to(tmp_path / "pets")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    assert load(other).fingerprint == one.fingerprint


def test_names_of_classes_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    before = load(root).fingerprint
    for split in ("train", "val"):
        (root / split / "cat").rename(root / split / "car")
    assert load(root).fingerprint != before
    assert load(root).classes == ("car", "dog")


def test_imagenet_has_its_published_numbers(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    data = load(root, name="imagenet", suffix="@16")
    np.testing.assert_allclose(data.mean / 255, [0.485, 0.456, 0.406])
    np.testing.assert_allclose(data.std / 255, [0.229, 0.224, 0.225])
    whole = load(root, suffix="@16")
    assert data.fingerprint != whole.fingerprint
    assert not same_images(data, whole)  # the middle 7/8
    assert load(root, name="imagenet").resolution == 224


def test_mean_std_and_fingerprint_are_those_of_the_images(tmp_path: Path) -> None:
    data = load(write_tree(tmp_path / "pets"), limit_train=4)
    assert isinstance(data.x_train, Stored)
    x = np.asarray(data.x_train)
    assert x.shape == data.x_train.shape == (4, 30, 30, 3)
    np.testing.assert_allclose(data.mean, x.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(data.std, x.std(axis=(0, 1, 2)), rtol=1e-9)
    np.testing.assert_array_equal(data.x_train[1:3], x[1:3])
    np.testing.assert_array_equal(data.x_train[np.array([3, 0])], x[[3, 0]])
    assert load(tmp_path / "pets", limit_train=4).fingerprint == data.fingerprint
    assert load(tmp_path / "pets", split_seed=1, limit_train=4).fingerprint != data.fingerprint


# What is refused


def test_path_that_is_no_folder(tmp_path: Path) -> None:
    assert "found nothing, seen from" in refused(tmp_path / "none")
    (tmp_path / "file").write_text("")
    assert "found a file" in refused(tmp_path / "file")


def test_layouts_that_are_not_legal_say_what_is_expected(tmp_path: Path) -> None:
    for name in ("empty", "one", "only", "valid", "loose", "deep"):
        (tmp_path / name).mkdir()
    assert "expected PATH/train/CLASS/*" in refused(tmp_path / "empty")
    write_class(tmp_path / "loose", 3)
    assert "0 folders (none)" in refused(tmp_path / "loose")
    write_class(tmp_path / "one" / "cat", 5)
    assert "1 folders (cat) with 5 pictures" in refused(tmp_path / "one")
    write_tree(tmp_path / "deep" / "a")
    write_tree(tmp_path / "deep" / "b")
    assert "2 folders (a, b) with 0 pictures" in refused(tmp_path / "deep")
    write_class(tmp_path / "valid" / "validation" / "cat", 3)
    assert "found validation without train" in refused(tmp_path / "valid")
    for name in ("cat", "dog"):
        write_class(tmp_path / "only" / "train" / name, 3)
    text = refused(tmp_path / "only")
    assert "train/ with cat, dog and no other split" in text
    assert f"folder:{tmp_path / 'only' / 'train'}" in text
    write_class(tmp_path / "only" / "val", 3)
    assert "and val without folders of these names" in refused(tmp_path / "only")


def test_a_folder_too_low_or_too_high_is_answered_with_the_likely_one(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "sets" / "pets")
    for name in ("cat", "dog"):
        write_class(tmp_path / "flat" / name, 3)
    for given, meant in (
        (root / "train" / "cat", root),
        (root / "val" / "dog", root),
        (tmp_path / "flat" / "cat", tmp_path / "flat"),
    ):
        assert f"if it is a class, write folder:{meant}." in refused(given)
    assert f"It holds pets/train: write folder:{root}." in refused(tmp_path / "sets")


def test_classes_that_train_lacks_are_named(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    write_class(root / "val" / "cow", 1)
    assert "1 classes that train/ lacks: cow; train/ has 2: cat, dog" in refused(root)


def test_classes_that_test_lacks_are_noted(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    write_class(root / "train" / "cow", 3)
    assert "test has no image of 1 of the classes: cow" in load(root).notes
    # A fifth of 12 pictures are 2, of the first two classes.
    for name in ("a", "b", "c"):
        write_class(tmp_path / "few" / name, 4)
    data = load(tmp_path / "few")
    absent = data.classes[({0, 1, 2} - set(data.y_test.tolist())).pop()]
    assert f"test has no image of 1 of the classes: {absent}" in data.notes


def test_names_of_classes_are_compared_whatever_their_unicode_form(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    forms = {form: unicodedata.normalize(form, "café") for form in ("NFC", "NFD")}
    (root / "train" / "cat").rename(root / "train" / forms["NFC"])
    (root / "val" / "cat").rename(root / "val" / forms["NFD"])
    data = load(root)
    assert data.classes == (forms["NFC"], "dog")
    assert data.y_test.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.notes == ()
    write_class(root / "train" / forms["NFD"], 2)
    assert "two folders are called café" in unicodedata.normalize("NFC", refused(root))


@pytest.mark.parametrize("count", [0, 1])
def test_class_with_too_few_pictures_is_named(count: int, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    (root / "train" / "cow").mkdir()
    write_class(root / "train" / "cow", count)
    text = refused(root)
    assert "at least 2 pictures of every class" in text
    assert f"cow ({count})" in text


def test_held_out_folder_without_pictures(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets", held_out=0)
    for name in ("cat", "dog"):
        (root / "val" / name).mkdir(parents=True)
    assert "no class has a picture" in refused(root)


def test_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_tree(tmp_path / "pets")
    real = os.scandir

    def deny(path: str) -> object:
        if path.endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", deny)
    assert "dog cannot be listed (Permission denied)" in refused(root)


# Broken files


def break_files(root: Path, names: list[str]) -> None:
    for name in names:
        path = root / name
        path.write_bytes(path.read_bytes()[:300])


def test_one_percent_of_broken_pictures_is_left_out_and_named(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets", train=40, held_out=20)
    whole = load(root)
    break_files(root, ["train/cat/3.jpg"])  # 1 of 120
    data = load(root)
    assert "1 of 120 pictures" in data.notes[0]
    assert "train/cat/3.jpg (" in data.notes[0]
    assert len(data.y_train) + len(data.y_val) == 79
    assert data.fingerprint != whole.fingerprint
    again = load(root)
    assert (again.notes, again.fingerprint) == (data.notes, data.fingerprint)
    assert all(image.any() for image in np.asarray(data.x_train))  # no black ones


def test_more_broken_pictures_are_refused_with_the_whole_list(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets", train=40, held_out=20)
    names = [f"train/dog/{number}.jpg" for number in range(7)]
    break_files(root, names)
    (root / "train" / "dog" / "7.jpg").unlink()
    (root / "train" / "dog" / "7.jpg").symlink_to(root / "none.jpg")
    text = refused(root)
    assert "8 of 120 pictures" in text
    assert "and 3 more" in text
    listed = (tmp_path / "data" / "folders" / "pets.broken.txt").read_text().splitlines()
    assert [line.split(" ")[0] for line in listed] == [*names, "train/dog/7.jpg"]
    assert "No such file" in listed[-1]


def test_class_whose_pictures_are_all_broken_is_named(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets", train=150, held_out=50)
    write_class(root / "train" / "cow", 2)
    write_class(root / "val" / "cow", 1)
    break_files(root, ["train/cow/0.jpg"])
    text = refused(root)
    assert "at least 2 readable pictures" in text
    assert "cow (1)" in text


def test_folder_of_files_that_only_look_like_pictures(tmp_path: Path) -> None:
    for name in ("train/cat", "train/dog", "val/cat"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "pets" / name / f"{number}.png").write_text("no picture")
    assert "none of the pictures looked at can be read" in refused(tmp_path / "pets")


def test_pictures_that_are_grey_throughout_have_three_channels(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    for path in root.rglob("*.jpg"):
        write(path, Image.open(path).convert("L"))
    data = load(root)
    assert data.channels == 3
    x = np.asarray(data.x_train)
    assert (x[..., 0] == x[..., 1]).all()
