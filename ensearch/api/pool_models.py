"""Models that exist -> the pool: predictions of a file, or models of timm that are scored here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ensearch import units
from ensearch.datasets import HELD_OUT
from ensearch.errors import invalid
from ensearch.pool import class_order as class_orders
from ensearch.pool import entry as pool_entry
from ensearch.pool import label_matches, prediction_file, registration, scored_images
from ensearch.pool.label_matches import LabelMatch
from ensearch.pool.notes import Notes, OnNote, unheard
from ensearch.store import Store, storage_url
from ensearch.store.model_records import Inputs, ModelRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedModel:
    """A model that came into the pool. `macs` are multiply-adds of one forward pass of one example.

    `accuracy_val` is None without predictions of val. `may_have_seen_val` says whether its accuracy
    there may be biased upward. `inputs` are None where others made the predictions. `notes`
    are sentences on what a user may not expect of it.
    """

    name: str
    macs: int
    params: int | None
    accuracy_val: float | None
    may_have_seen_val: bool
    inputs: Inputs | None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data."""
        return {
            "name": self.name,
            "multiply_adds_per_example": self.macs,
            "parameters": self.params,
            "accuracy_val": self.accuracy_val,
            "may_have_seen_val": self.may_have_seen_val,
        }


def import_predictions(
    file: str | Path,
    *,
    name: str,
    macs: str | float,
    params: str | float | None = None,
    network: str = "",
    dataset: str = "",
    class_order: str | None = None,
    storage: str | Path | None = None,
    on_note: OnNote | None = None,
) -> AddedModel:
    """Put predictions of any model, made anywhere, on val, test or both into the pool.

    `file` is what numpy.savez(file, probs_val=, y_val=, probs_test=, y_test=, classes=) writes; see
    `ensearch.pool.prediction_file`. `macs` are multiply-adds of one forward pass of one example.
    `network` is equal for models that differ in their training only. `dataset` is the beginning of
    a fingerprint of images or labels that the rows must belong to. The columns are in the order of
    the "dataset", or in "plain" or "natural" order of the names of its classes, as `class_order`
    says; where it is None, and another order is right far more often, they are refused. `on_note`
    hears each note. Raises UsageError for a wrong file or value, before the storage is made, and
    StorageError if the pool holds the model already.
    """
    note, path = Notes(on_note), Path(file)
    pool_entry.check_name(name)
    class_orders.check(class_order)
    whole_macs = _whole(macs, "macs")
    whole_params = None if params is None else _whole(params, "params")
    predicted, classes = prediction_file.read(path)
    with Store.open(storage_url(storage), create=True) as store:
        matches = label_matches.match(store, predicted, classes, dataset)
        doubts = [of_split.note for of_split in predicted.values() if of_split.note]
        seen = "val" in matches and _is_cut_from_train(store, matches["val"])
        if class_order is not None:
            predicted = label_matches.ordered(predicted, matches, class_order)
        labels = {split: match.labels for split, match in matches.items()}
        doubt = class_orders.refuse_or_note(name, predicted, labels, class_order)
        origin = f"file {path.name}{f'; {pool_entry.MAY_HAVE_SEEN}' if seen else ''}"
        record = registration.add(
            store,
            predicted,
            labels,
            name=name,
            macs=whole_macs,
            params=whole_params,
            network=network,
            origin=f"{origin}{class_orders.origin(class_order)}",
            may_have_seen_val=seen,
        )
        for match in matches.values():
            note(match.reason)
        for doubted in (*doubts, doubt):
            if doubted:
                note(doubted)
        if "val" not in predicted:
            note("without predictions of val, this model cannot be selected by a search")
        if seen:
            note(scored_images.MAY_HAVE_SEEN_VAL)
        return _added(store, record, note)


def _whole(given: str | float, option: str) -> int:
    """A whole number from 5e9, 5G and the like. Raises UsageError."""
    value = units.parse_count(given, option)
    if value < 1 or value != round(value):
        raise invalid(option, f"must be a whole number of at least 1; got {given!r}.")
    return round(value)


def _is_cut_from_train(store: Store, val: LabelMatch) -> bool:
    """Whether labels are of the val of a dataset as studies read it."""
    datasets = store.pool.datasets_of("val", val.labels.fingerprint)
    return any(dataset.halves_seed is None for dataset in datasets)


