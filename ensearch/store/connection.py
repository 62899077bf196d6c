"""How every part of a store reads and writes: one transaction a call, errors as StorageError."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from ensearch.store.address import Address
from ensearch.store.database_errors import translated
from ensearch.store.engine import READS


class Connected:
    """An open database. The parts of `Store` are classes that add methods to this one."""

    def __init__(self, address: Address, engine: Engine) -> None:
        self._address = address
        self._engine = engine
        self._reader = engine.execution_options(**{READS: True})

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with translated(self._address), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with translated(self._address), self._engine.begin() as connection:
            yield connection
