"""The images that models are scored on -> a file, to be predicted by any program."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensearch import datasets
from ensearch.datasets import HELD_OUT
from ensearch.pool import class_order, scored_images
from ensearch.pool.notes import Notes, OnNote
from ensearch.store import Store, storage_url


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """A file of images that was written: uint8 arrays, N x side x side x channels.

    `images` are their numbers by split, with "train" if it was asked for; `to_train_on` is the
    number of all images on which models are neither selected nor tested. `notes` are sentences on
    what a user may not expect of them.
    """

    path: Path
    side: int
    channels: int
    images: Mapping[str, int]
    to_train_on: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The file as plain data."""
        return {
            "path": str(self.path),
            "side": self.side,
            "channels": self.channels,
            "images": dict(self.images),
            "to_train_on": self.to_train_on,
        }


def write_images(
    *,
    dataset: str,
    out: str | Path,
    choose_on: str = HELD_OUT,
    seed: int = 0,
    train: bool = False,
    data_dir: str | Path | None = None,
    storage: str | Path | None = None,
    on_note: OnNote | None = None,
) -> ImageFile:
    """Write val and test of a dataset as `out`, an npz file; returns what it holds.

    The arrays are x_val, y_val, x_test, y_test and classes, with `train` x_train and y_train too;
    images are bytes, N x R x R x C, in the order in which predictions of them are expected. The
    storage keeps the labels, so that an import is known to be of these images. `choose_on` and
    `seed` are explained in `scored_images.load`. Raises UsageError if `out` is there already or
    cannot be made, UnavailableError where the images cannot be had. `on_note` hears each note.
    """
    path, note = Path(out), Notes(on_note)
    datasets.check_choose_on(choose_on)
    datasets.check_image_file(path)
    images = scored_images.load(dataset, choose_on, seed, data_dir, note)
    parts = images.training_parts
    to_train_on = sum(len(labels) for _, labels in parts)
    with Store.open(storage_url(storage), create=True) as store:
        images.keep_labels(store, lasts=True)
        datasets.write_image_file(path, images.dataset, parts if train else ())
        note(images.record_use(store, "pool images"))
    if differs := class_order.difference(images.dataset.classes):
        note(differs)
    counts = {"val": len(images.dataset.y_val), "test": len(images.dataset.y_test)}
    return ImageFile(
        path=path,
        side=images.dataset.resolution,
        channels=images.dataset.channels,
        images=counts | ({"train": to_train_on} if train else {}),
        to_train_on=to_train_on,
        notes=note.kept,
    )
