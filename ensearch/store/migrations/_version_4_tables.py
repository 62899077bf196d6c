"""The tables that are new or changed in version 4, as they were then.

Columns of JSON and times that are copied as they are, as text, are plain text here.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from ensearch.store.column_types import Json, Utc

# Of the studies, which are not copied, new columns that may be NULL and their types.
STUDY_COLUMNS = {
    "ladder": "TEXT",
    "remarks": "TEXT",
    "trials_asked": "INTEGER",
    "confirmed_plan": "INTEGER",
    "confirmed_verdict": "VARCHAR(32)",
}

metadata = MetaData()
_NAME, _KEY, _FINGERPRINT, _TIME = String(255), String(128), String(64), String(32)

Table(
    "ensearch_study_labels",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("split", String(16), primary_key=True),
    Column("labels", Json, nullable=False),
)

Table(
    "ensearch_speeds",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("device", _NAME, primary_key=True),
    Column("torch", _KEY, primary_key=True),
    Column("batch_size", Integer, primary_key=True),
    Column("fixed", Double, nullable=False),
    Column("per_mac", Double, nullable=False),
    Column("measured", Utc, nullable=False),
)

Table(
    "ensearch_group_speeds",
    metadata,
    Column("lockstep_key", _NAME, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("members", Integer, primary_key=True),
    Column("strategy", _KEY, nullable=False),
    Column("rates", Json, nullable=False),
    Column("dropped", Json, nullable=False),
)

Table(
    "ensearch_mixing_gains",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("members", String(32), nullable=False),
    Column("difference", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
)

Table(
    "ensearch_confirmations",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("request", Json, nullable=False),
    Column("budgets", Json, nullable=False),
    Column("finalists", Json, nullable=False),
    Column("created", Utc, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("failures", Json, nullable=False),
)

Table(
    "ensearch_datasets",
    metadata,
    Column("fingerprint", _FINGERPRINT, primary_key=True),
    Column("spec", Text, nullable=False),
    Column("halves_seed", Integer),
    Column("labels", Json, nullable=False),
    Column("lasts", Boolean, nullable=False),
)

Table(
    "ensearch_halves",
    metadata,
    Column("labels", _FINGERPRINT, primary_key=True),
    Column("whole", _FINGERPRINT, nullable=False),
    Column("other", _FINGERPRINT, nullable=False),
)

Table(
    "ensearch_uses_of_test",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("verb", _KEY, nullable=False),
    Column("details", Text, nullable=False),
    Column("used", Utc, nullable=False),
    Column("labels", _FINGERPRINT),
    Column("whole", _FINGERPRINT, index=True),
    Column("study", _NAME, index=True),
    Column("plan", Integer),
)

Table(
    "ensearch_folders",
    metadata,
    Column("path", Text, primary_key=True),
    Column("mark", _KEY, nullable=False),
    Column("host", _NAME, nullable=False),
)

Table(
    "ensearch_members",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("member", Text, nullable=False),
    Column("macs", BigInteger, nullable=False),
    Column("params", BigInteger, nullable=False),
    Column("train_macs", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("losses", Text, nullable=False),
    Column("device", _NAME, nullable=False),
    Column("study", _NAME, nullable=False, index=True),
    Column("stage", _KEY, nullable=False),
    Column("created", _TIME, nullable=False),
    Column("splits", Text, nullable=False),
    Column("has_weights", Boolean, nullable=False),
)

Table(
    "ensearch_pool",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),
    Column("network", _NAME, nullable=False),
    Column("macs", BigInteger, nullable=False),
    Column("params", BigInteger),
    Column("labels", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("may_have_seen_val", Boolean, nullable=False),
    Column("created", _TIME, nullable=False),
    Column("inputs", Text),
)

# The same since it came within version 3.
Table(
    "ensearch_outcomes",
    metadata,
    Column("study", _NAME, primary_key=True),
    Column("stage", _KEY, primary_key=True),
    Column("network", _KEY, primary_key=True),
    Column("size", Integer, primary_key=True),
    Column("split", String(16), primary_key=True),
    Column("subsets", Json, nullable=False),
    Column("images", Integer, nullable=False),
    Column("hits", LargeBinary, nullable=False),
)
