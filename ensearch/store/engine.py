"""Where a storage lies, how its database is opened, and its errors in words that help."""

import errno
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, StatementError

from ensearch.errors import StorageError
from ensearch.store import tables

# Execution option of connections that only read: in WAL they need not wait for the one writer.
READS = "ensearch_reads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A storage's database, absolute, and what lies beside it."""

    url: URL
    path: Path | None  # the SQLite file; None for other databases
    files: Path  # folder of the members' files
    lock: Path  # held while tables are created

    def __str__(self) -> str:
        """For messages: the file, or the URL without its password."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)


def locate(text: str) -> Address:
    """Where `text`, a database URL or the bare path of a SQLite file, points to from here."""
    try:
        url = make_url(text) if "://" in text else URL.create("sqlite", database=text)
        url.get_dialect()
        if url.get_backend_name() != "sqlite":
            files = Path("studies/ensearch.members").resolve()
            return Address(url=url, path=None, files=files, lock=files.with_suffix(".lock"))
        if url.host or not url.database or url.database == ":memory:" or "uri" in url.query:
            raise ValueError("members' files lie beside the database, so it must be a plain file")
        path = Path(url.database).resolve()
        url = url.set(database=str(path))
        url.render_as_string()  # raises where the path is not valid Unicode
    except (ArgumentError, ImportError, ValueError, OSError) as error:
        raise StorageError(
            f"{_printable(text)!r} does not name a storage: {_first_line(error)}. Give the path of "
            "a SQLite file (studies/ensearch.db), or a URL such as sqlite:///studies/ensearch.db "
            'or postgresql+psycopg://user@host/name (needs pip install "psycopg[binary]").'
        ) from error
    # Other endings stay: a database called a.lock must not be its own lock, which empties files.
    name = path.stem if path.suffix in (".db", ".sqlite", ".sqlite3") else path.name
    return Address(
        url=url,
        path=path,
        files=path.with_name(f"{name}.members"),
        lock=path.with_name(f"{name}.lock"),
    )


def prepare_sqlite(engine: Engine, busy_timeout: float) -> None:
    """Make a SQLite engine safe for several processes; `busy_timeout` in seconds.

    WAL lets readers go on while one writes; BEGIN IMMEDIATE takes the write lock before the first
    read of a transaction. Without them 4 processes that popped 40 waiting Optuna trials took 4 to
    12 of them twice; with them none. Does nothing for other databases.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver itself opens no transaction: see _begin
        connection.execute(f"PRAGMA busy_timeout={round(busy_timeout * 1000)}")
        _change_to_wal(connection, busy_timeout)
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(READS, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    engine.dispose()  # connections that the pool already holds have not seen the settings


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


def open_engine(address: Address, *, create: bool, busy_timeout: float) -> Engine:
    """Engine of a database with our tables. Raises StorageError; see `Store.open`."""
    with translated(address):
        path = address.path
        if path and path.is_dir():
            raise StorageError(f"{path} is a folder: name the SQLite file in it, ending in .db.")
        if path and not create and not path.exists():
            raise _missing(address, "there is no such file")
        if create:
            address.lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            engine = create_engine(address.url)
        except ImportError as error:
            raise StorageError(
                f"the driver for {address} is not installed ({error}): for PostgreSQL "
                'pip install "psycopg[binary]".'
            ) from error
        try:
            prepare_sqlite(engine, busy_timeout)
            _ensure_tables(engine, address, create=create, timeout=busy_timeout)
        except BaseException:
            engine.dispose()
            raise
    return engine


def _ensure_tables(engine: Engine, address: Address, *, create: bool, timeout: float) -> None:
    with engine.execution_options(**{READS: True}).connect() as connection:
        version = tables.version(connection)
    if version is None:
        if not create:
            raise _missing(address, "this database holds no tables of ensearch")
        # Without a lock 4 of 24 first creations by several processes at once failed.
        with FileLock(address.lock, timeout=timeout), engine.begin() as connection:
            version = tables.create(connection)
    if version != tables.VERSION:
        age, remedy = (
            ("a newer", "update it with pip install -U ensearch")
            if version > tables.VERSION
            else ("an older", "go on with that version, or name a new storage")
        )
        raise StorageError(
            f"{address} was written by {age} ensearch (storage version {version}; this one reads "
            f"and writes version {tables.VERSION}): {remedy}. Nothing was changed."
        )


def _missing(address: Address, found: str) -> StorageError:
    return StorageError(
        f"no studies in {address}: {found}. Start one with `ensearch run`, or name the right "
        "storage with --storage."
    )


_LOCKED = (
    "is locked: is another process writing? Wait for it to end, or look for a program that keeps "
    "the file open"
)
_FULL = (
    "cannot grow: the disk is full or a quota is reached. Free space and run the same command "
    "again; finished members are kept"
)
_DAMAGED = (
    "is damaged or not a SQLite database. It was left as it is: restore a copy, or name another "
    "storage with --storage"
)
_READ_ONLY = "cannot be written: check the permissions of the file and its folder"
_SQLITE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check the permissions of the file and its folder "
    "(SQLite writes beside the file even when it only reads)",
    sqlite3.SQLITE_IOERR: "cannot be read or written: is the disk full or failing, or the folder "
    "on a network file system? Finished members are kept",
}
_SYSTEM = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
    errno.ENOTDIR: "cannot be used: a part of the path is a file, where a folder is needed",
    errno.EEXIST: "cannot be used: a part of the path is a file, where a folder is needed",
}


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """The one place where errors of the database, its files and locks become StorageError."""
    try:
        yield
    except StatementError as error:
        if not isinstance(error, DBAPIError) and error.orig is not None:
            raise error.orig from None  # a value of ours that no column can hold: not the storage's
        raise _database_error(address, error) from error
    except SQLAlchemyError as error:
        raise _database_error(address, error) from error
    except UnicodeError as error:
        raise StorageError(f"{address} cannot hold text that is not Unicode: {error}.") from error
    except Timeout as error:
        raise StorageError(f"{address} {_LOCKED} ({address.lock}).") from error
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        says = _SYSTEM.get(getattr(error, "errno", 0), "cannot be used")
        raise StorageError(f"{address} {says} ({error}).") from error
    except Exception as error:
        # Optuna wraps what SQLAlchemy says in an exception of its own.
        if isinstance(error.__cause__, SQLAlchemyError):
            raise _database_error(address, error.__cause__) from error
        raise


def _database_error(address: Address, error: SQLAlchemyError) -> StorageError:
    cause = getattr(error, "orig", None) or error
    # Extended codes such as SQLITE_IOERR_WRITE carry the primary one in their low byte.
    says = _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF, "cannot be used")
    return StorageError(f"{address} {says} ({_first_line(cause)}).")


def _first_line(error: BaseException) -> str:
    return _printable(str(error)).partition("\n")[0].rstrip(".") or type(error).__name__


def _printable(text: str) -> str:
    """Text that a terminal can show: bytes of a path that are not Unicode are escaped."""
    return text.encode(errors="backslashreplace").decode()
