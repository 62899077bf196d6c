"""The chain of migrations, run in one transaction after the SQLite file has been copied."""

import errno
import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, select, update

from ensearch.errors import StorageError
from ensearch.files import atomic
from ensearch.store import lease, tables
from ensearch.store.migrations import (
    version_4,
    version_5,
    version_6,
    version_7,
    version_8,
    version_9,
    version_10,
    version_11,
)
from ensearch.store.migrations._version_3_leases import leases

_LOG = logging.getLogger("ensearch")

# By the version from which it starts, what brings the tables to the next version.
STEPS: dict[int, Callable[[Connection], None]] = {
    3: version_4.upgrade,
    4: version_5.upgrade,
    5: version_6.upgrade,
    6: version_7.upgrade,
    7: version_8.upgrade,
    8: version_9.upgrade,
    9: version_10.upgrade,
    10: version_11.upgrade,
}
FIRST = min(STEPS)  # of those that were released


def run(connection: Connection, path: Path | None, place: str) -> int:
    """Bring the tables to `tables.VERSION`, unless another process has done so; that version.

    `connection` is in a transaction that keeps other writers out, and the caller holds the lock
    under which tables are created. The SQLite file at `path` is copied first; on a server the
    transaction suffices. Raises StorageError if a driver of the earlier release runs a study,
    OSError if the copy cannot be made.
    """
    version = tables.version(connection) or 0
    if version >= tables.VERSION:
        return version
    _refuse_live_drivers(connection, place, version)
    copy = "" if path is None else f"; a copy of it as it was is {back_up(path, version)}"
    # A person may wonder about the copy, and an older ensearch cannot open the storage any more.
    _LOG.warning("%s is brought from version %d to %d%s", place, version, tables.VERSION, copy)
    for step in range(version, tables.VERSION):
        STEPS[step](connection)
    connection.execute(update(tables.versions).values(version=tables.VERSION))
    return tables.VERSION


def _refuse_live_drivers(connection: Connection, place: str, version: int) -> None:
    now = tables.now(connection)
    for row in connection.execute(select(leases)):
        if lease.driver_lives(
            place=row.place, pid=row.pid, started=row.started, heartbeat=row.heartbeat, now=now
        ):
            raise StorageError(
                f"{place} was written by an earlier ensearch (storage version {version}; this one "
                f"writes version {tables.VERSION}), which still runs study {row.study!r}: process "
                f"{row.pid} on {row.host} since {row.since:%Y-%m-%d %H:%M} UTC (last sign of life "
                f"{row.heartbeat:%H:%M:%S} UTC). Wait for it or stop it; nothing was changed.",
                problem="earlier_driver_runs",
                study=row.study,
                host=row.host,
                pid=row.pid,
                version=version,
            )


def back_up(path: Path, version: int) -> Path:
    """Copy a SQLite file to a name beside it that says its version; the name. Raises OSError.

    An earlier copy of the same version, such as a killed migration leaves, stays as it is.
    """
    target = path.with_name(f"{path.stem}.version-{version}{path.suffix}")
    number = 2
    while target.exists():
        target = path.with_name(f"{path.stem}.version-{version}.{number}{path.suffix}")
        number += 1
    with atomic.replacing(target) as temporary:
        _copy(path, temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name too is on disk before the original changes
    finally:
        os.close(folder)
    return target


def _copy(path: Path, target: Path) -> None:
    """Copy a database with what still lies in its write-ahead log. Raises OSError."""
    source, copy = sqlite3.connect(path), sqlite3.connect(target)
    try:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, which may be moved
    except sqlite3.Error as error:
        full = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
        raise OSError(errno.ENOSPC if full else errno.EIO, f"no copy: {error}") from error
    finally:
        copy.close()
        source.close()
