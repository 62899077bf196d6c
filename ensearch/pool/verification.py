"""What is wrong with the pool, and how to put it right."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.datasets import _held_out as held_out
from ensearch.errors import StorageError
from ensearch.pool import entry as pool_entry
from ensearch.pool.entry import Entry
from ensearch.pool.register import content_key
from ensearch.store import Store
from ensearch.store.labels import RESTORE, SplitLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """In words, of an entry or of labels that several `entries` share."""

    name: str
    says: str
    entries: tuple[str, ...]


def problems(store: Store) -> list[Problem]:
    """Of every entry: files there and whole, finite, rows of the labels, content as it was."""
    every = pool_entry.entries(store)
    labels: dict[str, SplitLabels] = {}
    found = []
    for fingerprint in sorted({f for entry in every for f in entry.labels.values()}):
        try:
            labels[fingerprint] = store.pool.labels(fingerprint)
        except StorageError as error:
            found.append(_of_labels(store, fingerprint, str(error), every))
    for entry in every:
        found += [
            Problem(name=entry.name, says=one, entries=(entry.name,))
            for one in _of_entry(store, entry, labels)
        ]
    return found


def _of_labels(store: Store, fingerprint: str, says: str, every: Sequence[Entry]) -> Problem:
    names = tuple(entry.name for entry in every if fingerprint in entry.labels.values())
    needed = names[0] if len(names) == 1 else f"{len(names)} entries such as {names[0]}"
    what = says.removesuffix(f". {RESTORE}.")
    return Problem(
        name=f"labels {fingerprint[:8]}, of {needed}",
        says=f"{what}; {_written_again(store, fingerprint, names)}",
        entries=names,
    )


def _written_again(store: Store, fingerprint: str, names: Sequence[str]) -> str:
    """What writes labels again, whether their file is lost or damaged."""
    data = {
        images: spec
        for images, (spec, labels) in store.pool.datasets().items()
        if fingerprint in labels.values()
    }
    for study in store.studies():
        if study.config.get("fingerprint") in data:
            return f"or let `ensearch resume {study.name}` write them again"
    for spec in data.values():
        of, seed = held_out.parts(spec)
        how = "--choose-on study" if seed is None else f"--seed {seed}"
        return (
            f"or let `ensearch pool images --dataset {shlex.quote(of)} {how} --out NEW.npz` write "
            "them again" + (", with the --seed of then" if seed is None else "")
        )
    return f"or `ensearch pool remove {' '.join(names)}`, and import again"


def _of_entry(store: Store, entry: Entry, labels: dict[str, SplitLabels]) -> list[str]:
    says, wrong, logits = [], [], {}
    for split, fingerprint in entry.labels.items():
        try:
            rows = logits[split] = pool_entry.logits(store, entry, split)
        except StorageError as error:
            says.append(str(error))
            continue
        of = labels.get(fingerprint)
        if of is not None and rows.shape != (len(of.values), of.count):
            wrong.append(f"{split}: {rows.shape[0]} x {rows.shape[1]} predictions for {of.summary}")
        if not np.isfinite(rows).all():
            wrong.append(f"{split}: predictions with NaN or infinity")
    if entry.is_member:
        lost = store.missing_files([entry.key])
        says += [f"{path} is missing" for path in lost if path.suffix == ".safetensors"]
        if not entry.labels:
            says.append("the labels of its images are not kept: resume a study of them")
    elif len(logits) == len(entry.labels) and content_key(logits) != entry.key:
        wrong.append("its predictions are not those that were brought")
    return [*says, *([f"{'; '.join(wrong)}. {pool_entry.remedy(entry)}."] if wrong else [])]
