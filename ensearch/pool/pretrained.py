"""Score models that exist on a dataset and put them into the pool."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ensearch import cost, families
from ensearch.core import Architecture
from ensearch.datasets import Dataset
from ensearch.datasets._held_out import HELD_OUT, STUDY
from ensearch.errors import UsageError
from ensearch.families import _checkpoints as families_checkpoints
from ensearch.pool import inference, prediction_file, register
from ensearch.pool.entry import MAY_HAVE_SEEN, check_name
from ensearch.pool.inference import Normalised
from ensearch.pool.register import Model
from ensearch.store import Store
from ensearch.store.models import Inputs, ModelRecord
from ensearch.study.study import labels_of

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
    ready, origin = _ready(wanted, architecture, dataset)
    inputs = Inputs(
        resolution=wanted.resolution,
        normalised_by=wanted.normalise,
        mean=ready.mean,
        std=ready.std,
    )
    say(f"note: {_normalised(inputs)}")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for split, images, labels in (
        ("val", dataset.x_val, dataset.y_val),
        ("test", dataset.x_test, dataset.y_test),
    ):
        say(f"{wanted.name}: predicting {len(labels):,} {split} images")
        arrays[f"logits_{split}"] = inference.logits(ready, images, device, say)
        arrays[f"y_{split}"] = labels
    try:
        found, _ = prediction_file.checked(arrays)
    except UsageError as error:
        raise UsageError(f"{wanted.name} cannot be used: {error}") from error
    labels_by_split = labels_of(dataset)
    store.pool.add_labels(dataset.fingerprint, dataset.spec, labels_by_split)
    model = Model(
        name=wanted.name,
        macs=costs.macs,
        params=costs.params,
        network="",
        origin=f"{origin}; {ORIGINS[wanted.choose_on]}",
        inputs=inputs,
    )
    return register.keep(store, model, found, labels_by_split)


def _ready(wanted: Wanted, architecture: Architecture, dataset: Dataset) -> tuple[Normalised, str]:
    """The model with its weights, and where they are from."""
    from ensearch.families import _pretrained as pretrained

    channels, classes = dataset.channels, len(dataset.classes)
    if wanted.checkpoint is None:
        found = pretrained.pretrained(wanted.timm, channels, classes, wanted.resolution)
        model, origin = found.model, f"timm {found.tag}, pretrained"
    else:
        hashed = families_checkpoints.digest(wanted.checkpoint)
        model = families.build(architecture, channels, classes)
        families_checkpoints.load_into(model, wanted.checkpoint, classes)
        origin = f"timm {wanted.timm}, checkpoint {wanted.checkpoint.name} (sha256 {hashed})"
    mean, std = (tuple(values.tolist()) for values in (dataset.mean, dataset.std))
    if wanted.normalise == "model":
        mean, std = pretrained.statistics(wanted.timm, channels)
    return Normalised(model=model, mean=mean, std=std, resolution=wanted.resolution), origin


def _normalised(inputs: Inputs) -> str:
    """Which mean and deviation, and what to do if the model was trained with others."""
    others = {"model": "dataset", "dataset": "model"}
    return (
        f"inputs are normalised by {inputs.normalisation}, of the {inputs.normalised_by}; if it "
        f"was trained with those of the {others[inputs.normalised_by]}, add it with --normalise "
        f"{others[inputs.normalised_by]}"
    )
