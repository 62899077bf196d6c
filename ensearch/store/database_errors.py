"""The errors of databases, files and locks in words that help, as StorageError."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import Timeout
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from ensearch.errors import StorageError, first_line
from ensearch.store import server
from ensearch.store.address import Address

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
    return StorageError(f"{address} {says} ({first_line(cause)}).")
