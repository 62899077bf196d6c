"""The folder of members' files when the database is on a server: one that all drivers share.

The database says where it lies and holds its mark, a file in the folder holds the same mark. So a
driver on another machine finds out that its folder of that name is not the one, before it trains
members that nobody else could read.
"""

import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from ensearch import atomic
from ensearch.errors import StorageError
from ensearch.store import tables

MARK = "storage.id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where the files lie, as seen from here, and what its mark must be."""

    path: Path
    mark: str
    made_on: str  # host

    def check(self, place: str) -> None:
        """Check that this is the folder of the storage `place`. Raises StorageError if not."""
        path = self.path / MARK
        try:
            if path.read_text().strip() == self.mark:
                return
            state = "is the folder of another storage"
        except FileNotFoundError:
            state = "is another one" if self.path.is_dir() else "does not exist"
        except (OSError, UnicodeError) as error:
            state = f"cannot be read ({error})"
        raise StorageError(
            f"the members' files of {place} lie in {self.path}, made on {self.made_on}; on "
            f"{socket.gethostname()} that folder {state}. All drivers must see the same folder, "
            f"whose file {MARK} holds {self.mark}: mount it here under the same name, or say where "
            "it is by ?files=/FOLDER at the end of the URL. Where the files are lost, make both "
            "anew, and let the studies train missing members again.",
            problem="folder_of_files",
            folder=self.path,
            file=path,
            mark=self.mark,
        )


def create(connection: Connection, path: Path) -> None:
    """Make the folder with its mark, and keep both in the database. Raises OSError.

    A mark that is there stays: it is of a creation that was killed, or of a database that was
    made anew. Files of members are the same whichever storage they belong to.
    """
    mark = path / MARK
    if not mark.exists():
        atomic.write(mark, f"{uuid.uuid4().hex}\n".encode())
    row = {"path": str(path), "mark": mark.read_text().strip(), "host": socket.gethostname()}
    connection.execute(tables.folders.insert(), [row])


def find(connection: Connection, named: Path | None) -> Folder:
    """The folder that the database names; `named` is where it lies here, if the user says so."""
    row = connection.execute(select(tables.folders)).one_or_none()
    if row is None:
        raise StorageError("the storage is damaged: it does not say where its files lie.")
    return Folder(path=named or Path(row.path), mark=row.mark, made_on=row.host)
