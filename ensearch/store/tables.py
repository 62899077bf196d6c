"""Our tables, beside Optuna's in the same database and never referring to them.

Own MetaData, every name begins with `ensearch_`, and the layout's version is a row of our own:
Optuna ignores unknown tables, but a foreign row in its version table breaks it.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    and_,
    bindparam,
    func,
    inspect,
    select,
)

from ensearch.store._measured_tables import KEY as _KEY
from ensearch.store._measured_tables import NAME as _NAME
from ensearch.store._measured_tables import group_speeds as group_speeds
from ensearch.store._measured_tables import latencies as latencies
from ensearch.store._measured_tables import metadata as metadata
from ensearch.store._measured_tables import speeds as speeds
from ensearch.store.column_types import Json, OptionalJson, Utc

# Raise it when a table changes, and add a step to `migrations`.
VERSION = 11

versions = Table("ensearch_version", metadata, Column("version", Integer, nullable=False))

studies = Table(
    "ensearch_studies",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("config", Json, nullable=False),
    Column("environment", Json, nullable=False),
    Column("created", Utc, nullable=False),
    # What it found when it began: NULL where it was killed before it had.
    Column("ladder", OptionalJson),
    Column("remarks", OptionalJson),  # on the images, for people
    Column("trials_asked", Integer),
    Column("ended", String(32)),  # why its last run ended; NULL while it goes on
    # What it answers by default, and the state of its evaluations of which that is true.
    Column("answer", OptionalJson),
    Column("answer_of", String(64)),
    # What its last confirmation with fresh members says of the crossover.
    Column("confirmed_plan", Integer),
    Column("confirmed_verdict", String(32)),
)

# Labels of the images on which a study's evaluations were scored.
study_labels = Table(
    "ensearch_study_labels",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("split", String(16), primary_key=True),
    Column("labels", Json, nullable=False),
)

# What mixing the members of a study gains over copies of one network.
mixing_gains = Table(
    "ensearch_mixing_gains",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("members", String(32), nullable=False),  # hash of those compared, and of the budget
    Column("difference", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
)

confirmations = Table(
    "ensearch_confirmations",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("request", Json, nullable=False),
    Column("budgets", Json, nullable=False),
    Column("finalists", Json, nullable=False),
    Column("created", Utc, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("failures", Json, nullable=False),  # pairs of a network and why it is left out
    Column("looks", Integer, nullable=False, server_default="1"),  # at test that were begun
)

# Plans to train more members to decide what is undecided.
settlements = Table(
    "ensearch_settlements",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("margin", Double, nullable=False),
    Column("cost", Double, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("share", Double, nullable=False),
    Column("created", Utc, nullable=False),
    Column("allowed", Double),
    Column("ended", String(32)),
)
# Every look at a study for a verdict, for good, with what was planned before it.
looks = Table(
    "ensearch_looks",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("share", Double, nullable=False),  # of the error that the study may make
    Column("settlement", Integer),  # NULL at the end of a search
    Column("members", Json, nullable=False),  # network -> members, and its largest ensemble
    Column("train_macs", Double, nullable=False),
    Column("trained", Integer),  # members of all evaluations; NULL while it is planned
    Column("claims", Json, nullable=False),
    Column("seen", Utc),
)
# Images on which models and members are scored: which labels their splits have.
datasets = Table(
    "ensearch_datasets",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("spec", Text, nullable=False),
    # Of the halves of the held-out images as val and test; NULL where val is cut from train.
    Column("halves_seed", Integer),
    Column("labels", Json, nullable=False),  # split -> fingerprint of its labels
    Column("lasts", Boolean, nullable=False),  # kept also where no model and no study is left
)

# Labels of halves of held-out images.
halves = Table(
    "ensearch_halves",
    metadata,
    Column("labels", String(64), primary_key=True),
    Column("whole", String(64), nullable=False),
    Column("other", String(64), nullable=False),  # the labels of the other half
)

# Every use of the labels of a test split, for good.
uses_of_test = Table(
    "ensearch_uses_of_test",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("verb", _KEY, nullable=False),
    Column("details", Text, nullable=False),
    Column("used", Utc, nullable=False),
    # Both NULL for confirmations: those of the study's test split. `labels` alone NULL: a half of
    # `whole`, nobody recorded which.
    Column("labels", String(64)),
    Column("whole", String(64), index=True),  # all labels of that test split, as known then
    Column("study", _NAME, index=True),  # whose confirmation it was
    Column("plan", Integer),
)

# One row: the mark of the folder of members' files, and where it lay when it was made.
folders = Table(
    "ensearch_folders",
    metadata,
    Column("path", Text, primary_key=True),
    Column("mark", _KEY, nullable=False),
    Column("host", String(255), nullable=False),
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
    Column("study", _NAME, nullable=False, index=True),  # that trained it
    Column("stage", _KEY, nullable=False),  # in its search, or in one of its confirmations
    Column("created", Utc, nullable=False),
    Column("splits", Json, nullable=False),  # predictions that must lie in files
    Column("has_weights", Boolean, nullable=False),
    Column("strategy", _NAME, nullable=False, server_default=""),  # that trained it, if known
)
# What files of members and models held when they were written; none where nobody has verified it.
digests = Table(
    "ensearch_digests",
    metadata,
    Column("key", String(32), primary_key=True),  # of the member or model
    Column("part", String(16), primary_key=True),  # the split of predictions, or the weights
    Column("digest", String(64), nullable=False),
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
    Column("origin", Text, nullable=False),  # for people
    # Whether its val is cut from images on which it may have been trained.
    Column("may_have_seen_val", Boolean, nullable=False),
    Column("created", Utc, nullable=False),
    Column("inputs", OptionalJson),
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
    Column("price", Double),  # in the unit of the study's budget; NULL for multiply-adds
)

# What every subset of the members of an evaluation got right, so that a report need not average
# their predictions again.
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


def fields_of(row: Row[Any]) -> dict[str, Any]:
    """What a row of a study holds by column, without the name of the study."""
    return {name: value for name, value in row._mapping.items() if name != "study"}


def remove(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Delete those with the primary keys of `rows`, of which there is at least one."""
    keys = [column.name for column in table.primary_key.columns]
    match = and_(*(table.c[name] == bindparam(f"old_{name}") for name in keys))
    connection.execute(
        table.delete().where(match), [{f"old_{name}": row[name] for name in keys} for row in rows]
    )
