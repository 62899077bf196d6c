"""PostgreSQL, for drivers on several machines: its URL, its locks, and its errors in words.

Only psycopg 3 is taken: what the other drivers do with locks and values has not been tested.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.exc import DataError, SQLAlchemyError

PACKAGE = "ensearch[postgres]"  # which brings the database driver
# Of the URL's query, ours: the folder of the members' files. The rest goes to the database driver.
FILES = "files"
# Keys of a query whose values may be shown.
_HARMLESS = {FILES, "host", "port", "dbname", "user", "sslmode", "application_name", "mode", "uri"}
# Numbers of advisory locks. They belong to a database, and end with the session that holds them.
_WRITING, _CREATING = 0x656E73_01, 0x656E73_02  # "ens"
# Without limits the system waits two minutes for a host that does not answer, and two hours to
# find out that a machine has gone. In seconds, as libpq names them; the user's own win.
_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


def address(url: URL) -> tuple[URL, Path | None]:
    """The URL for the driver, and the folder of files that the user named in it.

    Raises ValueError where the URL names no PostgreSQL database that this can use.
    """
    # Hosts of databases write postgres://, which libpq takes too.
    if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ValueError(f"{url.drivername} is neither sqlite nor postgresql+psycopg")
    if not url.database:
        raise ValueError("it names no database, as in postgresql+psycopg://user@host/name")
    named = url.query.get(FILES)
    if isinstance(named, tuple):
        raise ValueError(f"{FILES}= must name one folder")
    query = _PATIENCE | {key: value for key, value in url.query.items() if key != FILES}
    folder = Path(named).expanduser().resolve() if named else None
    return url.set(drivername="postgresql+psycopg", query=query), folder


def folder_name(url: URL) -> str:
    """What the folder of a database's files is called where nobody says otherwise."""
    return re.sub(r"[^\w.-]+", "-", f"{url.database}@{url.host or 'localhost'}.members")


def prepare(engine: Engine, busy_timeout: float) -> None:
    """Wait at most `busy_timeout` seconds for a lock, also in an engine that Optuna made."""

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:
        connection.execute(f"SET lock_timeout = {max(1, round(busy_timeout * 1000))}")
        connection.commit()

    engine.dispose()  # connections that the pool already holds have not seen the settings


def begin(connection: Connection, *, reads: bool) -> None:
    """What a transaction of ours begins with, to be what it is in SQLite.

    Reads see one state of the database throughout; of writers there is one at a time. Without the
    lock, two drivers that store the same member, or want the same lease, both delete the row that
    is there and the second insertion fails.
    """
    if reads:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITING})")


@contextmanager
def creation_lock(reader: Engine) -> Iterator[None]:
    """Held while tables are created; a driver that dies gives it free."""
    with reader.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATING})")
        yield


def redacted(text: str) -> str:
    """A URL, legal or not, or what looks like one, without its password.

    Hidden are what stands between the user and the last @, a port that is no number, which is a
    password where the host was forgotten, and every value of the query that is not harmless.
    """
    if re.match(r"sqlite[+\w]*:///", text):  # a path, which has neither
        return text
    scheme = re.match(r"[A-Za-z][\w+.-]*(?::/+|//+)", text)
    head, rest = (scheme[0], text[scheme.end() :]) if scheme else ("", text)
    if re.match(r"[^/:@]*:[^@]*@" if scheme is None else r"[^@]*@", rest, re.DOTALL):
        before, _, rest = rest.rpartition("@")
        user, colon, _ = before.partition(":")
        head = f"{head}{user}{':***' if colon else ''}@"
    elif scheme is None:
        return text
    else:
        rest = re.sub(r"^([^:/?#\[\]]*):(?!\d+(?:[/?#]|$))[^/?#]+", r"\1:***", rest)
    place, mark, query = rest.partition("?")
    return head + place + mark + "&".join(map(_harmless, query.split("&")))


def _harmless(pair: str) -> str:
    """One part of a query; without its value, unless nobody hides what such a key holds."""
    key, equals, _ = pair.partition("=")
    return pair if not equals or unquote_plus(key).lower() in _HARMLESS else f"{key}=***"


def is_address(text: str) -> bool:
    """Whether a text without :// seems to be the URL of a database, and not a path."""
    return bool(
        re.match(r"(?:sqlite|postgres\w*|mysql|mariadb|oracle|mssql)(?:\+\w+)?(?::|//)", text)
        or re.match(r"(?:[\w+.-]+(?::/{1,3}|//))?[^/:@]*:[^/@]*@", text)
    )


def check_readable(url: URL) -> None:
    """Raise ValueError where a password with an @ makes one URL look like another.

    What follows the first @ would be taken for the host, and be shown.
    """
    parts = (url.host, url.database, *url.query)
    if any("@" in (part or "") for part in parts):
        raise ValueError("it has an @ too many. In a password, write %40 for @, %3A for : and %2F")


def says(error: SQLAlchemyError) -> str:
    """What an error means, from its SQLSTATE. One that has none did not come from the server."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    if state is None:
        return _CLASSES["22"] if isinstance(error, DataError) else _NO_CONNECTION
    return _STATES.get(state) or _CLASSES.get(state[:2], "cannot be used")


_KEPT = "Finished members are kept, and the next try goes on with the others"
_NO_CONNECTION = (
    "cannot be reached. Is the server running, and are host, port, database, user and password "
    f"right? A password may stand in the URL, in PGPASSWORD or in ~/.pgpass. {_KEPT}"
)
_STATES = {
    "25006": "can only be read: a standby server? Name the primary one",
    "42501": "does not let this user make or change tables. Its owner may allow it with "
    "GRANT USAGE, CREATE ON SCHEMA public TO the user; tables that are there need a GRANT too",
    "53100": f"cannot grow: the server's disk is full. Free space. {_KEPT}",
    "53300": "takes no more connections: a process that runs a study needs three. Raise "
    "max_connections, or end other programs",
    "55P03": "is locked: another process has been writing for long. Wait for it, or look at "
    "pg_stat_activity for a session that hangs",
}
_CLASSES = {
    "08": _NO_CONNECTION,
    "22": "cannot hold a value",
    "53": f"is short of something. {_KEPT}",
    "57": f"is being shut down, or somebody ended this session. {_KEPT}",
    "58": f"has an error of its own system. {_KEPT}",
    "XX": "is damaged: restore a copy",
}
