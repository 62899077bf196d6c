"""Score models that exist on images of a dataset, and put them into the pool."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ensearch import cost, families
from ensearch.core import Architecture
from ensearch.datasets import HELD_OUT, STUDY, Dataset
from ensearch.errors import UsageError
from ensearch.families import _checkpoints as checkpoints
from ensearch.pool import class_order, inference, prediction_file, registration
from ensearch.pool.entry import MAY_HAVE_SEEN, check_name
from ensearch.pool.inference import NormalisedModel
from ensearch.pool.notes import OnNote, unheard
from ensearch.pool.scored_images import ScoredImages
from ensearch.store import Store
from ensearch.store.model_records import Inputs, ModelRecord

ORIGINS = {HELD_OUT: "val is half of the held-out images", STUDY: MAY_HAVE_SEEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimmModel:
    """A model of timm: pretrained, or with the weights of a file.

    `normalise` says whose mean and deviation its inputs get: those of the "dataset", or those that
    the pretrained weights of the "model" were made with. `resolution` is in pixels a side. Its
    outputs are in the `class_order` of "dataset", "plain" or "natural", None if nobody said it.
    """

    name: str  # in the pool
    timm: str
    checkpoint: Path | None
    resolution: int
    normalise: str
    class_order: str | None = None


def add(
    store: Store,
    images: ScoredImages,
    model: TimmModel,
    device: str,
    on_note: OnNote = unheard,
    on_progress: OnNote = unheard,
) -> ModelRecord:
    """Predict val and test, count the cost, and keep both; returns the record.

    Raises UsageError for an unknown model, weights of another one or outputs in another order of
    classes, UnavailableError where
    weights cannot be had or memory does not suffice, StorageError if the name is taken. `on_note`
    hears what inputs are normalised by, `on_progress` how far it is.
    """
    check_name(model.name)
    store.pool.check(model.name)
    dataset = images.dataset
    architecture = Architecture(
        family=f"timm:{model.timm.partition('.')[0]}",
        width=1,
        depth=1,
        resolution=model.resolution,
    )
    counted = cost.count(architecture, dataset.channels, len(dataset.classes))
    network, origin = _loaded(model, architecture, dataset)
    inputs = Inputs(
        resolution=model.resolution,
        normalised_by=model.normalise,
        mean=network.mean,
        std=network.std,
    )
    on_note(f"inputs are normalised by {inputs.normalisation}, of the {model.normalise}")
    predicted = _predicted(network, dataset, model.name, device, on_progress)
    if model.class_order is not None:
        where = class_order.columns(dataset.classes, model.class_order)
        predicted = {split: class_order.ordered(p, where) for split, p in predicted.items()}
    doubt = class_order.refuse_or_note(model.name, predicted, images.labels, model.class_order)
    if doubt:
        on_note(doubt)
    labels = images.keep_labels(store)
    return registration.add(
        store,
        predicted,
        labels,
        name=model.name,
        macs=counted.macs,
        params=counted.params,
        origin=f"{origin}{class_order.origin(model.class_order)}; {ORIGINS[images.choose_on]}",
        inputs=inputs,
        may_have_seen_val=images.choose_on == STUDY,
    )


def _predicted(
    network: NormalisedModel,
    dataset: Dataset,
    name: str,
    device: str,
    on_progress: OnNote,
) -> dict[str, prediction_file.Predicted]:
    """Predictions of val and test, checked like those of a file."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for split, pictures, labels in (
        ("val", dataset.x_val, dataset.y_val),
        ("test", dataset.x_test, dataset.y_test),
    ):
        on_progress(f"{name}: predicting {len(labels):,} {split} images")
        arrays[f"logits_{split}"] = inference.logits(network, pictures, device, on_progress)
        arrays[f"y_{split}"] = labels
    try:
        predicted, _ = prediction_file.checked(arrays)
    except UsageError as error:
        raise UsageError(f"{name} cannot be used: {error}") from error
    return predicted


def _loaded(
    model: TimmModel, architecture: Architecture, dataset: Dataset
) -> tuple[NormalisedModel, str]:
    """The network with its weights, and where they are from."""
    from ensearch.families import _pretrained as pretrained

    channels, classes = dataset.channels, len(dataset.classes)
    if model.checkpoint is None:
        weights = pretrained.pretrained(model.timm, channels, classes, model.resolution)
        network, origin = weights.model, f"timm {weights.tag}, pretrained"
    else:
        digest = checkpoints.digest(model.checkpoint)
        network = families.build(architecture, channels, classes)
        checkpoints.load_into(network, model.checkpoint, classes)
        origin = f"timm {model.timm}, checkpoint {model.checkpoint.name} (sha256 {digest})"
    mean, std = (tuple(values.tolist()) for values in (dataset.mean, dataset.std))
    if model.normalise == "model":
        mean, std = pretrained.statistics(model.timm, channels)
    normalised = NormalisedModel(model=network, mean=mean, std=std, resolution=model.resolution)
    return normalised, origin
