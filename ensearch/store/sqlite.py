"""SQLite: its file is made once, opened by several processes, and never made anew unawares."""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, event

from ensearch.errors import StorageError

_FILE = "ensearch_file"  # what was opened, as the system numbers it


def create(path: Path) -> bool:
    """Make an empty file, if there is none, and return whether it did. Raises OSError."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def prepare(engine: Engine, busy_timeout: float, *, reads: Callable[[Connection], bool]) -> None:
    """Make an engine safe for several processes; `busy_timeout` in seconds.

    WAL lets readers go on while one writes; BEGIN IMMEDIATE takes the write lock before the first
    read of a transaction, unless it only `reads`. Without them 4 processes that popped 40 waiting
    Optuna trials took 4 to 12 of them twice; with them none.

    A file that is not there is not made, and one that has gone from under its name is not written
    to: its rows would be found by nobody.
    """
    path = engine.url.database or ""

    @event.listens_for(engine, "do_connect")
    def _open(_dialect: object, _record: object, _args: object, options: dict[str, Any]) -> Any:
        return sqlite3.connect(f"file:{quote(path)}?mode=rw", **options | {"uri": True})

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver itself opens no transaction: see _begin
        connection.execute(f"PRAGMA busy_timeout={round(busy_timeout * 1000)}")
        _change_to_wal(connection, busy_timeout)
        connection.execute("PRAGMA synchronous=NORMAL")
        record.info[_FILE] = _number(path)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        now = _number(path)
        if now != connection.info[_FILE]:
            what = "is gone" if now is None else "is another file than it was"
            raise StorageError(
                f"{path} {what}: it was renamed, replaced or unmounted while it was in use. "
                "Nothing more is written; bring it back.",
                problem="storage_moved",
                path=path,
            )
        connection.exec_driver_sql("BEGIN" if reads(connection) else "BEGIN IMMEDIATE")

    engine.dispose()  # connections that the pool already holds have not seen the settings


def _number(path: str) -> tuple[int, int] | None:
    """What the system calls the file that has the name now; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _change_to_wal(connection: Any, timeout: float) -> None:
    """The busy timeout does not cover this change: 1 of 480 first openings, 8 at once, failed."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
