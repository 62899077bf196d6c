"""Where a storage lies, how its database is opened, and its errors in words that help.

What is special to SQLite is in `sqlite.py`, to PostgreSQL in `server.py`.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, StatementError

from ensearch.errors import StorageError, printable
from ensearch.store import folder, server, sqlite, tables
from ensearch.store.folder import Folder
from ensearch.store.migrations import chain as migrations

# Execution option of connections that only read: in WAL they need not wait for the one writer.
READS = "ensearch_reads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A storage's database, absolute, and what lies beside it."""

    url: URL
    path: Path | None  # the SQLite file; None for a server
    files: Path | None  # folder of the members' files; None where the server says it

    def __str__(self) -> str:
        """The storage as messages name it: the file, or the URL without its password."""
        # The query may hold a password too.
        return str(self.path) if self.path else self.url.set(query={}).render_as_string()

    @property
    def lock(self) -> Path:
        """The file that is locked while the tables of a SQLite file are created."""
        assert self.files is not None
        return self.files.with_name(self.files.name.removesuffix(".members") + ".lock")


def locate(text: str) -> Address:
    """Where `text`, a database URL or the bare path of a SQLite file, points to from here."""
    try:
        url = _url(text)
        url.get_dialect()
        if url.get_backend_name() != "sqlite":
            url, files = server.address(url)
            return Address(url=url, path=None, files=files)
        if url.host or not url.database or url.database == ":memory:" or "uri" in url.query:
            raise ValueError("members' files lie beside the database, so it must be a plain file")
        # Of the text itself: SQLAlchemy drops what has no =, and a?b.db would be the file a.
        query = text.split("?", 1)[1:] if "://" in text else []
        names = {part.partition("=")[0] for each in query for part in each.split("&")}
        odd = sorted(names - {"timeout", "cached_statements", "isolation_level"})
        if odd:
            raise ValueError(
                f"SQLite knows no option {odd[0]!r}; a file whose name holds a ? is given by its "
                "path alone"
            )
        path = Path(url.database).resolve()
        url = url.set(database=str(path))
        url.render_as_string()  # raises where the path is not valid Unicode
    except (ArgumentError, ImportError, ValueError, OSError) as error:
        raise StorageError(
            f"{printable(server.redacted(text))!r} does not name a storage: {_first_line(error)}. "
            "Give the path of a SQLite file (studies/ensearch.db), or a URL such as "
            f"sqlite:///studies/ensearch.db or postgresql+psycopg://user@host/name (needs "
            f"{server.PACKAGE}).",
            problem="storage_unnamed",
            package=server.PACKAGE,
        ) from error
    # Other endings stay: a database called a.lock must not be its own lock, which empties files.
    name = path.stem if path.suffix in (".db", ".sqlite", ".sqlite3") else path.name
    return Address(url=url, path=path, files=path.with_name(f"{name}.members"))


def _url(text: str) -> URL:
    """The URL that a text is or, of a bare path, means. Raises ValueError.

    What SQLAlchemy says of one that it cannot parse may repeat it, with its password.
    """
    if "://" not in text:
        if server.is_address(text):
            raise ValueError("it looks like a URL, which has :// behind its first word")
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("it cannot be taken apart; a port is a number") from None
    if url.get_backend_name() != "sqlite":
        server.check_readable(url)
    return url


def prepare(engine: Engine, busy_timeout: float) -> None:
    """Make an engine, ours or Optuna's, safe for several processes; `busy_timeout` in seconds."""
    if engine.dialect.name == "sqlite":
        sqlite.prepare(engine, busy_timeout, reads=_reads)
    else:
        server.prepare(engine, busy_timeout)


def _reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(READS, False))


def open_engine(address: Address, *, create: bool, busy_timeout: float) -> Engine:
    """Engine of a database with our tables. Raises StorageError; see `Store.open`."""
    with translated(address):
        path = address.path
        if path and path.is_dir():
            raise StorageError(f"{path} is a folder: name the SQLite file in it, ending in .db.")
        if path and not create and not path.exists():
            raise _missing(address, "there is no such file")
        if path and create:
            path.parent.mkdir(parents=True, exist_ok=True)
        new = path is not None and create and sqlite.create(path)
        engine = _engine(address)
        try:
            prepare(engine, busy_timeout)
            _ensure_tables(engine, address, create=create, new=new, timeout=busy_timeout)
        except BaseException:
            engine.dispose()
            raise
    return engine


