"""Run members in worker processes of this machine; a worker that dies takes only its task along.

Workers are not forked from the driver: CUDA and the thread pools of PyTorch do not survive that.
They are forked from a process that does nothing but import torch; where there is no fork they are
spawned. They live until `close`.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, TypeVar

from ensearch.errors import UnavailableError, invalid
from ensearch.launch._jobs import Failed, MemberJob, Train, Trained, Update

T = TypeVar("T")

SUMMARY = "in worker processes of this machine, as many as there are slots"

# A worker that was killed once may have been unlucky (memory that others held); twice is the job.
ATTEMPTS = 2
# 3 s of import, and 2 s that the first step of an optimizer would import: once, not per worker, and
# their 280 MB of memory are shared.
_PRELOAD = ["torch", "torch._dynamo"]
# A worker stuck in a device driver may not hear SIGTERM.
_TERMINATE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    jobs: dict[str, MemberJob]  # by key, those without an outcome
    attempt: int


@dataclass(slots=True, kw_only=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    ready: bool = False  # its start-up came to an end
    task: _Task | None = None

    def end(self, key: str) -> None:
        """A job has its outcome; the last one makes the worker idle."""
        assert self.task is not None
        del self.task.jobs[key]
        if not self.task.jobs:
            self.task = None


class Processes:
    """See `ensearch.launch.Launcher`. `train` must be a function of a module (it is pickled)."""

    def __init__(self, train: Train, slots: int) -> None:
        self.slots = slots
        self._train = train
        self._queue: deque[_Task] = deque()
        self._workers: list[_Worker] = []

    def submit(self, jobs: tuple[MemberJob, ...]) -> None:
        self._queue.append(_Task(jobs={job.member.key: job for job in jobs}, attempt=1))
        self._assign()

    def wait(self, timeout: float) -> list[Update]:
        end = time.monotonic() + timeout
        updates: list[Update] = []
        while not updates and any(worker.task for worker in self._workers):
            pipes = [worker.pipe for worker in self._workers]
            sentinels = [worker.process.sentinel for worker in self._workers]
            if not connection.wait([*pipes, *sentinels], max(0.0, end - time.monotonic())):
                break
            for worker in list(self._workers):
                updates += self._listen(worker)
            self._assign()
        return updates

    def close(self) -> None:
        self._queue.clear()
        for worker in self._workers:
            worker.process.terminate()
        end = time.monotonic() + _TERMINATE_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            self._bury(worker)
        self._workers.clear()

    def _assign(self) -> None:
        """Give queued tasks to idle workers, starting workers while there are free slots."""
        while self._queue:
            idle = next((worker for worker in self._workers if worker.task is None), None)
            if idle is None:
                if len(self._workers) == self.slots:
                    return
                idle = _start(self._train)
                self._workers.append(idle)
            idle.task = self._queue.popleft()
            # A worker that has just died is found out, with its task, by the next `wait`.
            with contextlib.suppress(OSError):
                idle.pipe.send(tuple(idle.task.jobs.values()))

    def _listen(self, worker: _Worker) -> list[Update]:
        """What the worker has sent by now; if it has died, the end of it and of its task."""
        updates: list[Update] = []
        # Asked first: what it sent before it died is then in the pipe.
        died = not worker.process.is_alive()
        try:
            while worker.pipe.poll():
                message = worker.pipe.recv()
                if message is None:
                    worker.ready = True
                    continue
                updates.append(message)
                if isinstance(message, Trained | Failed):
                    worker.end(message.key)
        except (EOFError, OSError):  # the pipe ends, or it ends within a message
            died = True
        if died:
            updates += self._lost(worker)
        return updates

    def _lost(self, worker: _Worker) -> list[Update]:
        """Remove a dead worker; its jobs are tried once more before they count as failed.

        Each alone and plain: the one that kills its worker must not take the others along again.
        """
        worker.process.join(_TERMINATE_SECONDS)
        code = worker.process.exitcode
        self._workers.remove(worker)
        self._bury(worker)
        task = worker.task
        if task is None:
            return []
        if task.attempt < ATTEMPTS:
            for key, job in reversed(task.jobs.items()):
                again = {key: replace(job, plain=True)}
                self._queue.appendleft(_Task(jobs=again, attempt=task.attempt + 1))
            return []
        detail = _obituary(code, worker.ready)
        return [Failed(key=key, reason="killed", detail=detail) for key in task.jobs]

    def _bury(self, worker: _Worker) -> None:
        if worker.process.is_alive():
            worker.process.kill()
        worker.process.join()
        worker.process.close()
        worker.pipe.close()


def open(train: Train, slots: int) -> Processes:
    """`slots` workers, started when the first jobs come; UsageError if it is less than 1."""
    if slots < 1:
        raise invalid("workers", f"must be at least 1; got {slots}.")
    return Processes(train, slots)


def usual(device: str) -> int:
    """One worker per core on a CPU, each with one thread; one on a GPU."""
    if device == "cuda":
        return 1
    # Containers and job schedulers grant fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def warm_up(modules: Sequence[str]) -> None:
    """Start the process that workers are forked from; its imports take seconds in the background.

    It ends with this one. Before the first worker is needed is early enough, and optional; the
    first call decides what it imports.
    """
    _context(modules)


def call_each(
    function: Callable[..., T], arguments: Sequence[tuple[Any, ...]], device: str
) -> list[T]:
    """Call the function in worker processes of their own, as many at a time as there are slots."""
    slots = min(usual(device), len(arguments))
    try:
        with ProcessPoolExecutor(slots, mp_context=_context()) as pool:
            with _interrupts_blocked(), _main_hidden():  # processes start when work is submitted
                calls = [pool.submit(function, *values) for values in arguments]
            return [call.result() for call in calls]
    except BrokenProcessPool:
        raise UnavailableError(
            "a worker process ended before it had answered. The system ends processes so when "
            "memory runs out: use a smaller budget or batch size, or a machine with more memory.",
        ) from None
    except (OSError, EOFError) as error:
        raise _no_worker(error) from error


def _context(modules: Sequence[str] = ()) -> ForkServerContext | SpawnContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver  # fails where there is none

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_PRELOAD, *modules])
    try:
        with _current_folder_hidden(), _interrupts_blocked(), _main_hidden():
            forkserver.ensure_running()
    except OSError:  # its socket has a name of at most 108 bytes, a temporary folder may have more
        return multiprocessing.get_context("spawn")
    return context


def _start(train: Train) -> _Worker:
    """A new worker. Raises UnavailableError where this machine starts no process any more."""
    try:
        return _started(train)
    except (OSError, EOFError) as error:  # the latter where the process that forks them has died
        raise _no_worker(error) from error


def _no_worker(error: Exception) -> UnavailableError:
    says = f"{type(error).__name__}: {error}"
    return UnavailableError(
        f"no worker process can be started here ({says}). Memory, the number of processes or "
        "of open files may be at its limit (`ulimit -u`, `ulimit -n`), or the folder for "
        "temporary files cannot be written.",
        problem="no_worker",
    )


def _started(train: Train) -> _Worker:
    context = _context()
    ours, theirs = context.Pipe()
    # Daemonic: a driver that ends without `close` takes its workers along.
    process = context.Process(target=_work, args=(train, theirs), daemon=True)
    own = getattr(train, "__module__", "") == "__main__"
    main = contextlib.nullcontext() if own else _main_hidden()
    with _current_folder_hidden(), _interrupts_blocked(), main:
        process.start()
    theirs.close()  # the worker has the only other end: its death ends the pipe
    return _Worker(process=process, pipe=ours)


@contextlib.contextmanager
def _main_hidden() -> Iterator[None]:
    """Within it, multiprocessing sees an empty main module, and workers import no other.

    A worker needs nothing of the script that called us; importing that again would run all of it
    where it has no `if __name__ == "__main__"`, and so start the same search in every worker.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _current_folder_hidden() -> Iterator[None]:
    """Within it, processes that start import nothing from the current folder.

    What multiprocessing starts looks there first: a copy.py of the user's own would be run in place
    of the standard library's. Workers have the driver's `sys.path` all the same.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT within, and for good in the processes started within.

    Ctrl-C reaches every process of the terminal. What to do about it is for the driver to decide,
    and a worker still importing its modules would print a traceback. The driver's own interrupt
    comes when the block ends.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Its own start would lift the block half-way through ours.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(train: Train, pipe: Connection) -> None:
    """A worker's life: tasks in, updates out, until the driver closes the pipe or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)  # the driver's stdout carries results; what a worker prints goes to stderr
    threading.Thread(target=_follow_the_driver, daemon=True).start()
    try:
        pipe.send(None)
        while True:
            train(pipe.recv(), pipe.send)
    except (EOFError, ConnectionError):
        return


def _follow_the_driver() -> None:
    """End this process when the driver's ends, even if it was killed and training goes on here."""
    driver = multiprocessing.parent_process()
    assert driver is not None  # a spawned process has one
    driver.join()
    os._exit(1)


def _obituary(code: int | None, ready: bool) -> str:
    times = f"{ATTEMPTS} times in a row"
    if not ready:
        return (
            f"the worker process ended with code {code} before it was ready, {times}; its own "
            "message is above. A script that starts workers must do so under "
            "`if __name__ == '__main__':`."
        )
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = (
            " The system kills processes so when memory runs out: use fewer workers, a smaller "
            "batch size or a smaller budget."
            if name == "SIGKILL"
            else ""
        )
        return f"the worker process was ended by {name}, {times}.{hint}"
    return f"the worker process ended with code {code}, {times}."
