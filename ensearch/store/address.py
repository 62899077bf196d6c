"""Where a storage lies: what people write, a path or a URL, and what that names."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ensearch.errors import StorageError, first_line, printable
from ensearch.store import server


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
        if url.get_backend_name() != "sqlite":
            url, files = server.address(url)
            return Address(url=url, path=None, files=files)
        url.get_dialect()
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
        if not path.name:
            raise ValueError("it is the topmost folder, not a file")
        url = url.set(database=str(path))
        url.render_as_string()  # raises where the path is not valid Unicode
    except (ArgumentError, ImportError, ValueError, OSError) as error:
        raise StorageError(
            f"{printable(server.redacted(text))!r} does not name a storage: {first_line(error)}. "
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
