"""Predictions of entries, and the labels that their rows belong to.

Entries whose rows are not the same images in the same order are refused, never averaged.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats
from ensearch.ensembles import averaging
from ensearch.errors import StorageError
from ensearch.pool.entry import Entry
from ensearch.store import SEARCH, Store
from ensearch.store.labels import SplitLabels


def agreed_labels(store: Store, entries: Sequence[Entry], split: str) -> SplitLabels:
    """The labels that all entries have on a split.

    Raises StorageError with the groups that agree where two differ, or naming an entry that has no
    predictions of the split.
    """
    for entry in entries:
        if split not in entry.labels:
            raise _lacking(entry, split)
    if len({entry.labels[split] for entry in entries}) > 1:
        specs = [
            {record.spec for record in store.pool.datasets_of(split, entry.labels[split])}
            for entry in entries
        ]
        known = sorted(set().union(*specs))
        raise StorageError(
            _disagreement(store, entries, split),
            # Of one dataset there are several groups where its images are split in several ways.
            problem="datasets_differ" if len(known) > 1 or (known and not all(specs)) else "",
            datasets=" or ".join(known),
        )
    return store.pool.labels(entries[0].labels[split])


def _lacking(entry: Entry, split: str) -> StorageError:
    if entry.is_member and not entry.labels:
        return StorageError(f"{why_lacking(entry, split)}.", problem="labels_not_kept")
    return StorageError(f"{why_lacking(entry, split)}, or leave it out of the query.")


def why_lacking(entry: Entry, split: str) -> str:
    """Why an entry cannot be used on a split, and what to do; no full stop."""
    if entry.is_member and not entry.labels:
        return (
            f"the labels of the images of {entry.name} are not kept in this storage: open a study "
            "of these images once more"
        )
    remedy = "import it again with them"
    if entry.is_member:
        remedy = "take members of a confirmation (the query confirmed:STUDY)"
    splits = ", ".join(entry.labels)
    return f"{entry.name} has no predictions of {split}, only of {splits}: {remedy}"


def _disagreement(store: Store, entries: Sequence[Entry], split: str) -> str:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.labels[split], []).append(entry)
    labels = {fingerprint: store.pool.labels(fingerprint) for fingerprint in groups}
    left, right = list(groups)[:2]
    lines = []
    for fingerprint, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        names = store.pool.names_of(split, fingerprint)
        lines.append(
            f"  dataset:{fingerprint}  {_counted(group)}, {labels[fingerprint].summary}"
            + (f" of {' and of '.join(names)}" if names else "")
        )
    return (
        f"{groups[left][0].name} and {groups[right][0].name} cannot be combined, because their "
        f"{split} splits differ: {_difference(labels[left], labels[right])}. Images decoded at "
        "another size (folder:PATH@32 and @64) count as other images. Search one group at a "
        "time, by its query:\n" + "\n".join(lines)
    )


def _counted(group: Sequence[Entry]) -> str:
    first = group[0].name
    return first if len(group) == 1 else f"{len(group)} entries such as {first}"


def _difference(left: SplitLabels, right: SplitLabels) -> str:
    if (left.count, len(left.values)) != (right.count, len(right.values)):
        return "not the same images"
    if left.may_be(right):
        return (
            "equal labels, but which images they are is known of only one of them: import the "
            "other again"
        )
    if left.classes and right.classes and left.classes != right.classes:
        return "another order or other names of the classes"
    if np.array_equal(left.values, right.values):
        return "equal labels of other images"
    return "another order, or another selection of the images"


def unusable(entry: Entry, says: str, *, changed: bool = False) -> StorageError:
    """The error for a file that cannot be used; `says` why, without a full stop.

    `changed` tells that it holds something else than what was written.
    """
    if entry.trained_by is None:
        remedy = f"Remove the model {entry.name}, and import or add it again."
        if entry.is_member:
            remedy = (
                f"The study of the member {entry.name} is not here to train it again: remove it, "
                "and import it again if it came from a file."
            )
        return StorageError(
            f"{says}. {remedy}",
            problem="model_unusable",
            name=entry.name,
            changed=changed,
        )
    study, stage = entry.trained_by
    return StorageError(
        f"{says}. Its study can train the member again.",
        problem="member_unusable",
        verb="resume" if stage == SEARCH else "confirm",
        study=study,
        changed=changed,
    )


def logits(store: Store, entry: Entry, split: str) -> npt.NDArray[np.float16]:
    """N x C logits of an entry.

    Raises StorageError if they are missing or damaged, or others than were written.
    """
    try:
        return store.predictions(entry.key, split).logits
    except StorageError as error:
        raise of_entry(entry, error) from error


def of_entry(entry: Entry, error: StorageError) -> StorageError:
    """The error for a file of an entry, with what puts it right; others stay as they are."""
    if "path" not in error.facts:
        return error
    says = f"{error.facts['path']} {error.facts['says']}"
    return unusable(entry, says, changed=error.facts.get("changed") is True)


def probs(
    store: Store, entries: Sequence[Entry], split: str, labels: SplitLabels
) -> Iterator[Floats]:
    """N x C probabilities on a split, of one entry after the other.

    Raises StorageError if a file is missing or damaged, or does not fit the labels.
    """
    shape = len(labels.values), labels.count
    for entry in entries:
        rows = logits(store, entry, split)
        if rows.shape != shape:
            raise StorageError(
                f"the predictions of {entry.name} on {split} are {rows.shape[0]} x "
                f"{rows.shape[1]}, the labels {shape[0]} of {shape[1]} classes.",
                problem="predictions_do_not_fit",
            )
        yield averaging.probs_of(rows)