def _engine(address: Address) -> Engine:
    if address.path:
        return create_engine(address.url)
    try:
        # A server may have closed a connection that was idle while members trained.
        engine = create_engine(address.url, pool_pre_ping=True)
    except ImportError as error:
        raise StorageError(
            f"{address} needs the database driver psycopg, which cannot be imported "
            f"({_first_line(error)}).",
            problem="no_psycopg",
            package=server.PACKAGE,
        ) from error

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        server.begin(connection, reads=_reads(connection))

    return engine


@contextmanager
def creation_lock(address: Address, engine: Engine, timeout: float) -> Iterator[None]:
    """Without it 4 of 24 first creations by several processes at once failed (SQLite)."""
    if address.path:
        if not address.lock.parent.is_dir():  # the lock would make it
            raise FileNotFoundError(errno.ENOENT, "no such folder", str(address.lock.parent))
        with FileLock(address.lock, timeout=timeout):
            yield
    else:
        with server.creation_lock(engine.execution_options(**{READS: True})):
            yield


def files_folder(address: Address, engine: Engine) -> Folder:
    """The folder of the members' files, and what its mark must be; see `Folder.check`."""
    with translated(address), engine.execution_options(**{READS: True}).connect() as connection:
        return folder.find(connection, address.files, beside=address.path)


def _ensure_tables(
    engine: Engine, address: Address, *, create: bool, new: bool, timeout: float
) -> None:
    with engine.execution_options(**{READS: True}).connect() as connection:
        version = tables.version(connection)
    if version is None:
        if address.path and not new:
            _refuse_emptied(address)
        if not create:
            raise _missing(address, "this database holds no tables of ensearch")
        with creation_lock(address, engine, timeout), engine.begin() as connection:
            version = tables.version(connection)
            if version is None:
                version = tables.create(connection)
                usual = Path("studies", server.folder_name(address.url)).resolve()
                folder.create(connection, address.files or usual)
    elif migrations.FIRST <= version < tables.VERSION:
        version = _migrate(engine, address, version, timeout)
    if version != tables.VERSION:
        raise _of_another_version(address, version)
    if address.path and not folder.is_kept(engine.execution_options(**{READS: True})):
        _keep_folder(engine, address, timeout)


def _refuse_emptied(address: Address) -> None:
    """Raise StorageError where members' files lie beside a database without any table."""
    assert address.files is not None
    files = [path for path in address.files.rglob("*.npz") if path.is_file()]
    if files:
        raise StorageError(
            f"{address} holds no tables, but {address.files} has {len(files)} files of members or "
            "models: the database was emptied or replaced. Restore a copy of it; to begin anew, "
            "move that folder away.",
            problem="storage_emptied",
            path=address.path,
        )


def _keep_folder(engine: Engine, address: Address, timeout: float) -> None:
    """Give the folder of a SQLite storage from before such folders had marks a mark."""
    assert address.files is not None
    with creation_lock(address, engine, timeout), engine.begin() as connection:
        folder.adopt(connection, address.files)


def _migrate(engine: Engine, address: Address, version: int, timeout: float) -> int:
    """Bring a storage of an earlier release to this version; the version."""
    try:
        with (
            translated(address),
            creation_lock(address, engine, timeout),
            engine.begin() as connection,
        ):
            return migrations.run(connection, address.path, str(address))
    except StorageError as error:
        if error.problem:
            raise
        raise StorageError(
            f"{error} It was written by an earlier ensearch (storage version {version}) and must "
            f"be brought to version {tables.VERSION} before it can be used; nothing was changed.",
        ) from error


def _of_another_version(address: Address, version: int) -> StorageError:
    versions = f"storage version {version}; this one reads and writes version {tables.VERSION}"
    if version > tables.VERSION:
        return StorageError(
            f"{address} was written by a newer ensearch ({versions}), which this one must be "
            "updated to. Nothing was changed.",
            problem="storage_newer",
            version=version,
        )
    return StorageError(
        f"{address} was written by an older ensearch, which was never released ({versions}). "
        "Nothing was changed.",
        problem="storage_unreleased",
        version=version,
    )


def _missing(address: Address, why: str) -> StorageError:
    return StorageError(f"no studies in {address}: {why}.", problem="storage_missing")


_LOCKED = (
    "is locked: is another process writing? Wait for it to end, or look for a program that keeps "
    "the file open"
)
_FULL = (
    "cannot grow: the disk is full or a quota is reached. Free space and try again; finished "
    "members are kept"
)
_DAMAGED = (
    "is damaged or not a SQLite database. It was left as it is: restore a copy, or name another "
    "storage"
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
    if address.path:
        says = _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF, "cannot be used")
    else:
        says = server.says(error)
    return StorageError(f"{address} {says} ({_first_line(cause)}).")


def _first_line(error: BaseException) -> str:
    return printable(str(error)).partition("\n")[0].rstrip(".") or type(error).__name__
