"""The folder of members' files: made once, with a mark that says to which storage it belongs.

The database holds the mark, a file in the folder holds the same one. It is compared before files
are read and written, and after they were written: where a folder was renamed, or the disk that
holds it unmounted, files would else go where nobody finds them. On a server the database also says
where the folder lies, and a driver on another machine finds out that its folder of that name is
not the one, before it trains members that nobody else could read.
"""

import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from ensearch.errors import StorageError
from ensearch.files import atomic
from ensearch.store import tables

MARK = "storage.id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where the files lie, as seen from here, and what its mark must be.

    The mark is None where an earlier version made a storage and its folder has been missing since.
    """

    path: Path
    mark: str | None
    made_on: str  # host
    is_shared: bool  # by the drivers of a server; else it lies beside the database

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
        others = () if self.is_shared else self._same_mark()
        says = self._shared(place, state) if self.is_shared else self._beside(place, state, others)
        raise StorageError(
            says,
            problem="" if others or self.mark is None else "folder_of_files",
            folder=self.path,
            file=path,
            mark=self.mark,
        )

    def _shared(self, place: str, state: str) -> str:
        return (
            f"the members' files of {place} lie in {self.path}, made on {self.made_on}; on "
            f"{socket.gethostname()} that folder {state}. All drivers must see the same folder, "
            f"whose file {MARK} holds {self.mark}: mount it here under the same name, or say where "
            "it is by ?files=/FOLDER at the end of the URL. Where the files are lost, make both "
            "anew, and let the studies train missing members again."
        )

    def _beside(self, place: str, state: str, others: Sequence[Path]) -> str:
        says = f"the members' files of {place} are looked for in {self.path}, which {state}"
        if others:
            return (
                f"{says}; {others[0]} holds them: was the database renamed or copied? Give that "
                f"folder, or a copy of it, the name {self.path.name}."
            )
        whose = "" if self.mark is None else f", whose file {MARK} holds {self.mark}"
        return (
            f"{says}: was it renamed, or its disk unmounted? Bring back the folder{whose}. Where "
            "the files are lost, make it anew, and let the studies train missing members again."
        )

    def _same_mark(self) -> Sequence[Path]:
        """Folders of the same storage under another name."""
        if self.mark is None:
            return [f for f in sorted(self.path.parent.glob("*.members")) if f.is_dir()]
        found = []
        for file in sorted(self.path.parent.glob(f"*.members/{MARK}")):
            try:
                if file.read_text().strip() == self.mark:
                    found.append(file.parent)
            except (OSError, UnicodeError):
                continue
        return found


def create(connection: Connection, path: Path) -> None:
    """Make the folder with its mark, and keep both in the database. Raises OSError.

    A mark that is there stays: it is of a creation that was killed, or of a database that was
    made anew. Files of members are the same whichever storage they belong to.
    """
    mark = path / MARK
    if not mark.exists():
        atomic.write(mark, f"{uuid.uuid4().hex}\n".encode())
    row = {"path": str(path), "mark": mark.read_text().strip(), "host": socket.gethostname()}
    tables.replace(connection, tables.folders, [row])


def adopt(connection: Connection, path: Path) -> None:
    """Mark the folder beside a database of before such folders had marks. Raises OSError.

    Not where it is missing: whoever copied the database alone would get an empty one.
    """
    every = (select(table.c.key).limit(1) for table in (tables.members, tables.pool))
    if path.is_dir() or not any(connection.execute(query).first() for query in every):
        create(connection, path)


def is_kept(reader: Engine) -> bool:
    """Whether the database knows the mark of its folder."""
    with reader.connect() as connection:
        return connection.execute(select(tables.folders.c.mark)).first() is not None


def find(connection: Connection, named: Path | None, *, beside: Path | None) -> Folder:
    """The folder that the database names; `named` is where it lies here, if that is known.

    `beside` is the SQLite file that the folder belongs to.
    """
    row = connection.execute(select(tables.folders)).one_or_none()
    is_shared = beside is None
    if row is not None:
        path = named or Path(row.path)
        return Folder(path=path, mark=row.mark, made_on=row.host, is_shared=is_shared)
    if named is None or is_shared:
        raise StorageError("the storage is damaged: it does not say where its files lie.")
    return Folder(path=named, mark=None, made_on="", is_shared=False)
