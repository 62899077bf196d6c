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
from ensearch.store import digests, files, lease, samples, tables
from ensearch.store import labels as split_labels
from ensearch.store.labels import SplitLabels
from ensearch.store.member_files import MemberFiles, Transaction
from ensearch.store.samples import ImageSample


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
        """Both in words: mean 0.485 0.456 0.406 and deviation 0.229 0.224 0.225."""
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
    origin: str  # for people
    created: datetime  # with a time zone; comes back in UTC
    may_have_seen_val: bool = False  # val is cut from images on which it may have been trained
    inputs: Inputs | None = None  # None: others predicted, or nobody kept it


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """Images on which models and members are scored.

    `spec` is what the dataset is called. Val and test are halves of its held-out images, cut with
    `halves_seed`, or with None as studies read them: then val is cut from train. If it `lasts`,
    removing models lets it be also where neither model nor study is left of it.
    """

    fingerprint: str
    spec: str
    labels: Mapping[str, str]  # split -> fingerprint of its labels
    halves_seed: int | None = None
    lasts: bool = False

    @property
    def name(self) -> str:
        """What people call it: its spec, and that it is halved if it is."""
        halved = f", held-out images halved with seed {self.halves_seed}"
        return self.spec if self.halves_seed is None else self.spec + halved


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStore:
    """Models that were trained elsewhere, and labels. Methods raise StorageError."""

    reading: Transaction
    writing: Transaction
    translated: Callable[[], AbstractContextManager[None]]
    folder: Callable[[], Path]
    files: MemberFiles

    # Labels

    def add_labels(
        self,
        dataset: str,
        spec: str,
        labels: Mapping[str, SplitLabels],
        *,
        halves_seed: int | None = None,
        lasts: bool = False,
    ) -> None:
        """Keep the labels of a dataset (by its fingerprint), by split; see `DatasetRecord`."""
        with self._files() as root:
            for of_split in labels.values():
                split_labels.write(root, of_split)
        with self.reading() as connection:
            before = _datasets(connection).get(dataset)
        record = DatasetRecord(
            fingerprint=dataset,
            spec=spec,
            labels={split: of_split.fingerprint for split, of_split in labels.items()},
            halves_seed=halves_seed,
            lasts=lasts or (before is not None and before.lasts),
        )
        if record != before:
            with self.writing() as connection:
                tables.replace(connection, tables.datasets, [asdict(record)])

    def datasets(self) -> dict[str, DatasetRecord]:
        """The datasets whose labels are kept, by fingerprint."""
        with self.reading() as connection:
            return _datasets(connection)

    def datasets_of(self, split: str, labels: str) -> list[DatasetRecord]:
        """The datasets whose split has these labels."""
        every = self.datasets().values()
        return [record for record in every if record.labels.get(split) == labels]

    def names_of(self, split: str, labels: str) -> list[str]:
        """What datasets are called whose split has these labels."""
        return sorted({record.name for record in self.datasets_of(split, labels)})

    def labels(self, fingerprint: str) -> SplitLabels:
        with self._files() as root:
            return split_labels.read(root, fingerprint)

    def known_labels(self) -> list[SplitLabels]:
        with self._files() as root:
            return split_labels.read_all(root)

    # Images

    def keep_sample(self, dataset: str, sample: ImageSample) -> None:
        """Keep some images of val of a dataset (by its fingerprint), unless they are kept."""
        with self._files() as root:
            samples.write(root, dataset, sample)

    def sample(self, dataset: str) -> ImageSample:
        """The images that are kept of a dataset."""
        with self._files() as root:
            return samples.read(root, dataset)

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
                split_labels.write(root, of_split)
        found = self.files.write(record.key, predictions)
        with self.writing() as connection, self._files() as root:
            _refuse(connection, record.name, record.key, record.labels)
            digests.put(connection, record.key, found)
            for of_split in labels:  # once more: another `remove` may have taken them meanwhile
                split_labels.write(root, of_split)
            connection.execute(tables.pool.insert(), [asdict(record)])

    def check(
        self, name: str, key: str | None = None, labels: Mapping[str, str] | None = None
    ) -> None:
        """Check that a model's name and its predictions are new. Raises StorageError if not."""
        with self.reading() as connection:
            _refuse(connection, name, key, labels)

    def models(self) -> list[ModelRecord]:
        """The models, oldest first."""
        query = select(tables.pool).order_by(tables.pool.c.created, tables.pool.c.name)
        with self.reading() as connection:
            return [_record(row) for row in connection.execute(query)]

    def predictions(self, key: str, split: str) -> Predictions:
        """Logits (N x C, float16) of a model, or of a trained member.

        Raises StorageError if they are missing or damaged, or others than were written.
        """
        return self.files.predictions(key, split)

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
            digests.forget(connection, key)
            # A wrong import's would make later ones ambiguous.
            for fingerprint in _forget(connection, set(labels.values())):
                files.remove(split_labels.path(root, fingerprint))
        self.files.remove(key)

    # Trained members

    def users(self, key: str) -> tuple[list[str], list[str]]:
        """Studies whose evaluations rest on a member, and studies that run now and may use it."""
        evaluations, members = tables.evaluations.c, tables.members.c
        query = select(evaluations.study, evaluations.members).distinct()
        with self.reading() as connection:
            using = {row.study for row in connection.execute(query) if key in row.members}
            owner = connection.execute(select(members.study).where(members.key == key)).scalar()
            now = tables.now(connection)
            holders = connection.execute(select(tables.leases)).all()
        live = {row.study for row in holders if lease.is_alive(row, now)}
        return sorted(using), sorted(live & (using | {owner}))

    def remove_member(self, key: str) -> None:
        """Take a trained member out, and its predictions and weights."""
        with self.writing() as connection:
            connection.execute(tables.members.delete().where(tables.members.c.key == key))
            digests.forget(connection, key)
        self.files.remove(key)

    @contextmanager
    def _files(self) -> Iterator[Path]:
        root = self.folder()
        with self.translated():
            yield root


