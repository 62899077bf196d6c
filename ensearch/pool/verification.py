"""What is wrong with the pool, and how to put it right."""

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensearch import datasets
from ensearch.datasets import CACHE_DAMAGED
from ensearch.errors import EnsearchError, StorageError
from ensearch.pool import predictions, remaking
from ensearch.pool.entry import Entry, all_entries
from ensearch.pool.notes import OnNote, unheard
from ensearch.pool.registration import content_key
from ensearch.pool.remaking import Unverified
from ensearch.store import Store, storage_url
from ensearch.store.labels import SplitLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with an entry, with labels that several `entries` share, or with images."""

    name: str
    error: EnsearchError
    entries: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The problem as plain data."""
        return {"name": self.name, "problem": str(self.error), "entries": list(self.entries)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The numbers of entries and of caches of images that were checked, and what was found.

    The files `unverified` may hold anything that can be read: no digest of them is kept.
    """

    entries: int
    problems: tuple[Problem, ...]
    unverified: tuple[Unverified, ...] = ()
    caches: int = 0

    @property
    def unusable(self) -> tuple[str, ...]:
        """The names of all entries that have a problem."""
        return tuple(sorted({name for problem in self.problems for name in problem.entries}))

    @property
    def damaged_caches(self) -> int:
        """How many caches of images have a problem."""
        return sum(problem.error.problem == CACHE_DAMAGED for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "entries": self.entries,
            "problems": [problem.to_dict() for problem in self.problems],
            "unverified": [file.to_dict() for file in self.unverified],
            "caches": self.caches,
        }


def verify(
    *,
    storage: str | Path | None = None,
    data_dir: str | Path | None = None,
    predict_again: bool = False,
    device: str | None = None,
    on_progress: OnNote | None = None,
) -> Verification:
    """Check every entry of the pool, and the images that are kept of folders of pictures.

    Files must be there and hold what was written to them, numbers be finite, and rows those of the
    labels. Files that an earlier version wrote have no digest, and come back as unverified. Models
    get theirs here, because their key tells whether their predictions are those that came. With
    `predict_again` members of which weights are kept predict once more: those that agree get
    theirs, the others have a problem. That reads the images of their studies, on the `device`.

    Images are those in `data_dir`, "data" if nothing is said. `on_progress` hears what is checked
    where that takes long. Raises StorageError if there is no storage.
    """
    heard = on_progress or unheard
    with Store.open(storage_url(storage), create=False) as store:
        folder = datasets.data_folder(data_dir)
        found = problems(store)
        _verify_models(store, {name for problem in found for name in problem.entries})
        if predict_again:
            found += [
                Problem(name=entry.name, error=error, entries=(entry.name,))
                for entry, error in remaking.remake(store, folder, device or "auto", heard)
            ]
        caches = list(datasets.damaged_caches(folder, heard))
        found += [
            Problem(name=f"images in {path}", error=error, entries=())
            for path, error in caches
            if error is not None
        ]
        return Verification(
            entries=len(all_entries(store)),
            problems=tuple(found),
            unverified=tuple(remaking.unverified(store)),
            caches=len(caches),
        )


def problems(store: Store) -> list[Problem]:
    """All problems of labels and of entries; see `verify`."""
    entries = all_entries(store)
    labels: dict[str, SplitLabels] = {}
    problems = []
    # Those of a test split that nothing has predicted yet too: the next confirmation needs them.
    of_datasets = {f for known in store.pool.datasets().values() for f in known.labels.values()}
    named = {f for entry in entries for f in entry.labels.values()}
    for fingerprint in sorted(named | of_datasets):
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


def _verify_models(store: Store, unusable: Collection[str]) -> None:
    """Keep digests of the models that have none and are as they came."""
    for entry in all_entries(store):
        if not entry.is_member and entry.name not in unusable:
            parts = entry.labels.keys() - store.member_files.digests(entry.key).keys()
            if parts:
                store.member_files.verified(entry.key, sorted(parts))


def _labels_problem(
    store: Store, fingerprint: str, error: StorageError, entries: Sequence[Entry]
) -> Problem:
    names = tuple(entry.name for entry in entries if fingerprint in entry.labels.values())
    needed = f"{len(names)} entries such as {names[0]}" if len(names) > 1 else "".join(names)
    says = " ".join(str(error.facts[name]) for name in ("path", "says") if name in error.facts)
    return Problem(
        name=f"labels {fingerprint[:8]}, of {needed or 'no entry yet'}",
        error=_labels_unusable(store, fingerprint, f"{says or error}.", names),
        entries=names,
    )


def _labels_unusable(
    store: Store, fingerprint: str, says: str, names: Sequence[str]
) -> StorageError:
    """The error for labels that cannot be read, with what writes them again."""
    having = {
        images: dataset
        for images, dataset in store.pool.datasets().items()
        if fingerprint in dataset.labels.values()
    }
    for study in store.studies():
        if study.config.get("fingerprint") in having:
            return StorageError(says, problem="labels_of_study_unusable", study=study.name)
    for dataset in having.values():
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
    for split in entry.splits:
        try:
            rows = logits[split] = predictions.logits(store, entry, split)
        except StorageError as error:
            yield error
            continue
        of_split = labels.get(entry.labels.get(split, ""))
        if of_split is not None and rows.shape != (len(of_split.values), of_split.count):
            wrong.append(
                f"{split}: {rows.shape[0]} x {rows.shape[1]} predictions for {of_split.summary}"
            )
        if not np.isfinite(rows).all():
            wrong.append(f"{split}: predictions with NaN or infinity")
    if entry.is_member:
        if entry.has_weights:
            try:
                store.weights_path(entry.key)
            except StorageError as error:
                yield predictions.of_entry(entry, error)
        if not entry.labels:
            yield StorageError("the labels of its images are not kept: resume a study of them")
    elif len(logits) == len(entry.labels) and content_key(logits) != entry.key:
        wrong.append("its predictions are not those that were imported")
    if wrong:
        yield predictions.unusable(entry, "; ".join(wrong))
