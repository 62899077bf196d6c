"""Models that were trained elsewhere, the labels of all predictions, and taking things away."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select

from ensearch.core import Predictions
from ensearch.errors import StorageError, unknown
from ensearch.store import files, lease, tables
from ensearch.store import labels as labelling
from ensearch.store.labels import SplitLabels

AGAIN = "Take the model out with `ensearch pool remove NAME` and import or add it again"
Transaction = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the inputs of a model were when its predictions were made.

    `resolution` in pixels a side; `mean` and `std` per channel, in grey levels of 0..255, those of
    what `normalised_by` says: the "dataset", or the "model" as timm's weights of it were made.
    """

    resolution: int
    normalised_by: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def normalisation(self) -> str:
        """For people: mean 0.485 0.456 0.406 and deviation 0.229 0.224 0.225."""
        mean, std = (" ".join(f"{v / 255:.3f}" for v in of) for of in (self.mean, self.std))
        return f"mean {mean} and deviation {std}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A model that was trained elsewhere; its predictions lie in files under its key.

    Models of one `network` differ in their training only, as members of a study's network do.
    """

    name: str
    key: str  # content hash of its predictions
    network: str
    macs: int
    params: int | None  # None: nobody said
    labels: Mapping[str, str]  # split -> fingerprint of the labels that its rows belong to
    origin: str
    created: datetime  # with a time zone; comes back in UTC
    inputs: Inputs | None = None  # None: others predicted, or nobody kept it


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPool:
    """What of a storage is not about training. Methods raise StorageError."""

    reading: Transaction
    writing: Transaction
    translated: Callable[[], AbstractContextManager[None]]
    folder: Callable[[], Path]

    # Labels

    def add_labels(
        self, dataset: str, spec: str, labels: Mapping[str, SplitLabels], lasts: bool = False
    ) -> None:
        """Keep the labels of a dataset (by its fingerprint), by split, and what it is called.

        If it `lasts`, `remove` lets them be also where neither model nor study is left of them.
        """
        with self._files() as root:
            for of_split in labels.values():
                labelling.write(root, of_split)
        found = {split: of_split.fingerprint for split, of_split in labels.items()}
        with self.reading() as connection:
            before = _datasets(connection).get(dataset, {})
        value = {"spec": spec, "labels": found, "lasts": lasts or before.get("lasts", False)}
        if value == before:
            return
        with self.writing() as connection:
            note = {"study": "", "name": _note(dataset), "value": value}
            tables.replace(connection, tables.notes, [note])

    def datasets(self) -> dict[str, tuple[str, dict[str, str]]]:
        """By fingerprint: what a dataset is called, and the fingerprints of its splits' labels."""
        with self.reading() as connection:
            found = _datasets(connection)
        return {dataset: (value["spec"], value["labels"]) for dataset, value in found.items()}

    def names_of(self, split: str, labels: str) -> list[str]:
        """What datasets are called whose split has these labels."""
        known = self.datasets().values()
        return sorted({spec for spec, of_split in known if of_split.get(split) == labels})

    def labels(self, fingerprint: str) -> SplitLabels:
        with self._files() as root:
            return labelling.read(root, fingerprint)

    def known_labels(self) -> list[SplitLabels]:
        with self._files() as root:
            return labelling.kept(root)

    # Models

    def add(
        self,
        record: ModelRecord,
        predictions: Sequence[Predictions],
        labels: Collection[SplitLabels],
    ) -> None:
        """Keep a model. Raises StorageError if its name or its predictions are there already.

        Files come first and the row last: a kill in between leaves files that the same import
        writes again.
        """
        self.check(record.name, record.key, record.labels)
        with self._files() as root:
            for of_split in labels:
                labelling.write(root, of_split)
            for prediction in predictions:
                files.write_predictions(root, prediction)
        with self.writing() as connection, self._files() as root:
            _refuse(connection, record.name, record.key, record.labels)
            for of_split in labels:  # once more: another `remove` may have taken them meanwhile
                labelling.write(root, of_split)
            row = asdict(record)
            inputs = row.pop("inputs")
            connection.execute(tables.pool.insert(), [row])
            # A note and no column: storages made before there were any keep their layout.
            if inputs is not None:
                note = {"study": "", "name": _inputs(record.name), "value": inputs}
                tables.replace(connection, tables.notes, [note])

    def check(
        self, name: str, key: str | None = None, labels: Mapping[str, str] | None = None
    ) -> None:
        """Raises StorageError if a model's name or its predictions are there already."""
        with self.reading() as connection:
            _refuse(connection, name, key, labels)

    def models(self) -> list[ModelRecord]:
        """Oldest first."""
        query = select(tables.pool).order_by(tables.pool.c.created, tables.pool.c.name)
        with self.reading() as connection:
            inputs = _notes(connection, _inputs(""))
            return [_record(row, inputs.get(row.name)) for row in connection.execute(query)]

    def predictions(self, key: str, split: str, remedy: str = AGAIN) -> Predictions:
        """Logits (N x C, float16) of a model, or of a trained member.

        Raises StorageError with the `remedy` if they are missing or damaged.
        """
        with self._files() as root:
            return files.read_predictions(root, key, split, remedy)

    def remove(self, name: str) -> None:
        """Take a model out, and its files; labels that nothing refers to any more go too."""
        row = tables.pool.c
        with self.writing() as connection, self._files() as root:
            names = connection.scalars(select(row.name)).all()
            if name not in names:
                raise StorageError(str(unknown("model of the pool", name, names)))
            key, labels = connection.execute(
                select(row.key, row.labels).where(row.name == name)
            ).one()
            connection.execute(tables.pool.delete().where(row.name == name))
            tables.remove(connection, tables.notes, [{"study": "", "name": _inputs(name)}])
            # A wrong import's would make later ones ambiguous.
            for fingerprint in _forget(connection, set(labels.values())):
                files.remove(labelling.path(root, fingerprint))
        self._remove_files(key)

    # Trained members

    def users(self, key: str) -> tuple[list[str], list[str]]:
        """Studies whose evaluations rest on a member, and studies that run now and may use it."""
        evaluations, members = tables.evaluations.c, tables.members.c
        query = select(evaluations.study, evaluations.members).distinct()
        with self.reading() as connection:
            using = {row.study for row in connection.execute(query) if key in row.members}
            trained_by = connection.execute(
                select(members.trained_by).where(members.key == key)
            ).scalar()
            owner = (trained_by or "").partition(" ")[0]
            now = tables.now(connection)
            holders = connection.execute(select(tables.leases)).all()
        live = {row.study for row in holders if lease.is_alive(row, now)}
        return sorted(using), sorted(live & (using | {owner}))

    def remove_member(self, key: str) -> None:
        """Take a trained member out, and its predictions and weights."""
        with self.writing() as connection:
            connection.execute(tables.members.delete().where(tables.members.c.key == key))
        self._remove_files(key)

    @contextmanager
    def _files(self) -> Iterator[Path]:
        root = self.folder()
        with self.translated():
            yield root

    def _remove_files(self, key: str) -> None:
        """After the row: a kill in between leaves files that nothing reads."""
        with self._files() as root:
            for split in ("val", "test"):
                files.remove(files.predictions_path(root, key, split))
            files.remove(files.weights_path(root, key))


