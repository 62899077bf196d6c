"""The table of leases as it was in version 3, from which a storage is brought to this version.

The lease of a driver of an earlier release is read before any step has changed a table.
"""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table

from ensearch.store.column_types import Utc

leases = Table(
    "ensearch_leases",
    MetaData(),
    Column("study", String(255), primary_key=True),
    Column("token", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("place", String(255)),
    Column("pid", Integer, nullable=False),
    Column("started", BigInteger),
    Column("since", Utc, nullable=False),
    Column("heartbeat", Utc, nullable=False),
)
