"""What is wrong with the pool, and how to put it right."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensearch.errors import StorageError
from ensearch.pool import predictions
from ensearch.pool.entry import Entry, all_entries
from ensearch.pool.registration import content_key
from ensearch.store import Store, storage_url
from ensearch.store.labels import SplitLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with an entry, or with labels that several `entries` share."""

    name: str
    error: StorageError
    entries: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The problem as plain data."""
        return {"name": self.name, "problem": str(self.error), "entries": list(self.entries)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The number of entries that were checked, and every problem among them."""

    entries: int
    problems: tuple[Problem, ...]

    @property
    def unusable(self) -> tuple[str, ...]:
        """The names of all entries that have a problem."""
        return tuple(sorted({name for problem in self.problems for name in problem.entries}))

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        problems = [problem.to_dict() for problem in self.problems]
        return {"entries": self.entries, "problems": problems}


def verify(*, storage: str | Path | None = None) -> Verification:
    """Check every entry of the pool, and return all problems.

    Files must be there and whole, numbers finite, rows those of the labels, and the content what
    it was when it came. Raises StorageError if there is no storage.
    """
    with Store.open(storage_url(storage), create=False) as store:
        return Verification(entries=len(all_entries(store)), problems=tuple(problems(store)))


def problems(store: Store) -> list[Problem]:
    """All problems of labels and of entries; see `verify`."""
    entries = all_entries(store)
    labels: dict[str, SplitLabels] = {}
    problems = []
    for fingerprint in sorted({f for entry in entries for f in entry.labels.values()}):
        try:
            labels[fingerprint] = store.pool.labels(fingerprint)
        except StorageError as error:
            problems.append(_labels_problem(store, fingerprint, error, entries))
    for entry in entries:
        problems += [
            Problem(name=entry.name, error=error, entries=(entry.name,))
            for error in _entry_errors(store, entry, labels)
        ]
    return problems


def _labels_problem(
    store: Store, fingerprint: str, error: StorageError, entries: Sequence[Entry]
) -> Problem:
    names = tuple(entry.name for entry in entries if fingerprint in entry.labels.values())
    needed = names[0] if len(names) == 1 else f"{len(names)} entries such as {names[0]}"
    says = " ".join(str(error.facts[name]) for name in ("path", "says") if name in error.facts)
    return Problem(
        name=f"labels {fingerprint[:8]}, of {needed}",
        error=_labels_unusable(store, fingerprint, f"{says or error}.", names),
        entries=names,
    )


def _labels_unusable(
    store: Store, fingerprint: str, says: str, names: Sequence[str]
) -> StorageError:
    """The error for labels that cannot be read, with what writes them again."""
    datasets = {
        images: dataset
        for images, dataset in store.pool.datasets().items()
        if fingerprint in dataset.labels.values()
    }
    for study in store.studies():
        if study.config.get("fingerprint") in datasets:
            return StorageError(says, problem="labels_of_study_unusable", study=study.name)
    for dataset in datasets.values():
        quoted, seed = shlex.quote(dataset.spec), dataset.halves_seed
        if seed is None:
            return StorageError(says, problem="labels_of_split_unusable", dataset=quoted)
        return StorageError(says, problem="labels_of_halves_unusable", dataset=quoted, seed=seed)
    return StorageError(
        f"{says} Else remove the entries that need them, and import these again.",
        problem="labels_unusable",
        names=" ".join(names),
    )


def _entry_errors(
    store: Store, entry: Entry, labels: Mapping[str, SplitLabels]
) -> Iterator[StorageError]:
    wrong, logits = [], {}
    for split, fingerprint in entry.labels.items():
        try:
            rows = logits[split] = predictions.logits(store, entry, split)
        except StorageError as error:
            yield error
            continue
        of_split = labels.get(fingerprint)
        if of_split is not None and rows.shape != (len(of_split.values), of_split.count):
            wrong.append(
                f"{split}: {rows.shape[0]} x {rows.shape[1]} predictions for {of_split.summary}"
            )
        if not np.isfinite(rows).all():
            wrong.append(f"{split}: predictions with NaN or infinity")
    if entry.is_member:
        for path in store.missing_files([entry.key]):
            if path.suffix == ".safetensors":
                yield StorageError(f"{path} is missing")
        if not entry.labels:
            yield StorageError("the labels of its images are not kept: resume a study of them")
    elif len(logits) == len(entry.labels) and content_key(logits) != entry.key:
        wrong.append("its predictions are not those that were imported")
    if wrong:
        yield predictions.unusable(entry, "; ".join(wrong))
