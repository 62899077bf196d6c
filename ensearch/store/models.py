"""The pool in a storage: models that were trained elsewhere, labels and images, and removal."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, Engine, select

from ensearch.core import Predictions
from ensearch.errors import StorageError, unknown
from ensearch.store import digests, files, lease, model_records, samples, tables
from ensearch.store import labels as split_labels
from ensearch.store.address import Address
from ensearch.store.connection import Connected
from ensearch.store.labels import SplitLabels
from ensearch.store.member_files import MemberFiles
from ensearch.store.model_records import DatasetRecord, ModelRecord
from ensearch.store.samples import ImageSample


class ModelStore(Connected):
    """Models that were trained elsewhere, and labels. Methods raise StorageError."""

    def __init__(self, address: Address, engine: Engine, member_files: MemberFiles) -> None:
        super().__init__(address, engine)
        self._member_files = member_files

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
        with self._root() as root:
            for of_split in labels.values():
                split_labels.write(root, of_split)
        with self._read() as connection:
            before = model_records.datasets(connection).get(dataset)
        record = DatasetRecord(
            fingerprint=dataset,
            spec=spec,
            labels={split: of_split.fingerprint for split, of_split in labels.items()},
            halves_seed=halves_seed,
            lasts=lasts or (before is not None and before.lasts),
        )
        if record != before:
            with self._write() as connection:
                tables.replace(connection, tables.datasets, [asdict(record)])

    def datasets(self) -> dict[str, DatasetRecord]:
        """The datasets whose labels are kept, by fingerprint."""
        with self._read() as connection:
            return model_records.datasets(connection)

    def datasets_of(self, split: str, labels: str) -> list[DatasetRecord]:
        """The datasets whose split has these labels."""
        every = self.datasets().values()
        return [record for record in every if record.labels.get(split) == labels]

    def names_of(self, split: str, labels: str) -> list[str]:
        """What datasets are called whose split has these labels."""
        return sorted({record.name for record in self.datasets_of(split, labels)})

    def labels(self, fingerprint: str) -> SplitLabels:
        with self._root() as root:
            return split_labels.read(root, fingerprint)

    def known_labels(self) -> list[SplitLabels]:
        with self._root() as root:
            return split_labels.read_all(root)

    # Images

    def keep_sample(self, dataset: str, sample: ImageSample) -> None:
        """Keep some images of val of a dataset (by its fingerprint), unless they are kept."""
        with self._root() as root:
            samples.write(root, dataset, sample)

    def sample(self, dataset: str) -> ImageSample:
        """The images that are kept of a dataset."""
        with self._root() as root:
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
        with self._root() as root:
            for of_split in labels:
                split_labels.write(root, of_split)
        found = self._member_files.write(record.key, predictions)
        with self._write() as connection, self._root() as root:
            _refuse(connection, record.name, record.key, record.labels)
            digests.put(connection, record.key, found)
            for of_split in labels:  # once more: another `remove` may have taken them meanwhile
                split_labels.write(root, of_split)
            connection.execute(tables.pool.insert(), [asdict(record)])

    def check(
        self, name: str, key: str | None = None, labels: Mapping[str, str] | None = None
    ) -> None:
        """Check that a model's name and its predictions are new. Raises StorageError if not."""
        with self._read() as connection:
            _refuse(connection, name, key, labels)

    def models(self) -> list[ModelRecord]:
        """The models, oldest first."""
        query = select(tables.pool).order_by(tables.pool.c.created, tables.pool.c.name)
        with self._read() as connection:
            return [model_records.model(row) for row in connection.execute(query)]

    def remove(self, name: str) -> None:
        """Take a model out, and its files; labels that nothing refers to any more go too."""
        row = tables.pool.c
        with self._write() as connection, self._root() as root:
            names = connection.scalars(select(row.name)).all()
            if name not in names:
                raise StorageError(str(unknown("model of the pool", name, names)))
            key, labels = connection.execute(
                select(row.key, row.labels).where(row.name == name)
            ).one()
            self._member_files.check(key)
            connection.execute(tables.pool.delete().where(row.name == name))
            digests.forget(connection, key)
            # A wrong import's would make later ones ambiguous.
            for fingerprint in _forget(connection, set(labels.values())):
                files.remove(split_labels.path(root, fingerprint))
        self._member_files.remove(key)

    # Trained members

    def users(self, key: str) -> tuple[list[str], list[str]]:
        """Studies whose evaluations rest on a member, and studies that run now and may use it."""
        evaluations, members = tables.evaluations.c, tables.members.c
        query = select(evaluations.study, evaluations.members).distinct()
        with self._read() as connection:
            using = {row.study for row in connection.execute(query) if key in row.members}
            owner = connection.execute(select(members.study).where(members.key == key)).scalar()
            now = tables.now(connection)
            holders = connection.execute(select(tables.leases)).all()
        live = {row.study for row in holders if lease.is_alive(row, now)}
        return sorted(using), sorted(live & (using | {owner}))

    def remove_member(self, key: str) -> None:
        """Take a trained member out, with its predictions, weights and checkpoint."""
        self._member_files.check(key)
        with self._write() as connection:
            connection.execute(tables.members.delete().where(tables.members.c.key == key))
            digests.forget(connection, key)
        self._member_files.remove(key)


def _forget(connection: Connection, labels: set[str]) -> set[str]:
    """Which of the labels no model, study, trained member or lasting dataset has.

    Datasets of which no model is left are forgotten.
    """
    studies, members = tables.studies.c, tables.members.c
    still = {f for of in connection.scalars(select(tables.pool.c.labels)) for f in of.values()}
    ours = {config.get("fingerprint") for config in connection.scalars(select(studies.config))}
    ours |= {member["dataset"] for member in connection.scalars(select(members.member))}
    for dataset, record in model_records.datasets(connection).items():
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
