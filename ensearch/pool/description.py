"""Entries of the pool as people and programs read them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensearch.errors import StorageError
from ensearch.pool import predictions
from ensearch.pool.entry import Entry, all_entries, entries_called, listed_name
from ensearch.pool.notes import OnNote, unheard
from ensearch.store import Store, storage_url, uses_of_test
from ensearch.store.model_records import DatasetRecord

Known = Mapping[str, DatasetRecord]  # by fingerprint of images


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDescription:
    """An entry with its accuracy and what is known of its images.

    `accuracies` holds every split that was asked for, and None where the accuracy cannot be read.
    `data` is what people call the images of its rows. `dataset` is the fingerprint of all the
    images: for a model, where only one dataset has such rows.
    """

    entry: Entry
    accuracies: Mapping[str, float | None]
    data: str
    dataset: str

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def listed_name(self) -> str:
        """What lists call it: members are called by their network."""
        return listed_name(self.entry)

    def to_dict(self) -> dict[str, Any]:
        """The description as plain data."""
        entry = self.entry
        return {
            "name": entry.name,
            "kind": "member" if entry.is_member else "model",
            "network": entry.network,
            "multiply_adds_per_example": entry.macs,
            "parameters": entry.params,
            **{f"accuracy_{split}": value for split, value in self.accuracies.items()},
            "labels": dict(entry.labels),
            "data": self.data,
            "dataset": self.dataset,
            "origin": entry.origin,
            "schedule": None if entry.schedule is None else entry.schedule.content(),
            "inputs": None if entry.inputs is None else asdict(entry.inputs),
            "may_have_seen_val": entry.may_have_seen_val,
            "created": entry.created.isoformat(timespec="seconds"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDetails(EntryDescription):
    """A description with what its labels are, in words, and the studies that use the entry.

    A summary in `labels` is None where the labels cannot be read.
    """

    labels: Mapping[str, str | None]
    used_by: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The details as plain data."""
        labels = {
            split: summary or f"{self.entry.labels[split]}, which cannot be read"
            for split, summary in self.labels.items()
        }
        # The zero-argument super() does not work in a dataclass with slots.
        plain = EntryDescription.to_dict(self)
        return plain | {"labels": labels, "used_by": list(self.used_by)}


def entries(
    *,
    storage: str | Path | None = None,
    test: bool = False,
    on_note: OnNote | None = None,
) -> tuple[EntryDescription, ...]:
    """All entries of the pool: trained members by network, then models by age.

    With `test` their accuracy on test too, which is recorded as a use of it; `on_note` hears of it.
    Raises StorageError if there is no storage.
    """
    splits = ("val", "test") if test else ("val",)
    with Store.open(storage_url(storage), create=False) as store:
        every = all_entries(store)
        if test:
            _record_test(store, every, on_note or unheard, "pool list")
        known = store.pool.datasets()
        return tuple(_described(store, entry, splits, known) for entry in every)


def show(
    name: str,
    *,
    storage: str | Path | None = None,
    test: bool = False,
    on_note: OnNote | None = None,
) -> tuple[EntryDetails, ...]:
    """The details of the entry of a name, or of all entries that lists or tables call so.

    `test` and `on_note` are those of `entries`. Raises UsageError with the nearest names if there
    is no such entry, StorageError if there is no storage.
    """
    splits = ("val", "test") if test else ("val",)
    with Store.open(storage_url(storage), create=False) as store:
        matching = entries_called(all_entries(store), name)
        if test:
            _record_test(store, matching, on_note or unheard, "pool show", name)
        known = store.pool.datasets()
        return tuple(
            _detailed(store, _described(store, entry, splits, known)) for entry in matching
        )


def accuracy(store: Store, entry: Entry, split: str) -> float | None:
    """The accuracy of an entry on a split.

    It is None where there are no predictions, or none that can be used: `verify` says why.
    """
    if split not in entry.labels:
        return None
    try:
        labels = store.pool.labels(entry.labels[split]).values
        logits = predictions.logits(store, entry, split)
    except StorageError:
        return None
    if len(logits) != len(labels):
        return None
    return float(np.mean(logits.argmax(axis=1) == labels))


def _record_test(
    store: Store,
    entries: Sequence[Entry],
    on_note: OnNote,
    verb: str,
    details: str = "",
) -> None:
    """Record a use of test before it happens; what one call sees of several splits is one use."""
    fingerprints = sorted({entry.labels["test"] for entry in entries if "test" in entry.labels})
    before = {labels: store.uses_of_test(labels) for labels in fingerprints}
    for labels in fingerprints:
        store.record_use_of_test(labels, verb, details)
        on_note(uses_of_test.sentence(labels, before[labels], verb, details))


def _described(store: Store, entry: Entry, splits: Sequence[str], known: Known) -> EntryDescription:
    names = {
        fingerprint: dataset.name
        for fingerprint, dataset in known.items()
        if (entry.dataset in ("", fingerprint))
        and entry.labels
        and entry.labels.items() <= dataset.labels.items()
    }
    return EntryDescription(
        entry=entry,
        accuracies={split: accuracy(store, entry, split) for split in splits},
        data=", ".join(sorted(set(names.values()))),
        dataset=entry.dataset or (next(iter(names)) if len(names) == 1 else ""),
    )


def _detailed(store: Store, described: EntryDescription) -> EntryDetails:
    entry = described.entry
    labels = {split: _summary(store, value) for split, value in entry.labels.items()}
    return EntryDetails(
        entry=entry,
        accuracies=described.accuracies,
        data=described.data,
        dataset=described.dataset,
        labels=labels,
        used_by=tuple(store.pool.users(entry.key)[0]) if entry.is_member else (),
    )


def _summary(store: Store, fingerprint: str) -> str | None:
    try:
        return store.pool.labels(fingerprint).summary
    except StorageError:
        return None
