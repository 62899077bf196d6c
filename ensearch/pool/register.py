"""Models that were trained elsewhere -> the pool: which labels their rows belong to, and checks."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from ensearch.core import Labels, Predictions
from ensearch.errors import UsageError
from ensearch.pool.entry import check_name, entries
from ensearch.pool.prediction_file import Predicted
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from ensearch.store.models import Inputs, ModelRecord
from ensearch.units import format_count

MOST = 2**62  # multiply-adds and parameters that a database holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is said of a model beside its predictions. `macs` of one forward pass of one example.

    `network` names models that differ in their training only; "" if there is no other.
    """

    name: str
    macs: int
    params: int | None
    network: str
    origin: str
    inputs: Inputs | None = None


def content_key(logits: Mapping[str, npt.NDArray[np.float16]]) -> str:
    """Content hash of predictions by split. 16 hexadecimal digits."""
    found = hashlib.sha256()
    for split in sorted(logits):
        content = np.ascontiguousarray(logits[split], dtype="<f2")
        found.update(repr((split, content.shape)).encode() + content.tobytes())
    return found.hexdigest()[:16]


def keep(
    store: Store,
    model: Model,
    found: Mapping[str, Predicted],
    labels: Mapping[str, SplitLabels],
) -> ModelRecord:
    """Put a model and its predictions, by split, into the pool.

    Raises UsageError for what cannot be, such as one split as val and test, StorageError if the
    pool holds the name or the predictions already.
    """
    check_name(model.name)
    _check_apart(found, labels)
    for what, number in (("cost", model.macs), ("parameters", model.params)):
        if number is not None and not 0 < number <= MOST:
            raise UsageError(f"the {what} of {model.name} must be a positive number; got {number}.")
    network = check_name(model.network) if model.network else model.name
    key = content_key({split: one.logits for split, one in found.items()})
    record = ModelRecord(
        name=model.name,
        key=key,
        network=network,
        macs=model.macs,
        params=model.params,
        labels={split: labels[split].fingerprint for split in found},
        origin=model.origin,
        created=datetime.now(UTC),
        inputs=model.inputs,
    )
    predictions = [
        Predictions(member=key, split=split, logits=one.logits) for split, one in found.items()
    ]
    store.pool.check(record.name, key, record.labels)
    _check_network(store, model, network)
    store.pool.add(record, predictions, labels.values())
    return record


def _check_apart(found: Mapping[str, Predicted], labels: Mapping[str, SplitLabels]) -> None:
    """Images that choose a model say nothing about it as its test."""
    if len(found) < 2:
        return
    if labels["val"].fingerprint == labels["test"].fingerprint:
        raise UsageError(
            "y_val and y_test are the same labels: the images that choose cannot be test. Give "
            "val and test predictions of different images; if they are, and only lie in the same "
            "order of classes, bring the rows of one into another order."
        )
    rows = {s: {hash(row.tobytes()) for row in one.logits} for s, one in found.items()}
    few, many = sorted(rows, key=lambda split: len(rows[split]))
    # Rows of a very sure model are often equal; those of most images tell them apart.
    if len(rows[few]) > len(found[few].logits) / 2 and rows[few] <= rows[many]:
        raise UsageError(
            f"all predictions of {few} are among those of {many}: the images that choose cannot be "
            "test. Give val and test predictions of different images."
        )


def _check_network(store: Store, model: Model, network: str) -> None:
    """Copies of one network cost the same: else the name says something wrong."""
    for entry in entries(store):
        if entry.network == network and entry.macs != model.macs:
            raise UsageError(
                f"{entry.name} of network {network!r} costs {format_count(entry.macs, 6)} "
                f"multiply-adds, {model.name} {format_count(model.macs, 6)}: models of one network "
                "differ in their training only. Give another --network, or leave it out."
            )


