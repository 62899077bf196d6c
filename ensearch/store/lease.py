"""The lease of a study: at most one driver runs it, and a dead driver's lease is free.

On one machine a driver lives if its process does, told from a later process of the same number
by its start time. Elsewhere, or where there is no /proc, it lives if its heartbeat is young.
"""

import os
import socket
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from ensearch.errors import StorageError
from ensearch.store import tables

# Drivers renew every few seconds; this allows for a long write by another or a slow disk.
SILENCE = timedelta(seconds=120)

_LEASES = tables.leases


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseHolder:
    """Who holds the lease of a study; `alive` as far as it can be told from here."""

    host: str
    pid: int
    since: datetime
    heartbeat: datetime
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to run a study, until it is released or another driver takes it over."""

    study: str
    token: str
    write: Callable[[], AbstractContextManager[Connection]]

    def renew(self) -> None:
        """Say that this driver lives. Raises StorageError if another one took the study over."""
        mine = (_LEASES.c.study == self.study) & (_LEASES.c.token == self.token)
        with self.write() as connection:
            beat = update(_LEASES).where(mine).values(heartbeat=tables.now(connection))
            if connection.execute(beat).rowcount:
                return
            other = holder(connection, self.study)
        who = f" (process {other.pid} on {other.host})" if other else ""
        raise StorageError(
            f"another process{who} has taken over study {self.study!r}, so this one stops. "
            "Finished members are kept."
        )

    def release(self) -> None:
        """Give the study free; nothing happens if it is not held any more."""
        mine = (_LEASES.c.study == self.study) & (_LEASES.c.token == self.token)
        with self.write() as connection:
            connection.execute(delete(_LEASES).where(mine))


def acquire(connection: Connection, study: str, *, take_over: bool) -> str:
    """Token of a new lease. Raises StorageError if a live driver holds the study."""
    driver = holder(connection, study)
    if driver and driver.alive and not take_over:
        raise StorageError(
            f"study {study!r} is being run by process {driver.pid} on {driver.host} since "
            f"{driver.since:%Y-%m-%d %H:%M} UTC (last sign of life {driver.heartbeat:%H:%M:%S} "
            "UTC). Wait for it or stop it.",
            problem="study_runs",
            study=study,
            host=driver.host,
            pid=driver.pid,
        )
    pid, now = os.getpid(), tables.now(connection)
    row = {
        "study": study,
        "token": uuid.uuid4().hex,
        "host": socket.gethostname(),
        "place": _place(),
        "pid": pid,
        "started": _start(pid),
        "since": now,
        "heartbeat": now,
    }
    tables.replace(connection, _LEASES, [row])
    return str(row["token"])


def holder(connection: Connection, study: str) -> LeaseHolder | None:
    """Who holds the lease of a study, dead or alive; None if nobody does."""
    row = connection.execute(select(_LEASES).where(_LEASES.c.study == study)).one_or_none()
    if row is None:
        return None
    return LeaseHolder(
        host=row.host,
        pid=row.pid,
        since=row.since,
        heartbeat=row.heartbeat,
        alive=is_alive(row, tables.now(connection)),
    )


def is_alive(row: Row[Any], now: datetime) -> bool:
    """Whether the driver that wrote a row of the lease table lives; `now` from `tables.now`."""
    return driver_lives(
        place=row.place, pid=row.pid, started=row.started, heartbeat=row.heartbeat, now=now
    )


def driver_lives(
    *, place: str | None, pid: int, started: int | None, heartbeat: datetime, now: datetime
) -> bool:
    """Whether a driver lives of which a lease says this; leases of version 3 say it already."""
    if started is not None and place == _place():
        return _start(pid) == started
    return now - heartbeat < SILENCE


def _place() -> str | None:
    """Where process numbers mean the same: one boot of one machine, one container.

    The name of the host does not tell: containers may share it, and with it process number 1.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _start(pid: int) -> int | None:
    """Start of a running process in clock ticks since boot; None if there is none or no /proc."""
    try:
        # The second field, the name in parentheses, may itself hold spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])  # a zombie drives nothing
    except (OSError, IndexError, ValueError):
        return None
