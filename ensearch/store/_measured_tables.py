"""The tables of what was measured on a machine, with the metadata that all our tables share."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    true,
)

from ensearch.store.column_types import Json, Utc

metadata = MetaData()
NAME, KEY = String(255), String(128)

# How fast a network trains, as two networks of a study showed.
speeds = Table(
    "ensearch_speeds",
    metadata,
    Column("study", NAME, primary_key=True),
    Column("device", String(255), primary_key=True),
    Column("torch", KEY, primary_key=True),
    Column("batch_size", Integer, primary_key=True),
    Column("fixed", Double, nullable=False),
    Column("per_mac", Double, nullable=False),
    Column("measured", Utc, nullable=False),
)

# How fast networks train side by side, whichever study they belong to.
group_speeds = Table(
    "ensearch_group_speeds",
    metadata,
    Column("lockstep_key", NAME, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("members", Integer, primary_key=True),
    Column("strategy", KEY, nullable=False),
    Column("rates", Json, nullable=False),
    Column("dropped", Json, nullable=False),
    Column("complete", Boolean, nullable=False, server_default=true()),
)

# How long configurations take for an image, whichever study they belong to.
latencies = Table(
    "ensearch_latencies",
    metadata,
    Column("architecture", KEY, primary_key=True),
    Column("macs", BigInteger, primary_key=True),  # of one member: channels and classes change it
    Column("size", Integer, primary_key=True),
    Column("batch", Integer, primary_key=True),
    Column("device", String(255), primary_key=True),
    Column("runtime", String(16), primary_key=True),
    Column("threads", Integer, primary_key=True),
    Column("versions", KEY, primary_key=True),
    Column("ms", Double, nullable=False),  # for an image
    Column("ms_p95", Double, nullable=False),
    Column("low", Double, nullable=False),  # the smallest and the largest median of a round
    Column("high", Double, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("measured", Utc, nullable=False),
)
