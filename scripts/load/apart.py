"""Functions in processes of their own, which have imported everything when they begin."""

import functools
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

READY, GO = "ready", "go"


@functools.cache
def _context() -> Any:
    """Processes are forked from one that has imported all: they begin in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scripts.load.parts"])
    return context


def call(function: Callable[..., T], *values: Any) -> T:
    """Return what a function returns in a new process. Raises what it raises."""
    with ProcessPoolExecutor(1, mp_context=_context()) as pool:
        return pool.submit(function, *values).result()


@contextmanager
def together(
    function: Callable[..., T], values: Sequence[tuple[Any, ...]], folder: Path
) -> Iterator[list[Future[T]]]:
    """Call a function in as many processes as there are values, and let all go at once.

    Each calls `begin` with the folder when it is ready; within the block they have begun.
    """
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(len(values), mp_context=_context()) as pool:
        calls = [pool.submit(function, folder, *each) for each in values]
        try:
            while len(list(folder.glob(f"{READY}-*"))) < len(values):
                for one in calls:
                    if one.done():
                        one.result()  # raises what it raised before it was ready
                time.sleep(0.02)
        finally:
            (folder / GO).touch()
        yield calls


def begin(folder: Path) -> None:
    """Say that this process is ready, and wait for the others."""
    (folder / f"{READY}-{os.getpid()}").touch()
    while not (folder / GO).exists():
        time.sleep(0.005)


def memory(process: int | str = "self") -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def handles() -> int:
    """Return how many files this process has open."""
    return len(os.listdir("/proc/self/fd"))
