"""A model to predict with: of an exported folder, or of a storage without writing one."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ensearch.datasets._arrays import as_array
from ensearch.errors import UsageError, at_least_one, invalid
from ensearch.exports import _inputs, _predict, folder
from ensearch.exports._inputs import Array, InputError, Pixels
from ensearch.exports._predict import Predict
from ensearch.exports.winner import Winner
from ensearch.pool.notes import OnNote, unheard
from ensearch.store import Store

BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classified:
    """An image, by its file or its file and row, with the probabilities of all classes."""

    image: str
    classes: tuple[str, ...]
    probabilities: Array

    @property
    def name(self) -> str:
        """The most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def probability(self) -> float:
        """That of the most probable class."""
        return float(self.probabilities.max())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "image": self.image,
            "class": self.name,
            "probability": self.probability,
            "probabilities": self.probabilities.tolist(),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LoadedModel:
    """A single network or an ensemble that predicts; `config` is what its config.json says."""

    config: Mapping[str, Any]
    predictor: Callable[[int | None], Predict]  # by how many members are averaged

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the probabilities."""
        return tuple(self.config["classes"])

    @property
    def members(self) -> int:
        """How many networks there are."""
        return len(self.config["members"])

    def __repr__(self) -> str:
        return f"<LoadedModel {self.config['title']}: {len(self.classes)} classes>"

    def predict(
        self, images: npt.ArrayLike, *, members: int | None = None, batch: int = BATCH
    ) -> npt.NDArray[np.float32]:
        """Return N x classes probabilities of images N x H x W x channels, or N x H x W.

        They are bytes, or floats from 0 to 1. `members` averages the first so many only; `batch`
        images are predicted at a time. Raises UsageError for what does not fit.
        """
        given = as_array(images, "images", "must be an array")
        try:
            pixels = _inputs.as_pixels(given, self.config["input"], "images")
            predict, starts = self._runs(members, batch), range(0, len(pixels), batch)
            rows = [predict(pixels[start : start + batch]) for start in starts]
        except InputError as error:
            raise UsageError(str(error)) from error
        return np.concatenate(rows) if rows else np.empty((0, len(self.classes)), np.float32)

    def classify(
        self,
        paths: Sequence[str | Path],
        *,
        members: int | None = None,
        batch: int = BATCH,
        skipped: list[str] | None = None,
        on_progress: OnNote = unheard,
    ) -> Iterator[Classified]:
        """Yield the classes of pictures, folders of pictures, .npz and .npy files, in their order.

        `skipped` gets a line for each picture that cannot be read; `on_progress` hears after each
        batch how far it is. Raises UsageError for what is not there or does not fit.
        """
        left_out, done, config = [] if skipped is None else skipped, 0, dict(self.config)
        try:
            found = _inputs.sources([Path(p) for p in paths], config["input"])
            predict = self._runs(members, batch)
            for names, probs in _predict.classified(found, predict, config, batch, left_out):
                for name, row in zip(names, probs, strict=True):
                    yield Classified(image=name, classes=self.classes, probabilities=row)
                done += len(names)
                on_progress(f"{done:,} of {len(found):,} images")
        except InputError as error:
            raise UsageError(str(error)) from error

    def _runs(self, members: int | None, batch: int) -> Predict:
        """What predicts. Raises UsageError, and InputError where the runtime cannot."""
        at_least_one("batch", batch, "number of images")
        if members is not None and not 1 <= members <= self.members:
            raise invalid("members", f"must be from 1 to {self.members}; got {members}.")
        return self.predictor(members)


def of_folder(
    path: Path, runtime: str = "auto", workers: int = 1, device: str = "cpu"
) -> LoadedModel:
    """Return the model of an exported folder, whose model.py is run: load what you trust.

    `runtime` is "torch", "onnx", or "auto": model.onnx where it is there and can be run. So many
    `workers` run members side by side, by torch, which runs on the `device`. Raises UsageError.
    """
    at_least_one("workers", workers, "number of processes")
    try:
        config = _predict.settings(path)
        _predict.runtime_of(path, runtime, None, device)
    except InputError as error:
        raise UsageError(str(error)) from error

    def predictor(members: int | None) -> Predict:
        return _predict.predictor(path, runtime, members, workers, device)

    return LoadedModel(config=config, predictor=functools.cache(predictor))


def of_storage(store: Store, chosen: Winner) -> LoadedModel:
    """Return the model with the weights of the storage; nothing is written. StorageError."""
    config = folder.config(chosen)
    module = folder.loaded(store, chosen, config)

    def predictor(members: int | None) -> Predict:
        def predict(images: Pixels) -> Array:
            with torch.inference_mode():
                rows: torch.Tensor = module(torch.from_numpy(np.array(images)), members=members)
            return np.asarray(rows)

        return predict

    return LoadedModel(config=config, predictor=predictor)
