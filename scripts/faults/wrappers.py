"""What is put around calls of a process before its study begins: the k-th one goes wrong."""

import os
import resource
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event

from ensearch.store import tables

Arm = Callable[[], None]


def _around(name: str, act: Callable[[int], None]) -> None:
    """Call `act` with the number of the call before each call of a function of `os`."""
    plain, calls = getattr(os, name), 0

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        act(calls)
        return plain(*args, **kwargs)

    setattr(os, name, wrapper)


def kill_at(name: str, number: int) -> None:
    """SIGKILL just before a call of `os.replace`, `os.fsync` or the like."""

    def act(call: int) -> None:
        if call == number:
            os.kill(os.getpid(), signal.SIGKILL)

    _around(name, act)


def kill_after_write(number: int) -> None:
    """SIGKILL between a file and the row that names it: before a commit of the database."""
    commits = 0

    def act(*_: object) -> None:
        nonlocal commits
        commits += 1
        if commits == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", act)


def fail_from(name: str, number: int, code: int) -> None:
    """From one call on, every call of the function fails: a disk that is full or read-only."""

    def act(call: int) -> None:
        if call >= number:
            raise OSError(code, os.strerror(code))

    _around(name, act)


def small_database(pages: int) -> None:
    """SQLite finds the disk full once the database has grown by so many pages."""

    def act(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        now = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {max(now + pages, 2)}")
        cursor.close()

    event.listen(Engine, "connect", act)


def few_handles(more: int) -> None:
    """No more than so many files beside those that are open now."""
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + more, used + more))


def little_memory(mebibytes: int) -> None:
    """No more than so much memory beside what is mapped now."""
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    most = mapped + mebibytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def clock_off_by(seconds: float) -> None:
    """The clock by which drivers say that they live, and that of the process, have jumped."""
    plain, shift = tables.now, timedelta(seconds=seconds)
    tables.now = lambda connection: plain(connection) + shift
    clock = time.time
    time.time = lambda: clock() + seconds
