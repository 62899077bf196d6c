"""Run members in worker processes of this machine; a worker that dies takes only its task along.

Workers are not forked from the driver: CUDA and the thread pools of PyTorch do not survive that.
They are forked from a process that does nothing but import torch; where there is no fork they are
spawned. They live until `close`. On a machine with GPUs each worker sees one of them.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import connection
from typing import Any, TypeVar

from ensearch.cores import usable_cores
from ensearch.errors import UnavailableError, at_least_one
from ensearch.launch import _gpus, _workers
from ensearch.launch._jobs import (
    ATTEMPTS,
    Failed,
    MemberJob,
    Train,
    Trained,
    Update,
    WorkerSpentError,
)

T = TypeVar("T")

SUMMARY = "in worker processes of this machine, as many as there are slots"

# A worker stuck in a device driver may not hear SIGTERM.
_TERMINATE_SECONDS = 2.0


class Processes:
    """See `ensearch.launch.Launcher`. `train` must be a function of a module (it is pickled)."""

    def __init__(self, train: Train, slots: int) -> None:
        self.slots = slots
        self._train = train
        self._queue: deque[_workers.Task] = deque()
        self._workers: list[_workers.Worker] = []
        self._gpus: tuple[str, ...] | None = None  # looked for with the first task of a GPU

    def submit(self, jobs: tuple[MemberJob, ...]) -> None:
        self._queue.append(_workers.Task(jobs={job.member.key: job for job in jobs}, attempt=1))
        self._assign()

    def wait(self, timeout: float) -> list[Update]:
        end = time.monotonic() + timeout
        updates: list[Update] = []
        self._assign()  # raises what the last call kept back
        while not updates and any(w.task or w.spent for w in self._workers):
            pipes = [worker.pipe for worker in self._workers]
            sentinels = [worker.process.sentinel for worker in self._workers]
            if not connection.wait([*pipes, *sentinels], max(0.0, end - time.monotonic())):
                break
            for worker in list(self._workers):
                updates += self._listen(worker)
            # Where no worker can take the place of a dead one, outcomes come before the error.
            try:
                self._assign()
            except UnavailableError:
                if not updates:
                    raise
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
            idle = next((w for w in self._workers if w.task is None and not w.spent), None)
            if idle is None:
                if len(self._workers) == self.slots:
                    return
                idle = self._started(self._queue[0])
                self._workers.append(idle)
            idle.task = self._queue.popleft()
            # A worker that has just died is found out, with its task, by the next `wait`.
            with contextlib.suppress(OSError):
                idle.pipe.send(tuple(idle.task.jobs.values()))

    def _started(self, task: _workers.Task) -> _workers.Worker:
        """A worker for the task in the first free slot. Slots share the GPUs, one after another."""
        slot = min(set(range(self.slots)) - {worker.slot for worker in self._workers})
        on_gpu = next(iter(task.jobs.values())).device == "cuda"
        if on_gpu and self._gpus is None:
            self._gpus = _gpus.visible()
        gpu = self._gpus[slot % len(self._gpus)] if on_gpu and self._gpus else None
        return _workers.start(self._train, slot, gpu)

    def _listen(self, worker: _workers.Worker) -> list[Update]:
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
                if isinstance(message, WorkerSpentError):
                    worker.spent = str(message)
                    continue
                updates.append(message)
                if isinstance(message, Trained | Failed):
                    worker.end(message.key)
        except (EOFError, OSError):  # the pipe ends, or it ends within a message
            died = True
        if died:
            updates += self._lost(worker)
        return updates

    def _lost(self, worker: _workers.Worker) -> list[Update]:
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
                self._queue.appendleft(_workers.Task(jobs=again, attempt=task.attempt + 1))
            return []
        detail = worker.spent or _workers.obituary(code, worker.ready)
        return [Failed(key=key, reason="killed", detail=detail) for key in task.jobs]

    def _bury(self, worker: _workers.Worker) -> None:
        if worker.process.is_alive():
            worker.process.kill()
        worker.process.join()
        worker.process.close()
        worker.pipe.close()


def open(train: Train, slots: int) -> Processes:
    """`slots` workers, started when the first jobs come; UsageError if it is less than 1."""
    at_least_one("workers", slots)
    return Processes(train, slots)


def usual(device: str) -> int:
    """One worker per core on a CPU, each with one thread; one on each GPU."""
    if device == "cuda":
        return max(1, len(_gpus.visible()))
    return usable_cores()


def warm_up(modules: Sequence[str]) -> None:
    """Start the process that workers are forked from; its imports take seconds in the background.

    It ends with this one. Before the first worker is needed is early enough, and optional; the
    first call decides what it imports.
    """
    _workers.context(modules)


def call_each(
    function: Callable[..., T], arguments: Sequence[tuple[Any, ...]], device: str
) -> list[T]:
    """Call the function in worker processes of their own, as many at a time as there are slots."""
    try:
        return [call.result() for call in _called(function, arguments, device)]
    except BrokenProcessPool:
        raise UnavailableError(
            "a worker process ended before it had answered. The system ends processes so when "
            "memory runs out: use a smaller budget or batch size, or a machine with more memory.",
        ) from None


def _called(
    function: Callable[..., T], arguments: Sequence[tuple[Any, ...]], device: str
) -> list[Future[T]]:
    """The calls, all of them over. UnavailableError where no process can be started for them."""
    slots, context = min(usual(device), len(arguments)), _workers.context()
    masks = context.SimpleQueue()
    gpus = _gpus.visible() if device == "cuda" else ()
    for slot in range(slots):
        masks.put(gpus[slot] if gpus else None)
    try:
        with (
            ProcessPoolExecutor(
                slots, mp_context=context, initializer=_workers.begin, initargs=(masks,)
            ) as pool,
            # Processes start when work is submitted.
            _workers.interrupts_blocked(),
            _workers.main_hidden(),
        ):
            return [pool.submit(function, *values) for values in arguments]
    except (OSError, EOFError) as error:
        raise _workers.no_worker(error) from error
