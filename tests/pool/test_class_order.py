"""Columns in another order than the classes are noticed, and put in order where it is said."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import ensearch
from ensearch.errors import UsageError
from ensearch.pool import class_order, inference, prediction_file
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from tests import models
from tests.command_line import DB
from tests.command_line import ensearch as typed

NAMES = ("0", "1", "10", "11", "2")  # in plain order


@pytest.mark.parametrize(
    ("names", "natural"),
    [
        (("0", "1", "10", "2"), ("0", "1", "2", "10")),
        (("Dog", "ant", "cat"), ("ant", "cat", "Dog")),
        (("a1b10", "a1b9", "a01"), ("a01", "a1b9", "a1b10")),
    ],
)
def test_natural_order_is_that_of_numbers_and_without_case(
    names: tuple[str, ...], natural: tuple[str, ...]
) -> None:
    # timm.data.readers.reader_image_folder sorts by this key.
    from timm.utils.misc import natural_key

    assert tuple(sorted(names, key=natural_key)) == natural
    where = class_order.columns(names, "natural")
    assert [names[label] for label in np.argsort(where)] == list(natural)
    assert [natural[column] for column in where] == list(names)
    assert class_order.difference(natural) == ""
    assert ", ".join(natural) in class_order.difference(names)


def labels_of(values: npt.NDArray[Any], names: tuple[str, ...]) -> dict[str, SplitLabels]:
    return {"val": SplitLabels(values=values, count=5, classes=names)}


def doubt(y: npt.NDArray[Any], probs: npt.NDArray[Any], names: tuple[str, ...]) -> tuple[str, str]:
    predicted, _ = prediction_file.checked({"probs_val": probs, "y_val": y})
    return class_order.doubt("B0", predicted, labels_of(y, names))


def in_natural_order(probs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return probs[:, np.argsort(class_order.columns(NAMES, "natural"))]


def test_another_order_that_is_right_far_more_often_is_found() -> None:
    y = models.labels(200, 5)
    probs = models.probs(y, 4.0, 0, 5)
    assert doubt(y, probs, NAMES) == ("", "")
    says, order = doubt(y, in_natural_order(probs), NAMES)
    assert order == "natural"
    assert "natural order of the names of classes (0, 1, 2, 10, 11)" in says
    for names in (NAMES, ()):  # in no order that has a name
        says, order = doubt(y, probs[:, [1, 0, 2, 4, 3]], names)
        assert "another order: column 0 should be that of label 0" in says
        assert order == ""


@pytest.mark.parametrize(("images", "classes"), [(9, 3), (40, 4), (400, 4), (300, 100)])
def test_poor_models_are_not_taken_for_permuted_ones(images: int, classes: int) -> None:
    names = tuple(sorted(map(str, range(classes))))
    for seed in range(50):
        y = models.labels(images, classes, seed)
        probs = models.probs(y, 0.3 * (seed % 3), seed, classes)
        predicted, _ = prediction_file.checked({"probs_val": probs, "y_val": y})
        labels = {"val": SplitLabels(values=y, count=classes, classes=names)}
        assert class_order.doubt("B0", predicted, labels) == ("", "")


def test_a_model_that_leans_to_a_wrong_label_by_a_hair_is_not_taken_for_a_permuted_one() -> None:
    for name, _, content in models.world():
        predicted, _ = prediction_file.checked(content)
        labels = {s: SplitLabels(values=p.labels, count=4) for s, p in predicted.items()}
        assert class_order.doubt(name, predicted, labels) == ("", "")


def test_accuracies_of_test_are_not_said() -> None:
    y = models.labels(200, 5)
    content = {"probs_test": in_natural_order(models.probs(y, 4.0, 0, 5)), "y_test": y}
    predicted, _ = prediction_file.checked(content)
    says, _ = class_order.doubt("B0", predicted, {"test": labels_of(y, NAMES)["val"]})
    assert says.startswith("B0 is right on test far more often with its columns in natural order")
    assert "%" not in says


def test_an_order_that_happens_to_be_better_is_not_taken_for_the_right_one() -> None:
    names = tuple(sorted(map(str, range(12))))
    y = models.labels(300, 12)
    probs = models.probs(y, 4.0, 0, 12)
    order = np.argsort(class_order.columns(names, "natural"))
    rest = [0, 1, 6, 7, 8, 9, 10, 11]
    order[rest] = np.roll(order[rest], 1)  # natural order is right of 4 classes, this one of all
    predicted, _ = prediction_file.checked({"probs_val": probs[:, order], "y_val": y})
    labels = {"val": SplitLabels(values=y, count=12, classes=names)}
    says, better = class_order.doubt("B0", predicted, labels)
    assert ("with its columns in another order" in says, better) == (True, "")


def test_test_alone_in_another_order_is_found() -> None:
    y = models.labels(200, 5)
    probs = models.probs(y, 4.0, 0, 5)
    content = {"probs_val": probs, "probs_test": in_natural_order(probs[::-1]), "y_val": y}
    predicted, _ = prediction_file.checked(content | {"y_test": y[::-1]})
    labels = labels_of(y, NAMES) | {"test": labels_of(y[::-1], NAMES)["val"]}
    says, order = class_order.doubt("B0", predicted, labels)
    assert (says.endswith("; on val it is not"), "%" in says, order) == (True, False, "")


def write_known(folder: Path) -> npt.NDArray[Any]:
    """A storage that knows the labels of a dataset with names of classes, and y_val."""
    y = np.arange(100) % 5
    x = np.random.default_rng(0).integers(0, 9, (100, 4, 4)) + 50 * y[:, None, None]
    x = x.astype(np.uint8)
    np.savez(
        "images.npz",
        x_train=x,
        y_train=y,
        x_test=255 - x,
        y_test=y,
        classes=np.array(NAMES),
    )
    said = typed("pool images --dataset npz:images.npz --out out.npz").stderr
    assert "classes are in the order 0, 1, 10, 11, 2, and not in natural order" in said
    with np.load("out.npz") as written:
        return np.asarray(written["y_val"])


def test_import_takes_the_order_that_is_said(folder: Path) -> None:
    y = write_known(folder)
    probs = models.probs(y, 4.0, 0, 5)
    models.write(Path("p.npz"), {"probs_val": in_natural_order(probs), "y_val": y})
    command = "pool import p.npz --macs 1M"
    refused = typed(f"{command} --name B0")
    assert refused.exit_code == 2
    assert "Add --class-order natural, or --class-order dataset to take" in refused.stderr
    right = f"{(probs.argmax(axis=1) == y).mean():.2%} right on val"
    assert right in typed(f"{command} --name B0 --class-order natural").stdout
    kept = typed(f"{command} --name B1 --class-order dataset")
    assert right not in kept.stdout
    assert "note: B1 is right on" in kept.stderr
    with Store.open(DB, create=False) as store:
        by_name = {record.name: record for record in store.pool.models()}
        stored = store.predictions(by_name["B0"].key, "val").logits
    predicted, _ = prediction_file.checked({"probs_val": probs, "y_val": y})
    np.testing.assert_array_equal(stored, predicted["val"].logits)
    assert by_name["B0"].origin.endswith("columns were in natural order")


def test_an_order_needs_names(folder: Path) -> None:
    models.write(Path("p.npz"), models.arrays())
    with pytest.raises(UsageError, match="the storage knows none of these labels"):
        ensearch.import_predictions("p.npz", name="B0", macs=1e6, class_order="natural")
    with pytest.raises(UsageError, match="unknown order of classes 'alphabet'"):
        ensearch.import_predictions("p.npz", name="B0", macs=1e6, class_order="alphabet")


def test_a_model_whose_outputs_are_in_natural_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_known(folder)

    def logits(network: object, images: npt.NDArray[Any], *rest: object) -> npt.NDArray[Any]:
        """Logits of test images, which are the negatives of those that show their label."""
        y = (255 - images[:, 0, 0, 0]) // 50
        return in_natural_order(
            np.eye(5, dtype=np.float32)[y] * 5 + images.std() * np.arange(5) / 99
        )

    monkeypatch.setattr(inference, "logits", logits)
    import timm
    import torch

    torch.save(timm.create_model("resnet10t", num_classes=5, in_chans=1).state_dict(), "w.pth")
    add = "pool add --dataset npz:images.npz --timm resnet10t --checkpoint w.pth --device cpu"
    refused = typed(f"{add} --resolution 32")
    assert refused.exit_code == 2
    assert "classes are in the order 0, 1, 10, 11, 2, and not" in refused.stderr
    assert "on 100.00% with its columns in natural order" in refused.stderr
    assert "100.00% right on val" in typed(f"{add} --resolution 32 --class-order natural").stdout
