"""Version 5 -> 6: a study keeps its looks, and the plans to settle it.

A study of version 5 has shown its verdicts without keeping that it had: its next driver keeps it,
see `ensearch.study.looks`.
"""

from sqlalchemy import Column, Connection, Double, Integer, MetaData, String, Table, Text

_NAME, _TIME = String(255), String(32)
_METADATA = MetaData()
Table(
    "ensearch_settlements",
    _METADATA,
    Column("study", _NAME, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("margin", Double, nullable=False),
    Column("cost", Double, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("share", Double, nullable=False),
    Column("created", _TIME, nullable=False),
    Column("allowed", Double),
    Column("ended", String(32)),
)
Table(
    "ensearch_looks",
    _METADATA,
    Column("study", _NAME, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("share", Double, nullable=False),
    Column("settlement", Integer),
    Column("members", Text, nullable=False),
    Column("train_macs", Double, nullable=False),
    Column("trained", Integer),
    Column("claims", Text, nullable=False),
    Column("seen", _TIME),
)


def upgrade(connection: Connection) -> None:
    """Add the tables of version 6 to those of version 5."""
    _METADATA.create_all(connection)
