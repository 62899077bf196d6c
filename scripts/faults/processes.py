"""Processes of this machine, as Linux tells of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process at the moment when it was read; `parent` and `session` are process ids."""

    pid: int
    name: str
    lives: bool  # it is no zombie
    parent: int
    session: int


def read(pid: int) -> Process | None:
    """Return what there is of a process; None where there is none."""
    try:
        before, _, after = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
    except OSError:
        return None
    state, parent, _, session, *_ = after.split()
    return Process(
        pid=pid,
        name=before.partition("(")[2],
        lives=state not in ("Z", "X"),
        parent=int(parent),
        session=int(session),
    )


def every() -> Iterator[Process]:
    """Yield all processes."""
    for folder in Path("/proc").glob("[0-9]*"):
        if (process := read(int(folder.name))) is not None:
            yield process


def children(pid: int) -> list[int]:
    """Return the process ids of what a process has started."""
    return [process.pid for process in every() if process.parent == pid]


def is_alive(pid: int) -> bool:
    """Return whether there is such a process, and no zombie."""
    process = read(pid)
    return process is not None and process.lives


def command(pid: int) -> str:
    """Return the command line of a process; "" where there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
