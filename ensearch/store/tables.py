"""Our tables, beside Optuna's in the same database and never referring to them.

Own MetaData, every name begins with `ensearch_`, and the layout's version is a row of our own:
Optuna ignores unknown tables, but a foreign row in its version table breaks it.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    TypeDecorator,
    and_,
    bindparam,
    func,
    inspect,
    select,
)

from ensearch.errors import StorageError

# Raise it when a table changes; a storage of another version is refused, never altered.
VERSION = 3


class Json(TypeDecorator[Any]):
    """JSON as text, so that every float comes back exactly and on every database alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str:
        return json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        try:
            return json.loads(value or "")
        except ValueError as error:
            raise StorageError(
                f"the storage is damaged: {value!r:.80} is not JSON. Restore a copy of it."
            ) from error


class Utc(TypeDecorator[datetime]):
    """A time in UTC as ISO text: SQLite's own column of times drops the zone."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str:
        if value is None or value.tzinfo is None:
            raise ValueError(f"a time needs a time zone; got {value!r}.")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime:
        try:
            return datetime.fromisoformat(value or "")
        except ValueError as error:
            raise StorageError(
                f"the storage is damaged: {value!r:.80} is not a time. Restore a copy of it."
            ) from error


metadata = MetaData()
_NAME, _KEY = String(255), String(128)

versions = Table("ensearch_version", metadata, Column("version", Integer, nullable=False))

studies = Table(
    "ensearch_studies",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("config", Json, nullable=False),
    Column("environment", Json, nullable=False),
    Column("created", Utc, nullable=False),
)

notes = Table(
    "ensearch_notes",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("name", _KEY, primary_key=True),
    Column("value", Json, nullable=False),
)

members = Table(
    "ensearch_members",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("member", Json, nullable=False),
    Column("macs", BigInteger, nullable=False),
    Column("params", BigInteger, nullable=False),
    Column("train_macs", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Json, nullable=False),
    Column("detail", Json, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("losses", Json, nullable=False),
    Column("device", String(255), nullable=False),
    Column("trained_by", _NAME, nullable=False, index=True),
    Column("created", Utc, nullable=False),
    Column("splits", Json, nullable=False),  # predictions that must lie in files
    Column("has_weights", Boolean, nullable=False),
)


# Models that were trained elsewhere: their predictions lie in files under `key`.
pool = Table(
    "ensearch_pool",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),
    Column("network", _NAME, nullable=False),
    Column("macs", BigInteger, nullable=False),
    Column("params", BigInteger),
    Column("labels", Json, nullable=False),  # split -> fingerprint of its labels
    Column("origin", Text, nullable=False),
    Column("created", Utc, nullable=False),
)


def _evaluation() -> tuple[Column[Any], ...]:
    return (
        Column("study", _NAME, primary_key=True),
        Column("stage", _KEY, primary_key=True),  # the search, or one confirmation of it
        Column("network", _KEY, primary_key=True),
        Column("size", Integer, primary_key=True),
        Column("split", String(16), primary_key=True),
    )


evaluations = Table(
    "ensearch_evaluations",
    metadata,
    *_evaluation(),
    Column("family", _KEY, nullable=False),
    Column("width", Double, nullable=False),
    Column("depth", Double, nullable=False),
    Column("resolution", Integer, nullable=False),
    Column("schedule", Json, nullable=False),
    Column("trained", Integer, nullable=False),
    Column("subsets", Integer, nullable=False),
    Column("macs", BigInteger, nullable=False),
    Column("params", BigInteger, nullable=False),
    Column("train_macs", Double, nullable=False),
    Column("accuracy", Double, nullable=False),
    Column("nll", Double, nullable=False),
    Column("nll_scaled", Double, nullable=False),
    Column("brier", Double, nullable=False),
    Column("ece", Double, nullable=False),
    Column("disagreement", Double, nullable=False),
    Column("member_accuracy", Double, nullable=False),
    Column("members", Json, nullable=False),
)

# Of an evaluation: what every subset of its members got right, so that a report need not average
# their predictions again. Storages made before there was this table lack it until a study goes on.
outcomes = Table(
    "ensearch_outcomes",
    metadata,
    *_evaluation(),
    Column("subsets", Json, nullable=False),
    Column("images", Integer, nullable=False),
    Column("hits", LargeBinary, nullable=False),  # S x N bits, rows one after the other
)

trials = Table(
    "ensearch_trials",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("network", _KEY, nullable=False),
    Column("size", Integer, nullable=False),
    Column("reason", Json, nullable=False),
    Column("overhead_seconds", Double, nullable=False),
    Column("members", Json, nullable=False),
)

leases = Table(
    "ensearch_leases",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("token", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("place", String(255)),
    Column("pid", Integer, nullable=False),
    Column("started", BigInteger),
    Column("since", Utc, nullable=False),
    Column("heartbeat", Utc, nullable=False),
)


def version(connection: Connection) -> int | None:
    """Version of our tables; None where there are none; 0 if its row is gone."""
    if not inspect(connection).has_table(versions.name):
        return None
    return connection.execute(select(versions.c.version)).scalar() or 0


def create(connection: Connection) -> int:
    """Create our tables; their version."""
    metadata.create_all(connection)
    connection.execute(versions.insert().values(version=VERSION))
    return VERSION


def now(connection: Connection) -> datetime:
    """The time by the clock that all drivers share: a server's, or this machine's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    time: datetime = connection.scalars(select(func.clock_timestamp())).one()
    return time.astimezone(UTC)


def replace(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows in place of those with the same primary keys.

    A deletion and an insertion in the caller's transaction are the same on every database; upserts
    are not.
    """
    if rows:
        remove(connection, table, rows)
        connection.execute(table.insert(), rows)


def remove(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Delete those with the primary keys of `rows`, of which there is at least one."""
    keys = [column.name for column in table.primary_key.columns]
    match = and_(*(table.c[name] == bindparam(f"old_{name}") for name in keys))
    connection.execute(
        table.delete().where(match), [{f"old_{name}": row[name] for name in keys} for row in rows]
    )


def member_rows(connection: Connection, keys: Iterable[str]) -> list[Row[Any]]:
    """Rows of those members that there are."""
    return [
        row
        for chunk in _chunks(keys)
        for row in connection.execute(select(members).where(members.c.key.in_(chunk)))
    ]


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    """SQLite before 3.32 takes at most 999 values in one statement."""
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), 500):
        yield ordered[start : start + 500]
