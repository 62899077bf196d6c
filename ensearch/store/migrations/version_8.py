"""Version 7 -> 8: a storage keeps digests of the files of members and models.

Files of version 7 have none. What they hold is believed until somebody has verified them, see
`ensearch.pool.remaking`.
"""

from sqlalchemy import Column, Connection, MetaData, String, Table

_METADATA = MetaData()
Table(
    "ensearch_digests",
    _METADATA,
    Column("key", String(32), primary_key=True),
    Column("part", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
)


def upgrade(connection: Connection) -> None:
    """Add the table of version 8 to those of version 7."""
    _METADATA.create_all(connection)