def _added(store: Store, record: ModelRecord, note: Notes) -> AddedModel:
    """What came into the pool, with a note where the model seems to guess."""
    accuracy = None
    if "val" in record.labels:
        logits = store.predictions(record.key, "val").logits
        labels = store.pool.labels(record.labels["val"]).values
        accuracy = float(np.mean(logits.argmax(axis=1) == labels))
        doubt = registration.doubt(logits, labels)
        if doubt:
            note(f"{record.name} is {doubt}")
    return AddedModel(
        name=record.name,
        macs=record.macs,
        params=record.params,
        accuracy_val=accuracy,
        may_have_seen_val=record.may_have_seen_val,
        inputs=record.inputs,
        notes=note.kept,
    )


def add_model(
    *,
    dataset: str,
    timm: str | Sequence[str],
    checkpoint: str | Path | None = None,
    name: str | None = None,
    resolution: int | None = None,
    normalise: str | None = None,
    class_order: str | None = None,
    choose_on: str = HELD_OUT,
    seed: int = 0,
    device: str = "auto",
    data_dir: str | Path | None = None,
    storage: str | Path | None = None,
    on_note: OnNote | None = None,
    on_progress: OnNote | None = None,
    on_added: Callable[[AddedModel], None] | None = None,
) -> tuple[AddedModel, ...]:
    """Score models of timm on images of a dataset, count their cost, and put both into the pool.

    `timm` names models, separated by commas. `checkpoint` is a file of weights for one model,
    .safetensors or of torch.save; without it, weights are timm's pretrained ones. `name` is what
    one model is called in the pool. Images are scaled to `resolution` pixels a side, and normalised
    by mean and deviation of the "dataset", or of the "model" as timm's weights of it were made; the
    latter is the default for pretrained weights. `class_order` is that of `import_predictions`, of
    the model's outputs. `choose_on` and `seed` are explained in
    `ensearch.pool.scored_images.load`. `on_added` hears of each model as soon as it is there,
    `on_note` each note, and `on_progress` how far it is. Everything that is wrong with the values
    is a UsageError before the images are read. Raises UnavailableError where images or weights
    cannot be had, StorageError if a name is taken.
    """
    models = [part.strip() for part in (timm.split(",") if isinstance(timm, str) else timm)]
    names = [name] if name else models
    _check_models(models, names, checkpoint, name, normalise)
    class_orders.check(class_order)
    from ensearch import training
    from ensearch.pool import pretrained

    where = training.resolve_device(device)
    of_images = Notes(on_note)
    images = scored_images.load(dataset, choose_on, seed, data_dir, of_images)
    differs = class_orders.difference(images.dataset.classes)
    if differs and class_order is None:
        of_images(differs)
    added = []
    with Store.open(storage_url(storage), create=True) as store:
        for called in names:
            store.pool.check(called)
        for called, model in zip(names, models, strict=True):
            timm_model = pretrained.TimmModel(
                name=called,
                timm=model,
                checkpoint=None if checkpoint is None else Path(checkpoint),
                resolution=resolution or images.dataset.resolution,
                normalise=normalise or ("model" if checkpoint is None else "dataset"),
                class_order=class_order,
            )
            note = Notes(on_note, of_images.kept)
            record = pretrained.add(store, images, timm_model, where, note, on_progress or unheard)
            # Recorded before it is seen.
            use = images.record_use(store, "pool add", model)
            model_added = _added(store, record, note)
            added.append(replace(model_added, notes=(*model_added.notes, use)))
            if on_added:
                on_added(added[-1])
        of_images(use)
    return tuple(added)


def _check_models(
    models: Sequence[str],
    names: Sequence[str],
    checkpoint: str | Path | None,
    name: str | None,
    normalise: str | None,
) -> None:
    if not models:
        raise invalid("timm", "must name at least one model.")
    for value, option in ((checkpoint, "checkpoint"), (name, "name")):
        if value is not None and len(models) > 1:
            raise invalid(option, f"is for one model; {len(models)} are named.")
    if len(set(models)) < len(models):
        raise invalid("timm", f"names a model twice: {','.join(models)}.")
    for called in names:
        pool_entry.check_name(called)
    if normalise not in (None, "dataset", "model"):
        raise invalid("normalise", f"must be dataset or model; got {normalise!r}.")
