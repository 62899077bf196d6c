"""Which labels that the storage knows the rows of a prediction file belong to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.errors import UsageError, invalid
from ensearch.pool import class_order
from ensearch.pool.prediction_file import Predicted
from ensearch.store import Store
from ensearch.store.labels import SplitLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMatch:
    """The labels that the rows of a split belong to, and a sentence on how that is known."""

    labels: SplitLabels
    reason: str


def match(
    store: Store, predicted: Mapping[str, Predicted], classes: Sequence[str], dataset: str
) -> dict[str, LabelMatch]:
    """The labels that the rows belong to, by split.

    `dataset` is the beginning of a fingerprint of images, or of the labels of either split, and
    says which are meant where there are several; it may be "". Raises UsageError where the labels
    cannot be told.
    """
    allowed = _allowed(store, predicted, dataset) if dataset else {}
    return {
        split: _match_split(store, split, of_split, classes, allowed.get(split), dataset)
        for split, of_split in predicted.items()
    }


def ordered(
    predicted: Mapping[str, Predicted], matches: Mapping[str, LabelMatch], order: str
) -> dict[str, Predicted]:
    """Predictions in the order of the labels' classes; their columns are in the order that is said.

    Raises UsageError where nobody said those names.
    """
    if order != class_order.DATASET and not all(m.labels.classes for m in matches.values()):
        raise invalid(
            "class_order",
            f"{order} is an order of names of classes, and the storage knows none of these labels.",
        )
    return {
        split: class_order.ordered(
            of_split, class_order.columns(matches[split].labels.classes, order)
        )
        if order != class_order.DATASET
        else of_split
        for split, of_split in predicted.items()
    }


def _match_split(
    store: Store,
    split: str,
    predicted: Predicted,
    classes: Sequence[str],
    allowed: Collection[str] | None,
    dataset: str,
) -> LabelMatch:
    """Labels that the storage knows where they are equal and nothing speaks against it.

    If fingerprints are `allowed`, the labels are one of them, because the user said `dataset`;
    else they may also be new.
    """
    offered = SplitLabels(
        values=predicted.labels, count=predicted.logits.shape[1], classes=tuple(classes)
    )
    known = [
        labels
        for labels in store.pool.known_labels()
        if allowed is None or labels.fingerprint in allowed
    ]
    best = _most_specific([labels for labels in known if labels.may_be(offered)])
    if len(best) > 1:
        listing = ", ".join(_described(store, split, labels) for labels in best)
        raise UsageError(
            f"y_{split} are the labels of several sets of images that the storage knows: "
            f"{listing}. Say which is meant by its fingerprint.",
            problem="labels_ambiguous",
        )
    if best:
        names = store.pool.names_of(split, best[0].fingerprint)
        known_as = f": {' and '.join(names)}" if names else ""
        reason = (
            f"the rows of {split} belong to {best[0].summary}, labels that the storage knows "
            f"already{known_as}"
        )
        return LabelMatch(labels=best[0], reason=reason)
    if allowed is not None:
        raise UsageError(
            f"y_{split} are not the labels of {dataset}: {_difference(known, offered)}. "
            "Give the predictions of those images in their order, or name no dataset."
        )
    reason = (
        f"the rows of {split} belong to {offered.summary}, new labels: only models scored on "
        f"the same ones can be combined with this{_near(known, offered)}"
    )
    return LabelMatch(labels=offered, reason=reason)


def _most_specific(alike: Sequence[SplitLabels]) -> Sequence[SplitLabels]:
    """Labels that say which images they are, else those with names of classes, else all."""
    return (
        [labels for labels in alike if labels.images]
        or [labels for labels in alike if labels.classes]
        or alike
    )


def _allowed(store: Store, predicted: Collection[str], dataset: str) -> dict[str, set[str]]:
    """The labels that `dataset` means, by split; without a split of which it says nothing.

    Labels of one split mean, for the other, those that datasets and models have beside them.
    """
    images = store.pool.datasets()
    pairs = [dict(record.labels) for record in images.values()]
    pairs += [dict(record.labels) for record in store.pool.models()]
    meant = [dict(record.labels) for name, record in images.items() if name.startswith(dataset)]
    fingerprints = {
        labels.fingerprint
        for labels in store.pool.known_labels()
        if labels.fingerprint.startswith(dataset)
    }
    if not meant and not fingerprints:
        raise UsageError(
            f"the storage knows no images or labels {dataset!r}.", problem="dataset_unknown"
        )
    beside = [labels for labels in pairs if set(labels.values()) & fingerprints]
    allowed = {
        split: {labels[split] for labels in (*meant, *beside) if split in labels}
        for split in predicted
    }
    told = {split: labels for split, labels in allowed.items() if labels}
    return told or allowed


def _described(store: Store, split: str, labels: SplitLabels) -> str:
    names = store.pool.names_of(split, labels.fingerprint)
    return labels.fingerprint + (f" ({' and '.join(names)})" if names else "")


def _difference(known: Iterable[SplitLabels], offered: SplitLabels) -> str:
    for labels in known:
        if (labels.count, len(labels.values)) == (offered.count, len(offered.values)):
            count = int((labels.values != offered.values).sum())
            return (
                f"{count:,} of {len(labels.values):,} labels differ"
                if count
                else "the classes have other names or another order"
            )
    return f"they are {offered.counts}"


def _near(known: Iterable[SplitLabels], offered: SplitLabels) -> str:
    """A hint where the same labels are there in another order, or names of classes differ."""
    for labels in known:
        if labels.count != offered.count or len(labels.values) != len(offered.values):
            continue
        if np.array_equal(labels.values, offered.values):
            return f". {labels.fingerprint[:8]} has equal labels, but other names of the classes"
        if np.array_equal(np.sort(labels.values), np.sort(offered.values)):
            return f". {labels.fingerprint[:8]} has as many of each class, in another order"
    return ""
