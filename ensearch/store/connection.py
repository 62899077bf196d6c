"""How every part of a store reaches its database and its files; errors become StorageError."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from ensearch.store.address import Address
from ensearch.store.database_errors import translated
from ensearch.store.engine import READS, files_folder
from ensearch.store.folder import Folder


class Connected:
    """An open database. The parts of `Store` are classes that add methods to this one."""

    def __init__(self, address: Address, engine: Engine) -> None:
        self._address = address
        self._engine = engine
        self._reader = engine.execution_options(**{READS: True})
        self._folder: Folder | None = None  # of the members' files; not every verb needs them

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with translated(self._address), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with translated(self._address), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of database and files in the block, also Optuna's, become StorageError."""
        with translated(self._address):
            yield

    @property
    def files(self) -> Path:
        """Folder of the members' files; absolute.

        Raises StorageError if the database is on a server and this machine lacks the folder that
        its drivers share.
        """
        beside = self._address.files if self._address.path else None
        return beside or self._present_files()

    def _present_files(self) -> Path:
        """The folder of the members' files, if it is there now and has the mark of the storage.

        Raises StorageError if not.
        """
        self._folder = self._folder or files_folder(self._address, self._engine)
        self._folder.check(str(self._address))
        return self._folder.path

    @contextmanager
    def _root(self) -> Iterator[Path]:
        """The folder of `_present_files`; errors of files in the block become StorageError."""
        root = self._present_files()
        with self.translated():
            yield root
