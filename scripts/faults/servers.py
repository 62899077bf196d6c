"""A PostgreSQL server that is killed and started again."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import OperationalError

from scripts.faults import processes
from tests.servers import execute

SECONDS = 120.0
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """The process of a running server, and how it was started."""

    pid: int
    command: tuple[str, ...]
    folder: str
    user: int

    def kill(self) -> None:
        """SIGKILL to it and to its processes, as of a machine that goes down."""
        for pid in (self.pid, *processes.children(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + SECONDS
        while processes.is_alive(self.pid) and time.monotonic() < end:
            time.sleep(0.02)
        with contextlib.suppress(ChildProcessError):  # as a zombie it would seem to run
            os.waitpid(self.pid, 0)

    def start(self, url: URL) -> "subprocess.Popen[bytes]":
        """The same server again; it answers when this returns."""
        process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self.user if os.geteuid() == 0 else None,
            extra_groups=() if os.geteuid() == 0 else None,
        )
        end = time.monotonic() + SECONDS
        while True:
            try:
                execute(url, "SELECT 1")
                return process
            except OperationalError:
                assert time.monotonic() < end, "the server did not come back"
                time.sleep(0.1)


def postmaster(url: URL) -> Postmaster:
    """The server of a database on this machine, whose superuser the URL names."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT pg_read_file('postmaster.pid')").scalar()
    engine.dispose()
    pid = int(str(found).split()[0])
    process = Path(f"/proc/{pid}")
    return Postmaster(
        pid=pid,
        command=tuple((process / "cmdline").read_bytes().decode().rstrip("\0").split("\0")),
        folder=os.readlink(process / "cwd"),
        user=process.stat().st_uid,
    )


@contextlib.contextmanager
def restarted(address: str) -> Iterator[Postmaster]:
    """The server, to be killed; it is there again in the end, and goes with this process."""
    url = make_url(address).set(query={})  # where files lie is for ensearch alone
    before = postmaster(url)
    try:
        yield before
    finally:
        if not processes.is_alive(before.pid):
            STARTED.append(before.start(url))


STARTED: list["subprocess.Popen[bytes]"] = []


def stop_started() -> None:
    """End the servers that `restarted` has started."""
    for process in STARTED:
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)
    STARTED.clear()


def cut(address: str) -> None:
    """The server ends all connections to its databases but this one."""
    execute(make_url(address).set(query={}), CUT)
