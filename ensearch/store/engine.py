"""How the database of a storage is opened: its tables are there, and those of this version.

What is special to SQLite is in `sqlite.py`, to PostgreSQL in `server.py`.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event

from ensearch.errors import StorageError, first_line
from ensearch.files import regular_file
from ensearch.store import folder, server, sqlite, tables
from ensearch.store.address import Address
from ensearch.store.database_errors import translated
from ensearch.store.folder import Folder
from ensearch.store.migrations import chain as migrations

# Execution option of connections that only read: in WAL they need not wait for the one writer.
READS = "ensearch_reads"


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
        if path:
            regular_file.check(path)
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
            f"({first_line(error)}).",
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
