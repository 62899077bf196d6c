"""Which images judge models that exist, and the file that hands them out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensearch import datasets
from ensearch.datasets import Dataset, Source, Stored
from ensearch.datasets import _export as export
from ensearch.datasets import _held_out as held_out
from ensearch.errors import UnavailableError, UsageError
from ensearch.seeds import derive
from ensearch.store import Store
from ensearch.study import study
from tests import folders, models
from tests.command_line import DB, ensearch, listed

DIGITS = Source(spec="digits", data_dir=Path("data"), split_seed=derive(0, "split"))


def rows(images: Any) -> list[bytes]:
    return [image.tobytes() for image in np.asarray(images)]


def check_halves(dataset: Dataset, found: Dataset) -> None:
    """Every held-out image in one half, with its label; of every class half, or one more."""
    pairs = sorted(zip(rows(dataset.x_test), dataset.y_test.tolist(), strict=True))
    split = [*zip(rows(found.x_val), found.y_val.tolist(), strict=True)]
    split += zip(rows(found.x_test), found.y_test.tolist(), strict=True)
    assert sorted(split) == pairs
    sizes = [np.bincount(y, minlength=len(dataset.classes)) for y in (found.y_val, found.y_test)]
    assert np.abs(sizes[0] - sizes[1]).max() <= 2
    assert min(sizes[0].min(), sizes[1].min()) >= 1
    assert len(found.y_val) == len(dataset.y_test) // 2


def test_held_out_images_are_halved_by_the_seed() -> None:
    dataset = datasets.load(DIGITS)
    found = held_out.halved(dataset, 0)
    check_halves(dataset, found)
    assert found.x_train is dataset.x_train
    assert np.array_equal(found.y_val, held_out.halved(dataset, 0).y_val)
    other = held_out.halved(dataset, 1)
    assert len({dataset.fingerprint, found.fingerprint, other.fingerprint}) == 3
    of = [study.labels_of(one)[s] for one in (dataset, found, other) for s in ("val", "test")]
    assert len({labels.fingerprint for labels in of}) == 6


def test_images_in_a_file_stay_there(tmp_path: Path) -> None:
    dataset = datasets.load(folders.source(folders.write_tree(tmp_path / "tree", held_out=5)))
    found = held_out.halved(dataset, 0)
    assert isinstance(found.x_val, Stored)
    assert isinstance(dataset.x_test, Stored)
    assert found.x_val.pixels is dataset.x_test.pixels
    check_halves(dataset, found)


def test_a_class_with_one_held_out_image_cannot_be_halved(tmp_path: Path) -> None:
    dataset = datasets.load(folders.source(folders.write_tree(tmp_path / "tree", held_out=1)))
    with pytest.raises(UnavailableError, match=r"found one of class .cat. \(2 such"):
        held_out.halved(dataset, 0)
    with pytest.raises(UsageError, match="must be held-out or study; got 'test'"):
        held_out.check("test")


def test_the_file_holds_the_images_in_order(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(export, "_CHUNK", 1000)  # many parts
    dataset = datasets.load(folders.source(folders.write_tree(tmp_path / "tree")))
    for found in (dataset, datasets.load(DIGITS)):
        path = tmp_path / f"{len(found.y_test)}.npz"
        export.write(path, found)
        with np.load(path, allow_pickle=False) as content:
            assert sorted(content.files) == ["classes", "x_test", "x_val", "y_test", "y_val"]
            for name in ("x_val", "y_val", "x_test", "y_test"):
                expected = np.asarray(getattr(found, name))
                assert content[name].dtype == expected.dtype
                assert np.array_equal(content[name], expected)
            assert content["classes"].tolist() == list(found.classes)
        with pytest.raises(UsageError, match="is there already, and is not overwritten"):
            export.write(path, found)
    with pytest.raises(UsageError, match="there is no folder"):
        export.check(tmp_path / "none" / "a.npz")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("choose_on", ["held-out", "study"])
def test_all_other_images_are_there_to_train_on(folder: Path, choose_on: str) -> None:
    line = f"pool images --dataset digits --choose-on {choose_on}"
    plain = ensearch(f"{line} --out plain.npz")
    dataset = datasets.load(DIGITS)
    others = [(dataset.x_train, dataset.y_train)]
    if choose_on == "held-out":
        others.append((dataset.x_val, dataset.y_val))
    count = sum(len(y) for _, y in others)
    assert f"--train adds the {count:,} images to train on" in plain.stderr
    result = ensearch(f"{line} --out images.npz --train")
    assert f"x_train {count:,} x 8 x 8 x 1 uint8, y_train" in result.stderr
    with np.load("images.npz") as found:
        assert np.array_equal(found["x_train"], np.concatenate([x for x, _ in others]))
        assert np.array_equal(found["y_train"], np.concatenate([y for _, y in others]))
        every = [image for split in ("train", "val", "test") for image in rows(found[f"x_{split}"])]
    whole = (dataset.x_train, dataset.x_val, dataset.x_test)
    assert sorted(every) == sorted(image for images in whole for image in rows(images))


def test_handed_out_images_are_predicted_elsewhere_and_imported(folder: Path) -> None:
    result = ensearch("pool images --dataset digits --out images.npz")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "images.npz\n"
    assert "probs_val or logits_val" in result.stderr
    assert "halves of the 359 held-out images of digits (seed 0)" in result.stderr
    again = ensearch("pool images --dataset digits --out images.npz")
    assert again.exit_code == 2
    assert "not overwritten" in again.stderr
    with np.load("images.npz") as found:
        y = {split: found[f"y_{split}"] for split in ("val", "test")}
        content = {f"y_{split}": y[split] for split in y} | {"classes": found["classes"]}
    for seed, split in enumerate(y):
        content[f"probs_{split}"] = models.probs(y[split], 3.0, seed, classes=10)
    models.write(Path("p.npz"), content)
    result = ensearch("pool import p.npz --name mine --macs 1M")
    assert result.stderr.count("labels that the storage knows already") == 2
    assert "already: digits, held-out images halved with seed 0" in result.stderr
    assert "has seen val" not in result.stderr
    dataset = datasets.load(DIGITS)
    labels = study.labels_of(held_out.halved(dataset, 0))
    (row,) = listed()
    assert not row["may_have_seen_val"]
    assert row["data"] == "digits, held-out images halved with seed 0"
    assert row["labels"] == {split: one.fingerprint for split, one in labels.items()}
    # `confirm` of a study of these images says that half of its test has chosen.
    with Store.open(DB, create=False) as store:
        whole = study.labels_of(dataset)["test"].fingerprint
        assert len(store.record_use_of_test(whole, "another command")) == 1
    # They are known as these images still when a first import was wrong and is taken away.
    ensearch("pool remove mine")
    result = ensearch("pool import p.npz --name mine --macs 1M")
    assert result.stderr.count("labels that the storage knows already") == 2