def _note(dataset: str) -> str:
    return f"labels {dataset}"


def _inputs(name: str) -> str:
    return f"inputs {name}"


def _notes(connection: Connection, prefix: str) -> dict[str, Any]:
    """The storage's own notes whose names begin so, by what follows."""
    notes = tables.notes.c
    query = select(notes.name, notes.value).where(notes.study == "", notes.name.startswith(prefix))
    return {row.name.removeprefix(prefix): row.value for row in connection.execute(query)}


def _datasets(connection: Connection) -> dict[str, dict[str, Any]]:
    """By fingerprint what `add_labels` kept of them."""
    return _notes(connection, _note(""))


def _forget(connection: Connection, labels: set[str]) -> set[str]:
    """Which of the labels no model, study, trained member or lasting dataset has.

    Datasets of which no model is left are forgotten.
    """
    studies, members = tables.studies.c, tables.members.c
    still = {f for of in connection.scalars(select(tables.pool.c.labels)) for f in of.values()}
    ours = {config.get("fingerprint") for config in connection.scalars(select(studies.config))}
    ours |= {member["dataset"] for member in connection.scalars(select(members.member))}
    for dataset, value in _datasets(connection).items():
        own = set(value["labels"].values())
        if not own & labels:
            continue
        if dataset in ours or value.get("lasts") or own & still:
            still |= own
            continue
        notes = tables.notes.c
        where = (notes.study == "") & (notes.name == _note(dataset))
        connection.execute(tables.notes.delete().where(where))
        labels = labels | own
    return labels - still


def _refuse(
    connection: Connection, name: str, key: str | None, labels: Mapping[str, str] | None
) -> None:
    row = tables.pool.c
    twins = select(row.name, row.key, row.labels).where((row.name == name) | (row.key == key))
    for twin in connection.execute(twins):
        if twin.name == name:
            raise StorageError(
                f"the pool holds a model {name!r} already: choose another --name, or take "
                f"that one out first with `ensearch pool remove {name}`."
            )
        same = f"the predictions of {name!r} are those of {twin.name!r}, which the pool holds"
        if labels is not None and labels != twin.labels:
            raise StorageError(
                f"{same} with other labels. If those were wrong, take it out first with `ensearch "
                f"pool remove {twin.name}`; one model must not count twice."
            )
        raise StorageError(
            f"{same} already: one model must not count twice. Give the predictions of another "
            "model."
        )


def _record(row: Row[Any], inputs: dict[str, Any] | None) -> ModelRecord:
    content = row._asdict()
    found = None if inputs is None else Inputs(**inputs | _tuples(inputs))
    return ModelRecord(**content | {"labels": dict(content["labels"]), "inputs": found})


def _tuples(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(inputs[name]) for name in ("mean", "std")}
