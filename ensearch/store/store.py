"""`Store`: all that is kept in a storage and read again, one transaction a call.

Here are studies, members, trials and evaluations; what else it keeps is in the classes that it is
made of.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Engine, select

from ensearch.core import Evaluation, SubsetHits
from ensearch.errors import StorageError, unknown
from ensearch.store import engine as engines
from ensearch.store import evaluations as scored
from ensearch.store import files, records, summary, tables
from ensearch.store import lease as leases
from ensearch.store.address import Address, locate
from ensearch.store.database_errors import translated
from ensearch.store.latencies import Latencies
from ensearch.store.lease import Lease
from ensearch.store.members import Members
from ensearch.store.records import SEARCH, StudyRecord, StudySummary, TrialRecord
from ensearch.store.settlements import Settlements
from ensearch.store.study_state import StudyState
from ensearch.store.uses_of_test import UsesOfTest
from ensearch.store.whole_studies import WholeStudies

DEFAULT_URL = "sqlite:///studies/ensearch.db"


def storage_url(storage: str | Path | None) -> str:
    """The address that a user means by `storage`; the usual one if nothing is said."""
    return DEFAULT_URL if storage is None else str(storage)


class Store(Members, StudyState, Settlements, Latencies, UsesOfTest, WholeStudies):
    """An open storage. Its methods raise StorageError, and may be called from several threads."""

    def __init__(self, address: Address, engine: Engine, busy_timeout: float) -> None:
        super().__init__(address, engine)
        self._busy_timeout = busy_timeout

    @classmethod
    def open(cls, url: str, *, create: bool, busy_timeout: float = 30.0) -> "Store":
        """Open the storage at a database URL, or in the SQLite file at a bare path.

        With `create`, folders, file and tables are made where there are none; without, nothing is
        made and their absence is an error. `busy_timeout`: seconds to wait for another writer.
        A storage that an earlier release wrote is brought to this version, see `migrations`. Raises
        StorageError if the storage is missing, damaged, locked, not readable and writable, of a
        newer version, or of an earlier one and in use.
        """
        address = locate(url)
        engine = engines.open_engine(address, create=create, busy_timeout=busy_timeout)
        return cls(address, engine, busy_timeout)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def prepare(self, engine: Engine) -> None:
        """Make another engine on the same database, such as Optuna's, as safe as ours."""
        engines.prepare(engine, self._busy_timeout)

    @property
    def address(self) -> str:
        """The database as messages name it: a file, or a URL without its password."""
        return str(self._address)

    @property
    def url(self) -> str:
        """URL for SQLAlchemy with an absolute path, and with the password if there is one."""
        return self._address.url.render_as_string(hide_password=False)

    @property
    def optuna_url(self) -> str:
        """The URL for Optuna's RDBStorage, which formats it: braces are doubled."""
        return self.url.replace("{", "{{").replace("}", "}}")

    @contextmanager
    def creation_lock(self) -> Iterator[None]:
        """Held while tables are created, ours or Optuna's: two first runs must not collide."""
        lock = engines.creation_lock(self._address, self._engine, self._busy_timeout)
        with ExitStack() as held:
            with translated(self._address):
                held.enter_context(lock)
            yield  # outside the translation: errors of the caller's block are the caller's

    # Studies

    def add_study(self, record: StudyRecord) -> None:
        """Keep a new study. Raises StorageError if there is one of that name."""
        with self._write() as connection:
            taken = select(tables.studies.c.name).where(tables.studies.c.name == record.name)
            if connection.execute(taken).first():
                raise StorageError(
                    f"study {record.name!r} exists already in {self._address}: go on with it, or "
                    "choose another name.",
                    problem="study_exists",
                    study=record.name,
                )
            connection.execute(tables.studies.insert(), [asdict(record)])

    def study(self, name: str) -> StudyRecord:
        """The study of that name. StorageError with the nearest spelling if there is none."""
        query = select(tables.studies).where(tables.studies.c.name == name)
        with self._read() as connection:
            row = connection.execute(query).one_or_none()
            if row is not None:
                return records.study_record(row)
            names = connection.scalars(select(tables.studies.c.name)).all()
        raise self._no_study(name, names)

    def _no_study(self, name: str, names: Iterable[str]) -> StorageError:
        return StorageError(f"{unknown('study', name, names)} (in {self._address})")

    def has_study(self, name: str) -> bool:
        query = select(tables.studies.c.name).where(tables.studies.c.name == name)
        with self._read() as connection:
            return connection.execute(query).first() is not None

    def studies(self) -> list[StudyRecord]:
        """The studies, oldest first."""
        query = select(tables.studies).order_by(tables.studies.c.created, tables.studies.c.name)
        with self._read() as connection:
            return [records.study_record(row) for row in connection.execute(query)]

    def summaries(self) -> list[StudySummary]:
        """All studies in numbers, oldest first."""
        with self._read() as connection:
            return summary.summaries(connection)

    def study_summary(self, name: str) -> StudySummary:
        """A study in numbers. StorageError with the nearest spelling if there is none."""
        every = {found.name: found for found in self.summaries()}
        if name not in every:
            raise self._no_study(name, every)
        return every[name]

    # Trials and evaluations of a study

    def save_evaluations(
        self,
        study: str,
        evaluations: Sequence[Evaluation],
        members: Sequence[str],
        outcomes: Sequence[SubsetHits] = (),
        stage: str = SEARCH,
    ) -> None:
        """Keep evaluations of one network, in place of older ones of equal size and split.

        `members`: keys of the trained members of that network in this stage of the study, in
        order; an evaluation is of the first `trained` of them. `outcomes` has one for each
        evaluation, or none: a report then averages predictions. Raises ValueError for a NaN.
        """
        with self._write() as connection:
            scored.save(connection, study, stage, evaluations, members, outcomes)

    def evaluations(
        self, study: str, stage: str = SEARCH, split: str | None = None
    ) -> list[Evaluation]:
        """The evaluations, on one split or all; by multiply-adds, then network, size and split."""
        with self._read() as connection:
            return scored.load(connection, study, stage, split)

    def evaluation_members(self, study: str, stage: str = SEARCH) -> dict[str, tuple[str, ...]]:
        """Keys of the members that were evaluated, by network."""
        with self._read() as connection:
            return scored.members(connection, study, stage)

    def subset_hits(self, study: str, split: str, stage: str = SEARCH) -> dict[str, SubsetHits]:
        """The hits by evaluation key; none for what was evaluated before hits were kept."""
        with self._read() as connection:
            return scored.subset_hits(connection, study, stage, split)

    def save_trial(self, study: str, record: TrialRecord) -> None:
        """Keep what became of a trial, in place of an older record of it."""
        with self._write() as connection:
            tables.replace(connection, tables.trials, [records.trial_row(study, record)])

    def trials(self, study: str) -> list[TrialRecord]:
        """The trials, ordered by number."""
        trials = tables.trials
        query = select(trials).where(trials.c.study == study).order_by(trials.c.number)
        with self._read() as connection:
            return [records.trial_record(row) for row in connection.execute(query)]

    # The lease of a study

    def acquire_lease(self, study: str, take_over: bool = False) -> Lease:
        """The right to run a study. StorageError naming the live driver that has it.

        A dead driver's lease is taken silently, a live one's with `take_over` only. What killed
        drivers left of files they wrote is swept away.
        """
        root = self._present_files()  # first: an error after it would leave the lease to nobody
        with self._write() as connection:
            token = leases.acquire(connection, study, take_over=take_over)
        with suppress(OSError):
            files.sweep(root)
        return Lease(study=study, token=token, write=self._write)