def doubt(logits: npt.NDArray[np.float16], labels: Labels) -> str:
    """Why predictions of a split may be of other rows or classes; "" if they seem right.

    Two standard errors above what guessing gets, nobody needs to ask.
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


def matched(
    store: Store, found: Mapping[str, Predicted], classes: Sequence[str], dataset: str
) -> dict[str, tuple[SplitLabels, str]]:
    """By split the labels of which the rows are, and a sentence on how that is known.

    `dataset`, the beginning of a fingerprint of images or of the labels of either split, or "",
    says which where there are several. Raises UsageError where that cannot be told.
    """
    allowed = _allowed(store, found, dataset) if dataset else {}
    return {
        split: match(store, split, one, classes, allowed.get(split), dataset)
        for split, one in found.items()
    }


def match(
    store: Store,
    split: str,
    found: Predicted,
    classes: Sequence[str],
    allowed: Collection[str] | None = None,
    dataset: str = "",
) -> tuple[SplitLabels, str]:
    """Labels that the storage knows where they are equal and nothing speaks against it.

    If fingerprints are `allowed`, one of them, because the user said `dataset`; else also new
    labels. Raises UsageError.
    """
    offered = SplitLabels(values=found.labels, count=found.logits.shape[1], classes=tuple(classes))
    known = [o for o in store.pool.known_labels() if allowed is None or o.fingerprint in allowed]
    alike = [one for one in known if one.may_be(offered)]
    # What says more is taken: images before names of classes, those before neither.
    best = [one for one in alike if one.images] or [one for one in alike if one.classes] or alike
    if len(best) > 1:
        listing = ", ".join(_with_data(store, split, one) for one in best)
        raise UsageError(
            f"y_{split} are the labels of several sets of images that the storage knows: "
            f"{listing}. Say which by --dataset FINGERPRINT."
        )
    if best:
        names = store.pool.names_of(split, best[0].fingerprint)
        known_as = f": {' and '.join(names)}" if names else ""
        summary = f"{split}: {best[0].summary}, labels that the storage knows already{known_as}"
        return best[0], summary
    if allowed is not None:
        raise UsageError(
            f"y_{split} are not the labels of {dataset}: {_difference(known, offered)}. "
            "Give the predictions of those images in their order, or leave --dataset out."
        )
    return offered, (
        f"{split}: {offered.summary}, new labels: only models scored on the same ones can be "
        f"combined with this{_near(known, offered)}"
    )


def _allowed(store: Store, found: Mapping[str, Predicted], dataset: str) -> dict[str, set[str]]:
    """By split the labels that `dataset` means; without a split of which it says nothing.

    Labels of one split mean, for the other, those that datasets and models have beside them.
    """
    images = store.pool.datasets()
    pairs = [labels for _, labels in images.values()]
    pairs += [dict(record.labels) for record in store.pool.models()]
    meant = [labels for name, (_, labels) in images.items() if name.startswith(dataset)]
    named = {o.fingerprint: o for o in store.pool.known_labels()}
    named = {name: one for name, one in named.items() if name.startswith(dataset)}
    if not meant and not named:
        raise UsageError(
            f"--dataset: the storage knows no images or labels {dataset!r}. `ensearch pool list` "
            "shows those of its entries."
        )
    beside = [of for of in pairs if set(of.values()) & set(named)]
    allowed = {split: {of[split] for of in (*meant, *beside) if split in of} for split in found}
    said = {split: some for split, some in allowed.items() if some}
    return said or allowed


def _with_data(store: Store, split: str, one: SplitLabels) -> str:
    names = store.pool.names_of(split, one.fingerprint)
    return one.fingerprint + (f" ({' and '.join(names)})" if names else "")


def _difference(known: Iterable[SplitLabels], offered: SplitLabels) -> str:
    for one in known:
        if (one.count, len(one.values)) == (offered.count, len(offered.values)):
            count = int((one.values != offered.values).sum())
            return (
                f"{count:,} of {len(one.values):,} labels differ"
                if count
                else "the classes have other names or another order"
            )
    return f"they are {offered.summary.rpartition(' (')[0]}"


def _near(known: Iterable[SplitLabels], offered: SplitLabels) -> str:
    """A hint where the same labels are there in another order, or names of classes differ."""
    for one in known:
        if one.count != offered.count or len(one.values) != len(offered.values):
            continue
        if np.array_equal(one.values, offered.values):
            return f". {one.fingerprint[:8]} has equal labels, but other names of the classes"
        if np.array_equal(np.sort(one.values), np.sort(offered.values)):
            return f". {one.fingerprint[:8]} has as many of each class, in another order"
    return ""
