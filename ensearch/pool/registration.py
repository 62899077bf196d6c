"""Models that were trained elsewhere -> the pool, with checks of their predictions."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels, Predictions
from ensearch.errors import UsageError
from ensearch.pool.entry import all_entries, check_name
from ensearch.pool.prediction_file import Predicted
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from ensearch.store.model_records import Inputs, ModelRecord
from ensearch.units import format_count

LARGEST = 2**62  # multiply-adds and parameters that a database holds


def content_key(logits: Mapping[str, npt.NDArray[np.float16]]) -> str:
    """The content hash of predictions by split, 16 hexadecimal digits."""
    content = hashlib.sha256()
    for split in sorted(logits):
        rows = np.ascontiguousarray(logits[split], dtype="<f2")
        content.update(repr((split, rows.shape)).encode() + rows.tobytes())
    return content.hexdigest()[:16]


def add(
    store: Store,
    predicted: Mapping[str, Predicted],
    labels: Mapping[str, SplitLabels],
    *,
    name: str,
    macs: int,
    params: int | None,
    origin: str,
    network: str = "",
    inputs: Inputs | None = None,
    may_have_seen_val: bool = False,
) -> ModelRecord:
    """Put a model and its predictions, by split, into the pool; returns its record.

    `macs` are multiply-adds of one forward pass of one example. `network` is equal for models that
    differ in their training only, and "" if there is no other. `origin` is for people. Raises
    UsageError for what cannot be, such as one split as val and test, StorageError if the
    pool holds the name or the predictions already.
    """
    check_name(name)
    _check_splits_differ(predicted, labels)
    check_size(name, macs, params)
    key = content_key({split: of_split.logits for split, of_split in predicted.items()})
    record = ModelRecord(
        name=name,
        key=key,
        network=check_name(network) if network else name,
        macs=macs,
        params=params,
        labels={split: labels[split].fingerprint for split in predicted},
        origin=origin,
        may_have_seen_val=may_have_seen_val,
        created=datetime.now(UTC),
        inputs=inputs,
    )
    predictions = [
        Predictions(member=key, split=split, logits=of_split.logits)
        for split, of_split in predicted.items()
    ]
    store.pool.check(name, key, record.labels)
    check_network(store, record)
    store.pool.add(record, predictions, labels.values())
    return record


def check_size(name: str, macs: int, params: int | None) -> None:
    """Raises UsageError for what is no cost of a model, or no number of parameters."""
    for what, number in (("cost", macs), ("parameters", params)):
        if number is not None and not (isinstance(number, int) and 0 < number <= LARGEST):
            raise UsageError(f"the {what} of {name} must be a positive number; got {number!r}.")


def _check_splits_differ(
    predicted: Mapping[str, Predicted], labels: Mapping[str, SplitLabels]
) -> None:
    """Images on which a model is selected say nothing about it as its test."""
    if len(predicted) < 2:
        return
    if labels["val"].fingerprint == labels["test"].fingerprint:
        raise UsageError(
            "y_val and y_test are the same labels: images on which models are selected cannot be "
            "their test. Give val and test predictions of different images; if they are, and only "
            "lie in the same order of classes, bring the rows of one into another order."
        )
    rows = {
        split: {hash(row.tobytes()) for row in of_split.logits}
        for split, of_split in predicted.items()
    }
    few, many = sorted(rows, key=lambda split: len(rows[split]))
    # Rows of a very sure model are often equal; those of most images tell them apart.
    if len(rows[few]) > len(predicted[few].logits) / 2 and rows[few] <= rows[many]:
        raise UsageError(
            f"all predictions of {few} are among those of {many}: images on which models are "
            "selected cannot be their test. Give val and test predictions of different images."
        )


def check_network(store: Store, model: ModelRecord) -> None:
    """Raises UsageError if a copy of its network costs something else: the name must be wrong."""
    for entry in all_entries(store):
        if entry.network == model.network and entry.macs != model.macs:
            raise UsageError(
                f"{entry.name} of network {model.network!r} costs {format_count(entry.macs, 6)} "
                f"multiply-adds, {model.name} {format_count(model.macs, 6)}: models of one network "
                "differ in their training only. Name another network, or none."
            )


def doubt(logits: npt.NDArray[np.float16], labels: Labels) -> str:
    """Why predictions of val may belong to other rows or classes; "" if they seem right.

    Nobody needs to ask about a model that is two standard errors above guessing.
    """
    chance = 1 / logits.shape[1]
    right = float(np.mean(logits.argmax(axis=1) == labels))
    if right > chance + 2 * (chance * (1 - chance) / len(labels)) ** 0.5:
        return ""
    return (
        f"right on {right:.2%} of val, where guessing among {logits.shape[1]} classes gets "
        f"{chance:.2%}: are its columns in the order of the classes, its rows in the order of the "
        "labels, and were its inputs normalised as it expects?"
    )
