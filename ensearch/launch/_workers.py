"""The processes of workers: how they are started, what they do, and why one has ended."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import ModuleType

from ensearch.errors import UnavailableError
from ensearch.launch import _gpus, _memory
from ensearch.launch._jobs import ATTEMPTS, MemberJob, Train, WorkerSpentError

# 3 s of import, and 2 s that the first step of an optimizer would import: once, not per worker, and
# their 280 MB of memory are shared.
_PRELOAD = ["torch", "torch._dynamo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Jobs that one worker trains."""

    jobs: dict[str, MemberJob]  # by key, those without an outcome
    attempt: int


@dataclass(slots=True, kw_only=True)
class Worker:
    """A worker process, as its driver sees it."""

    process: BaseProcess
    pipe: Connection
    slot: int
    ready: bool = False  # its start-up came to an end
    spent: str = ""  # why it ends itself, if it does
    task: Task | None = None

    def end(self, key: str) -> None:
        """A job has its outcome; the last one makes the worker idle."""
        assert self.task is not None
        del self.task.jobs[key]
        if not self.task.jobs:
            self.task = None


def begin(masks: "multiprocessing.SimpleQueue[str | None]") -> None:
    """Prepare a new process whose functions are called; `masks` has the GPU that it sees."""
    _prepare(masks.get())


def _prepare(gpu: str | None) -> None:
    """In a new process: see one GPU, if one is named, and keep the memory that is freed."""
    if gpu is not None:
        os.environ[_gpus.MASK] = gpu
    _memory.keep_freed()


def context(modules: Sequence[str] = ()) -> ForkServerContext | SpawnContext:
    """What starts workers: by forking a process that has imported the modules, where that goes."""
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver  # fails where there is none

    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload([*_PRELOAD, *modules])
    # Where an import asks for GPUs, PyTorch must not begin to use CUDA: no fork survives that.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    try:
        with _current_folder_hidden(), interrupts_blocked(), main_hidden():
            forkserver.ensure_running()
    except OSError:  # its socket has a name of at most 108 bytes, a temporary folder may have more
        return multiprocessing.get_context("spawn")
    return made


def start(train: Train, slot: int, gpu: str | None) -> Worker:
    """A new worker. Raises UnavailableError where this machine starts no process any more."""
    try:
        return _started(train, slot, gpu)
    except (OSError, EOFError) as error:  # the latter where the process that forks them has died
        raise no_worker(error) from error


def no_worker(error: Exception) -> UnavailableError:
    """The error of a machine that starts no process any more."""
    says = f"{type(error).__name__}: {error}"
    return UnavailableError(
        f"no worker process can be started here ({says}). Memory, the number of processes or "
        "of open files may be at its limit (`ulimit -u`, `ulimit -n`), or the folder for "
        "temporary files cannot be written.",
        problem="no_worker",
    )


def _started(train: Train, slot: int, gpu: str | None) -> Worker:
    made = context()
    ours, theirs = made.Pipe()
    # Daemonic: a driver that ends without `close` takes its workers along.
    process = made.Process(target=_work, args=(train, theirs, gpu), daemon=True)
    own = getattr(train, "__module__", "") == "__main__"
    main = contextlib.nullcontext() if own else main_hidden()
    with _current_folder_hidden(), interrupts_blocked(), main:
        process.start()
    theirs.close()  # the worker has the only other end: its death ends the pipe
    return Worker(process=process, pipe=ours, slot=slot)


@contextlib.contextmanager
def main_hidden() -> Iterator[None]:
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
def interrupts_blocked() -> Iterator[None]:
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


def _work(train: Train, pipe: Connection, gpu: str | None) -> None:
    """A worker's life: tasks in, updates out, until the driver closes the pipe or is gone.

    Of all GPUs it sees the one that is named.
    """
    _prepare(gpu)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)  # the driver's stdout carries results; what a worker prints goes to stderr
    threading.Thread(target=_follow_the_driver, daemon=True).start()
    try:
        pipe.send(None)
        while True:
            train(pipe.recv(), pipe.send)
    except WorkerSpentError as spent:
        with contextlib.suppress(OSError):
            pipe.send(spent)
    except (EOFError, ConnectionError):
        return


def _follow_the_driver() -> None:
    """End this process when the driver's ends, even if it was killed and training goes on here."""
    driver = multiprocessing.parent_process()
    assert driver is not None  # a spawned process has one
    driver.join()
    os._exit(1)


def obituary(code: int | None, ready: bool) -> str:
    """Why a worker died, from its exit code and whether its start-up came to an end."""
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
