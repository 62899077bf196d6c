"""Whole studies: taken out, renamed or copied in one transaction, with all that they know."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, column, insert, inspect, select, table, update

from ensearch.errors import StorageError
from ensearch.store import tables
from ensearch.store.connection import Connected
from ensearch.store.records import REMOVED, SEARCH
from ensearch.store.uses_of_test import forget_study

_MEMBERS = tables.members.c
_OPTUNA = table("studies", column("study_name"))
# What only a study has, by its name in the column `study`; the rest is its row, and uses of test.
_OF_STUDY = (
    *(tables.study_labels, tables.speeds, tables.mixing_gains, tables.confirmations),
    *(tables.settlements, tables.looks, tables.evaluations, tables.outcomes, tables.trials),
)
# A confirmation stays with the study that it confirmed: it was one use of test.
_COPIED = tuple(each for each in _OF_STUDY if each is not tables.confirmations)


class WholeStudies(Connected):
    """The part of a `Store` that does this. Its methods raise StorageError."""

    def members_of(self, study: str) -> tuple[list[str], list[str]]:
        """Keys of the members that a study trained or evaluated: of it alone, and of others too."""
        with self._read() as connection:
            own = set(connection.scalars(select(_MEMBERS.key).where(_MEMBERS.study == study)))
            others: set[str] = set()
            evaluations = tables.evaluations.c
            for row in connection.execute(select(evaluations.study, evaluations.members)):
                (own if row.study == study else others).update(row.members)
            there = set(connection.scalars(select(_MEMBERS.key)))
        return sorted((own - others) & there), sorted(own & others & there)

    def remove_study(self, study: str) -> None:
        """Take a study out; its members stay in the pool, and its uses of test are remembered."""
        with self._write() as connection:
            forget_study(connection, study)
            for each in (*_OF_STUDY, tables.leases):
                connection.execute(each.delete().where(each.c.study == study))
            # Else a new study of that name would have paid for them.
            left = update(tables.members).where(_MEMBERS.study == study)
            connection.execute(left.values(study=study + REMOVED))
            connection.execute(tables.studies.delete().where(tables.studies.c.name == study))

    def rename_study(self, study: str, name: str) -> None:
        """Call a study, also in Optuna's tables, by a name that no study has."""
        with self._write() as connection:
            _refuse_taken(connection, name)
            row = connection.execute(_row_of(study)).one()
            values = {"name": name, "config": dict(row.config) | {"name": name}}
            own = tables.studies.c.name == study
            connection.execute(update(tables.studies).where(own).values(values))
            for each in (*_OF_STUDY, tables.members, tables.uses_of_test):
                connection.execute(update(each).where(each.c.study == study).values(study=name))
            if _has_optuna(connection):
                own = _OPTUNA.c.study_name == study
                connection.execute(update(_OPTUNA).where(own).values(study_name=name))

    def copy_study(self, study: str, name: str) -> None:
        """Copy a study and its search, without confirmations; Optuna's tables are not touched."""
        with self._write() as connection:
            _refuse_taken(connection, name, optuna=False)
            row: Mapping[str, Any] = connection.execute(_row_of(study)).one()._asdict()
            new = dict(row) | {
                "name": name,
                "config": dict(row["config"]) | {"name": name},
                "created": datetime.now(UTC),
                **dict.fromkeys(("answer", "answer_of", "confirmed_plan", "confirmed_verdict")),
            }
            connection.execute(insert(tables.studies), [new])
            for each in _COPIED:
                _copy_rows(connection, each, study, name)

    def refuse_taken(self, name: str) -> None:
        """Raise StorageError where a study has the name, of ours or of Optuna's."""
        with self._read() as connection:
            _refuse_taken(connection, name)


def _row_of(study: str) -> Any:
    return select(tables.studies).where(tables.studies.c.name == study)


def _copy_rows(connection: Connection, of: Table, study: str, name: str) -> None:
    rows = select(of).where(of.c.study == study)
    if "stage" in of.c:
        rows = rows.where(of.c.stage == SEARCH)
    copies = [row._asdict() | {"study": name} for row in connection.execute(rows)]
    if copies:
        connection.execute(insert(of), copies)


def _has_optuna(connection: Connection) -> bool:
    return inspect(connection).has_table(_OPTUNA.name)


def _refuse_taken(connection: Connection, name: str, optuna: bool = True) -> None:
    if connection.execute(_row_of(name)).first():
        raise StorageError(
            f"study {name!r} exists already: choose another name, or remove that one first.",
        )
    if not optuna or not _has_optuna(connection):
        return
    taken = select(_OPTUNA.c.study_name).where(_OPTUNA.c.study_name == name)
    if connection.execute(taken).first():
        raise StorageError(
            f"the storage holds an Optuna study {name!r} that ensearch does not know: choose "
            "another name."
        )
