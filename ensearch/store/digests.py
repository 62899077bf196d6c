"""What the files of members and models held when they were written, so that a change is found.

A digest is the `ensearch.files.sha256` of a file.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from ensearch.store import tables

WEIGHTS = "weights"  # the part of a member that is no split of its predictions


def get(connection: Connection, key: str, part: str) -> str | None:
    """The digest of a part of a member or model; None if nobody has verified it."""
    row = tables.digests.c
    query = select(row.digest).where(row.key == key, row.part == part)
    return connection.execute(query).scalar()


def parts(connection: Connection, key: str) -> dict[str, str]:
    """The digests of a member or model, by part."""
    row = tables.digests.c
    query = select(row.part, row.digest).where(row.key == key)
    return {found.part: found.digest for found in connection.execute(query)}


def put(connection: Connection, key: str, found: Mapping[str, str]) -> None:
    """Keep digests of some parts, by part, in place of older ones."""
    rows = [{"key": key, "part": part, "digest": digest} for part, digest in found.items()]
    tables.replace(connection, tables.digests, rows)


def forget(connection: Connection, key: str, only: Collection[str] | None = None) -> None:
    """Forget the digests of a member or model; those of some parts if `only` names them."""
    row = tables.digests.c
    statement = tables.digests.delete().where(row.key == key)
    if only is not None:
        statement = statement.where(row.part.in_(sorted(only)))
    connection.execute(statement)
