"""A file that `archive.export` wrote -> the pool of another storage, all of it checked before."""

import json
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ensearch.core import Predictions
from ensearch.errors import EnsearchError, UsageError
from ensearch.files import regular_file, sha256
from ensearch.pool import registration
from ensearch.pool.archive import CONTENT, FORMAT, file_name
from ensearch.pool.entry import all_entries, check_name
from ensearch.pool.notes import OnNote, unheard
from ensearch.store import MemberRecord, Store, digests, files, records, samples, storage_url
from ensearch.store import labels as split_labels
from ensearch.store.labels import SplitLabels
from ensearch.store.model_records import DatasetRecord, Inputs, ModelRecord

MOST_ROWS = 2**28  # bytes of what describes the entries: a thousand for each of a few 100,000
SPLITS = ("val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came into the pool, and what was `known` there already; names of entries."""

    members: tuple[str, ...]
    models: tuple[str, ...]
    known: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The import as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    members: tuple[MemberRecord, ...]
    models: tuple[ModelRecord, ...]
    datasets: tuple[DatasetRecord, ...]
    files: Mapping[str, str]
    unverified: tuple[str, ...]


def is_archive(file: str | Path) -> bool:
    """Whether a file is what `archive.export` writes, as far as its table of contents says.

    Raises UsageError where there is no such file.
    """
    try:
        regular_file.check(Path(file))
        with zipfile.ZipFile(file) as opened:
            return CONTENT in opened.namelist()
    except FileNotFoundError as error:
        raise UsageError(
            f"{file}: no such file, seen from {Path.cwd()}. Check the path."
        ) from error
    except (OSError, zipfile.BadZipFile, ValueError):
        return False


def import_archive(
    file: str | Path, *, storage: str | Path | None = None, on_note: OnNote | None = None
) -> Imported:
    """Put the entries of a file that `export` wrote into the pool.

    Nothing is unpickled or run, and nothing is kept before all files were held against their
    digests. Members that the pool has trained already, and models whose predictions it holds, stay
    as they are; `on_note` hears how many. Where the import is killed, the next one brings the rest.
    Raises UsageError for a file that is no archive or is damaged, StorageError where the pool holds
    another model of the same name.
    """
    path = Path(file)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            regular_file.check(path)
            archive = stack.enter_context(zipfile.ZipFile(path))
            content = _checked(archive)
            labels = _extracted(archive, content, folder)
            _check_rows(archive, content, labels)
        except EnsearchError as error:
            raise UsageError(f"{path}: {error}") from error
        except FileNotFoundError as error:
            raise UsageError(f"{path}: no such file, seen from {Path.cwd()}.") from error
        # Damaged archives raise many kinds of error, from zipfile, zlib and json.
        except Exception as error:
            says = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise UsageError(
                f"{path} is no whole archive of a pool ({says}). Export or copy it again."
            ) from error
        with Store.open(storage_url(storage), create=True) as store:
            imported = _into(store, archive, content, labels, folder)
    if imported.known:
        (on_note or unheard)(
            f"{len(imported.known)} of the entries were here already and stay as they are"
        )
    return imported


def _checked(archive: zipfile.ZipFile) -> _Content:
    """What the archive holds, every file of it as it was written. Raises many kinds of error."""
    if archive.getinfo(CONTENT).file_size > MOST_ROWS:
        raise ValueError(f"{CONTENT} is too large")
    table = json.loads(archive.read(CONTENT))
    if table["format"] != FORMAT:
        raise UsageError(
            f"the archive has format {table['format']!r:.20}, this version reads {FORMAT}: a newer "
            "version of ensearch wrote it."
        )
    content = _Content(
        members=tuple(_member(row) for row in table["members"]),
        models=tuple(_model(row) for row in table["models"]),
        datasets=tuple(_dataset(row) for row in table["datasets"]),
        files=dict(table["files"]),
        unverified=tuple(table["unverified"]),
    )
    for name, digest in content.files.items():
        with archive.open(name) as file:
            if sha256.of_stream(file) != digest:
                raise ValueError(f"{name} does not hold what was exported")
    return content


def _member(row: dict[str, Any]) -> MemberRecord:
    created = datetime.fromisoformat(row["created"])
    like_a_row: Any = SimpleNamespace(**{"strategy": ""} | row | {"created": created})
    record = records.member_record(like_a_row)
    _check(record.member.key == row["key"] and record.state == "trained", row["key"])
    _check(set(record.splits) <= set(SPLITS) and len(record.splits) > 0, row["key"])
    _check(isinstance(record.has_weights, bool), row["key"])
    registration.check_size(row["key"], record.cost.macs, record.cost.params)
    texts = (record.study, record.stage, record.device, record.strategy)
    _check(all(isinstance(text, str) and len(text) < 200 for text in texts), row["key"])
    numbers = (record.train_macs, record.seconds, *record.losses)
    _check(all(isinstance(number, int | float) for number in numbers), row["key"])
    # No study of this storage.
    study = record.study.removesuffix(records.IMPORTED) + records.IMPORTED
    return replace(record, study=study, created=created.astimezone(UTC))


def _model(row: dict[str, Any]) -> ModelRecord:
    if row["inputs"] is not None:
        numbers = {name: tuple(map(float, row["inputs"][name])) for name in ("mean", "std")}
        row = row | {"inputs": Inputs(**row["inputs"] | numbers)}
    created = datetime.fromisoformat(row["created"]).astimezone(UTC)
    record = ModelRecord(**row | {"created": created})
    check_name(record.name)
    check_name(record.network)
    registration.check_size(record.name, record.macs, record.params)
    _check(len(record.labels) > 0 and set(record.labels) <= set(SPLITS), record.name)
    _check(isinstance(record.may_have_seen_val, bool), record.name)
    _check(isinstance(record.origin, str), record.name)
    return record


def _dataset(row: dict[str, Any]) -> DatasetRecord:
    record = DatasetRecord(**row)
    files.checked(record.fingerprint)
    _check(isinstance(record.spec, str) and set(record.labels) <= set(SPLITS), record.fingerprint)
    _check(record.halves_seed is None or isinstance(record.halves_seed, int), record.fingerprint)
    return record


def _check(holds: bool, name: str) -> None:
    if not holds:
        raise ValueError(f"{CONTENT} does not describe {name!r:.80}")


def _extracted(archive: zipfile.ZipFile, content: _Content, folder: Path) -> dict[str, SplitLabels]:
    """Labels and samples as files of a folder; returns the labels by fingerprint."""
    wanted = {each for record in content.datasets for each in record.labels.values()}
    wanted |= {each for model in content.models for each in model.labels.values()}
    sampled = {record.fingerprint for record in content.datasets}
    paths = [split_labels.path(Path(), each) for each in wanted]
    paths += [
        path for each in sampled if (path := samples.path(Path(), each)).as_posix() in content.files
    ]
    for path in paths:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(_read(archive, content, path.as_posix()))
    return {each: split_labels.read(folder, each) for each in wanted}


def _read(archive: zipfile.ZipFile, content: _Content, name: str) -> bytes:
    if name not in content.files:
        raise ValueError(f"{name} is missing")
    return archive.read(name)


def _check_rows(
    archive: zipfile.ZipFile, content: _Content, labels: Mapping[str, SplitLabels]
) -> None:
    """Predictions are of their labels, and those of models have the key that they give."""
    known = {record.fingerprint: record.labels for record in content.datasets}
    for record in content.members:
        _of(archive, content, record.member.key, known.get(record.member.dataset, {}), labels)
        if record.has_weights:
            _check(
                file_name(record.member.key, digests.WEIGHTS) in content.files, record.member.key
            )
    for model in content.models:
        found = _of(archive, content, model.key, model.labels, labels)
        key = registration.content_key({each.split: each.logits for each in found})
        _check(key == model.key, model.name)


def _of(
    archive: zipfile.ZipFile,
    content: _Content,
    key: str,
    of_splits: Mapping[str, str],
    labels: Mapping[str, SplitLabels],
) -> list[Predictions]:
    """The predictions that the archive has of a member or model."""
    result = []
    for split in SPLITS:
        name = file_name(key, split)
        if name not in content.files:
            continue
        found = files.predictions_of(archive.read(name), Path(name), key, split)
        if split in of_splits:
            wanted = labels[of_splits[split]]
            _check(found.logits.shape == (len(wanted.values), wanted.count), name)
        result.append(found)
    return result


def _into(
    store: Store,
    archive: zipfile.ZipFile,
    content: _Content,
    labels: Mapping[str, SplitLabels],
    folder: Path,
) -> Imported:
    """Keep what the storage does not have, models and members one after another."""
    there = {record.name: record.key for record in store.pool.models()}
    new = [model for model in content.models if model.key not in there.values()]
    for model in new:
        store.pool.check(model.name)
        registration.check_network(store, model)
    trained = store.members(record.member.key for record in content.members)
    fresh = [
        record
        for record in content.members
        if (old := trained.get(record.member.key)) is None or old.state != "trained"
    ]
    for dataset in content.datasets:
        own = {split: labels[each] for split, each in dataset.labels.items()}
        store.pool.add_labels(
            dataset.fingerprint,
            dataset.spec,
            own,
            halves_seed=dataset.halves_seed,
            lasts=dataset.lasts,
        )
        if samples.path(folder, dataset.fingerprint).exists():
            store.pool.keep_sample(dataset.fingerprint, samples.read(folder, dataset.fingerprint))
    for model in new:
        own = {split: labels[each] for split, each in model.labels.items()}
        store.pool.add(model, _of(archive, content, model.key, {}, {}), own.values())
        _forget_unverified(store, content, model.key)
    for record in fresh:
        _keep(store, archive, content, record)
    came = {model.key for model in new} | {record.member.key for record in fresh}
    given = {model.key for model in content.models}
    given |= {record.member.key for record in content.members}
    entries = [entry for entry in all_entries(store) if entry.key in given]
    return Imported(
        members=tuple(e.name for e in entries if e.is_member and e.key in came),
        models=tuple(e.name for e in entries if not e.is_member and e.key in came),
        known=tuple(e.name for e in entries if e.key not in came),
    )


def _keep(store: Store, archive: zipfile.ZipFile, content: _Content, record: MemberRecord) -> None:
    key = record.member.key
    found = tuple(_of(archive, content, key, {}, {}))
    weights = archive.read(file_name(key, digests.WEIGHTS)) if record.has_weights else None
    store.add_trained(record, found, weights)
    _forget_unverified(store, content, key)


def _forget_unverified(store: Store, content: _Content, key: str) -> None:
    """What nobody had verified where it comes from is not verified by having been copied."""
    parts = (*SPLITS, digests.WEIGHTS)
    doubted = [part for part in parts if file_name(key, part) in content.unverified]
    if doubted:
        store.member_files.forget(key, doubted)
