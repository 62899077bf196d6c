"""Version 8 -> 9: a storage keeps how long configurations take for an image."""

from sqlalchemy import BigInteger, Column, Connection, Double, Integer, MetaData, String, Table

_METADATA = MetaData()
Table(
    "ensearch_latencies",
    _METADATA,
    Column("architecture", String(128), primary_key=True),
    Column("macs", BigInteger, primary_key=True),
    Column("size", Integer, primary_key=True),
    Column("batch", Integer, primary_key=True),
    Column("device", String(255), primary_key=True),
    Column("runtime", String(16), primary_key=True),
    Column("threads", Integer, primary_key=True),
    Column("versions", String(128), primary_key=True),
    Column("ms", Double, nullable=False),
    Column("ms_p95", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("measured", String(32), nullable=False),
)


def upgrade(connection: Connection) -> None:
    """Add the table of version 9 to those of version 8."""
    _METADATA.create_all(connection)
