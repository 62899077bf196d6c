"""Entries of the pool -> one file that another storage imports, see `archive_import`.

It is a zip of what lies in the folder of a storage's files, under the same names:

    pool.json                 the rows of the entries, and the SHA-256 of every other file
    ab/abKEY.SPLIT.npz        predictions
    ab/abKEY.safetensors      weights of a member
    labels/FINGERPRINT.npz    what the rows of predictions are of
    images/FINGERPRINT.npz    a sample of images of val, by which exports are verified
"""

import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ensearch.errors import StorageError, invalid
from ensearch.files import atomic, sha256
from ensearch.pool import predictions, query
from ensearch.pool.entry import Entry
from ensearch.pool.notes import OnNote, unheard
from ensearch.store import Store, digests, files, labels, records, samples, storage_url
from ensearch.store.model_records import DatasetRecord

CONTENT = "pool.json"
FORMAT = 1  # raise it where an earlier version could not read the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A file of entries that was written. `size` is in bytes."""

    path: Path
    members: int
    models: int
    size: int

    def to_dict(self) -> dict[str, Any]:
        """The archive as plain data."""
        return asdict(self) | {"path": str(self.path)}


def export(
    pool: str,
    out: str | Path,
    *,
    weights: bool = True,
    storage: str | Path | None = None,
    on_note: OnNote | None = None,
) -> Archive:
    """Write entries of the pool, with all their files, to one file for another storage.

    `pool` is a query as `combine` takes it. Weights of members are left out without `weights`.
    Every file is held against its digest; those that nobody has verified stay so where they are
    imported, and `on_note` hears how many. Raises UsageError if `out` is there already or if a part
    of the query matches nothing, StorageError for a file that is missing or has changed, or if the
    archive cannot be written.
    """
    path = Path(out)
    if path.exists():
        raise invalid("out", f"must be a file that is not there yet; {path} is.")
    with Store.open(storage_url(storage), create=False) as store:
        entries = query.matching(store, pool)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with (
                atomic.replacing(path) as temporary,
                zipfile.ZipFile(temporary, "x", strict_timestamps=False) as archive,
            ):
                unverified = _write(store, entries, archive, weights)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error}.") from error
    if unverified:
        (on_note or unheard)(f"{unverified} of the files are unverified, and stay so")
    members = sum(entry.is_member for entry in entries)
    size = path.stat().st_size
    return Archive(path=path, members=members, models=len(entries) - members, size=size)


def _write(store: Store, entries: Sequence[Entry], archive: zipfile.ZipFile, weights: bool) -> int:
    """Write all files, and last what they are; returns how many of them nobody has verified."""
    found: dict[str, str] = {}
    unverified: list[str] = []
    for entry in entries:
        known = store.member_files.digests(entry.key)
        for part, content in _parts(store, entry, weights).items():
            name = file_name(entry.key, part)
            found[name] = _put(archive, name, content)
            unverified += [] if part in known else [name]
    datasets = _datasets(store, entries)
    with tempfile.TemporaryDirectory() as folder:
        _keep_labels(store, entries, datasets, Path(folder))
        for file in sorted(Path(folder).rglob("*.npz")):
            name = file.relative_to(folder).as_posix()
            found[name] = _put(archive, name, file)
    described = {
        "format": FORMAT,
        "members": _members(store, entries, weights),
        "models": _models(store, entries),
        "datasets": [asdict(record) for record in datasets.values()],
        "files": found,
        "unverified": unverified,
    }
    archive.writestr(CONTENT, json.dumps(described, indent=1))
    return len(unverified)


def file_name(key: str, part: str) -> str:
    """Where predictions of a split, or weights, of a member or model lie in the archive."""
    root = Path()
    if part == digests.WEIGHTS:
        return files.weights_path(root, key).as_posix()
    return files.predictions_path(root, key, part).as_posix()


def _parts(store: Store, entry: Entry, weights: bool) -> dict[str, bytes | Path]:
    """What there is of an entry, by part, as it was written. Raises StorageError if it is not."""
    parts: dict[str, bytes | Path] = {}
    try:
        for split in entry.splits:
            parts[split] = files.content_of(store.predictions(entry.key, split))
        if weights and entry.has_weights:
            parts[digests.WEIGHTS] = store.weights_path(entry.key)
    except StorageError as error:
        raise predictions.of_entry(entry, error) from error
    return parts


def _put(archive: zipfile.ZipFile, name: str, content: bytes | Path) -> str:
    """Add a file, and return its digest."""
    if isinstance(content, bytes):
        archive.writestr(name, content)
        return sha256.of(content)
    archive.write(content, name)
    return sha256.of_file(content)


def _datasets(store: Store, entries: Sequence[Entry]) -> dict[str, DatasetRecord]:
    """The images that members were trained on, and those that rows of models may be of."""
    return {
        fingerprint: record
        for fingerprint, record in store.pool.datasets().items()
        if any(
            entry.dataset == fingerprint
            if entry.is_member
            else entry.labels.items() <= record.labels.items()
            for entry in entries
        )
    }


def _keep_labels(
    store: Store, entries: Sequence[Entry], datasets: Mapping[str, DatasetRecord], folder: Path
) -> None:
    """Write labels, and samples of images where they are kept, as a storage has them."""
    of_datasets = [record.labels for record in datasets.values()]
    every = [*of_datasets, *(entry.labels for entry in entries)]
    for fingerprint in {each for of_splits in every for each in of_splits.values()}:
        labels.write(folder, store.pool.labels(fingerprint))
    (folder / "images").mkdir()
    for fingerprint in datasets:
        # There is none of a model, and of studies from before they were kept.
        if samples.path(store.files, fingerprint).exists():
            samples.write(folder, fingerprint, store.pool.sample(fingerprint))


def _members(store: Store, entries: Sequence[Entry], weights: bool) -> list[dict[str, Any]]:
    keys = [entry.key for entry in entries if entry.is_member]
    known = store.members(keys)
    rows = [records.member_row(known[key]) for key in keys]
    return [
        row | {"created": row["created"].isoformat(), "has_weights": weights and row["has_weights"]}
        for row in rows
    ]


def _models(store: Store, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    known = {record.key: record for record in store.pool.models()}
    found = [known[entry.key] for entry in entries if not entry.is_member]
    return [asdict(record) | {"created": record.created.isoformat()} for record in found]
