"""Score models that exist on a dataset and put them into the pool."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ensearch import bring, checkpoints, cost, families, predicted
from ensearch.bring import Model
from ensearch.core import Architecture
from ensearch.datasets import Dataset
from ensearch.entries import MAY_HAVE_SEEN, check_name
from ensearch.errors import UnavailableError, UsageError
from ensearch.halves import HELD_OUT, STUDY
from ensearch.store import Store
from ensearch.store.pool import ModelRecord
from ensearch.study import labels_of

if TYPE_CHECKING:
    from torch import nn

BATCH = 128
ORIGINS = {HELD_OUT: "val is half of the held-out images", STUDY: MAY_HAVE_SEEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A model of timm: pretrained, or with the weights of a file.

    `normalise` says whose mean and deviation its inputs get: the "dataset"'s, or those that the
    "model"'s pretrained weights were made with. `resolution` in pixels a side. `choose_on` says
    what the dataset's val is: see `ensearch.halves`.
    """

    name: str  # in the pool
    timm: str
    checkpoint: Path | None
    resolution: int
    normalise: str
    choose_on: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ready:
    model: "nn.Module"
    mean: tuple[float, ...]
    std: tuple[float, ...]
    origin: str


def add(
    store: Store,
    dataset: Dataset,
    wanted: Wanted,
    device: str,
    say: Callable[[str], None] = lambda line: None,
) -> ModelRecord:
    """Predict val and test, count the cost, keep both.

    Raises UsageError for an unknown model or weights of another one, UnavailableError where
    weights cannot be had or memory does not suffice, StorageError if the name is taken.
    """
    check_name(wanted.name)
    store.pool.check(wanted.name)
    channels, classes = dataset.channels, len(dataset.classes)
    architecture = Architecture(
        family=f"timm:{wanted.timm.partition('.')[0]}",
        width=1,
        depth=1,
        resolution=wanted.resolution,
    )
    costs = cost.count(architecture, channels, classes)
    ready = _ready(wanted, architecture, dataset)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for split, images, labels in (
        ("val", dataset.x_val, dataset.y_val),
        ("test", dataset.x_test, dataset.y_test),
    ):
        say(f"{wanted.name}: predicting {len(labels):,} {split} images")
        arrays[f"logits_{split}"] = _predict(ready, images, wanted.resolution, device)
        arrays[f"y_{split}"] = labels
    try:
        found, _ = predicted.checked(arrays)
    except UsageError as error:
        raise UsageError(f"{wanted.name} cannot be used: {error}") from error
    labels_by_split = labels_of(dataset)
    if dataset.fingerprint not in store.pool.datasets():
        store.pool.add_labels(dataset.fingerprint, dataset.spec, labels_by_split)
    model = Model(
        name=wanted.name,
        macs=costs.macs,
        params=costs.params,
        network="",
        origin=f"{ready.origin}; {ORIGINS[wanted.choose_on]}",
    )
    return bring.keep(store, model, found, labels_by_split)


def _ready(wanted: Wanted, architecture: Architecture, dataset: Dataset) -> _Ready:
    channels, classes = dataset.channels, len(dataset.classes)
    mean, std = (tuple(values.tolist()) for values in (dataset.mean, dataset.std))
    if wanted.checkpoint is not None:
        if wanted.normalise == "model":
            raise UsageError(
                "--normalise model is for pretrained weights: what a checkpoint's inputs were is "
                "not known. Leave it out, and the dataset's mean and deviation are taken."
            )
        hashed = checkpoints.digest(wanted.checkpoint)
        model = families.build(architecture, channels, classes)
        checkpoints.load_into(model, wanted.checkpoint, classes)
        origin = f"timm {wanted.timm}, checkpoint {wanted.checkpoint.name} (sha256 {hashed})"
        return _Ready(model=model, mean=mean, std=std, origin=origin)
    from ensearch.families import _weights

    found = _weights.pretrained(wanted.timm, channels, classes, wanted.resolution)
    if wanted.normalise == "model":
        mean, std = found.mean, found.std
    return _Ready(model=found.model, mean=mean, std=std, origin=f"timm {found.tag}, pretrained")


def _predict(ready: _Ready, images: Any, resolution: int, device: str) -> npt.NDArray[np.float32]:
    """N x C logits in float32: rounding is not worth the doubt in a model that is not ours."""
    import torch
    import torch.nn.functional as F

    model = ready.model.eval().to(device).to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(values, device=device) for values in (ready.mean, ready.std))
    rows = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = np.array(images[start : start + BATCH])  # writable: what torch asks for
            x = torch.from_numpy(batch).to(device).float().sub_(mean).div_(std).permute(0, 3, 1, 2)
            if x.shape[-1] != resolution:
                x = F.interpolate(
                    x, (resolution, resolution), mode="bilinear", antialias=True
                ).contiguous(memory_format=torch.channels_last)
            try:
                rows.append(model(x).float().cpu().numpy())
            except torch.OutOfMemoryError as error:
                raise UnavailableError(
                    f"{device} has too little memory for {BATCH} images of {resolution} pixels a "
                    "side at once: take --device cpu, or a smaller --resolution."
                ) from error
    return np.concatenate(rows)