def _datasets(connection: Connection) -> dict[str, DatasetRecord]:
    rows = connection.execute(select(tables.datasets).order_by(tables.datasets.c.fingerprint))
    return {row.fingerprint: DatasetRecord(**row._asdict()) for row in rows}


def _forget(connection: Connection, labels: set[str]) -> set[str]:
    """Which of the labels no model, study, trained member or lasting dataset has.

    Datasets of which no model is left are forgotten.
    """
    studies, members = tables.studies.c, tables.members.c
    still = {f for of in connection.scalars(select(tables.pool.c.labels)) for f in of.values()}
    ours = {config.get("fingerprint") for config in connection.scalars(select(studies.config))}
    ours |= {member["dataset"] for member in connection.scalars(select(members.member))}
    for dataset, record in _datasets(connection).items():
        own = set(record.labels.values())
        if not own & labels:
            continue
        if dataset in ours or record.lasts or own & still:
            still |= own
            continue
        tables.remove(connection, tables.datasets, [{"fingerprint": dataset}])
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
                f"the pool holds a model {name!r} already: choose another name, or remove that "
                "one first.",
                problem="model_exists",
                name=name,
            )
        same = f"the predictions of {name!r} are those of {twin.name!r}, which the pool holds"
        if labels is not None and labels != twin.labels:
            raise StorageError(
                f"{same} with other labels. If those were wrong, remove that model first: one "
                "model must not count twice.",
                problem="model_exists",
                name=twin.name,
            )
        raise StorageError(
            f"{same} already: one model must not count twice. Give the predictions of another "
            "model."
        )


def _record(row: Row[Any]) -> ModelRecord:
    content = row._asdict()
    inputs = content.pop("inputs")
    if inputs is not None:
        inputs = Inputs(**inputs | {name: tuple(inputs[name]) for name in ("mean", "std")})
    return ModelRecord(**content, inputs=inputs)
