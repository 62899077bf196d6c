"""Run tasks on a Ray cluster: many machines, or one of its own on this machine.

Members go out as Ray tasks, each with one core, or one core and one GPU. Where more tasks are asked
for than the cluster has GPUs, each gets the same share of one. The worker of a GPU task ends with
it: an idle one would hold some hundred megabytes of the GPU. A task is a generator that
yields the updates of its members, so that Ray itself brings progress and outcomes, in order, and
after them the news that a worker or its node has died. Ray Client (ray://) has no such generators,
and drops everything when its connection is gone for 30 seconds: the driver runs on a node.

What every node needs: the same ensearch, Python and PyTorch, and its own sight of the data under
the same path. Checkpoints are written by nodes that see the storage's folder of files; the others
train without. Predictions and weights come back through Ray, and only the driver stores them.
"""

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ensearch.errors import EnsearchError, UnavailableError, at_least_one
from ensearch.launch import _on_ray, _ray_room
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

SUMMARY = "on a Ray cluster that is there, or on one of its own on this machine"

# Seconds between looks at whether a node is left that could run what waits.
_LOOK = 10.0
_ANSWER = 10.0  # seconds for a cluster to answer


@dataclass(slots=True, kw_only=True, eq=False)
class _Task:
    jobs: dict[str, MemberJob]  # by key, those without an outcome
    attempt: int
    stream: Any = None  # Ray's generator of references to updates

    @property
    def device(self) -> str:
        return next(iter(self.jobs.values())).device


class Ray:
    """See `ensearch.launch.Launcher`. `train` must be a function that the workers can import."""

    def __init__(self, train: Train, slots: int, ray: Any) -> None:
        self.slots = slots
        self._train = train
        self._ray = ray
        self._remote = ray.remote(max_retries=0, num_returns="streaming")(_on_ray.work)
        self._on_gpu = ray.remote(max_retries=0, max_calls=1, num_returns="streaming")(_on_ray.work)
        self._queue: deque[_Task] = deque()
        self._running: list[_Task] = []
        self._looked = time.monotonic()

    def submit(self, jobs: tuple[MemberJob, ...]) -> None:
        _ray_room.check_room(self._ray, jobs[0].device, self.slots)
        self._queue.append(_Task(jobs={job.member.key: job for job in jobs}, attempt=1))
        self._start()

    def wait(self, timeout: float) -> list[Update]:
        end = time.monotonic() + timeout
        updates: list[Update] = []
        while not updates and self._running:
            streams = [task.stream for task in self._running]
            left = min(_LOOK, max(0.0, end - time.monotonic()))
            ready, _ = self._ray.wait(streams, timeout=left, fetch_local=False)
            for task in [self._running[streams.index(stream)] for stream in ready]:
                updates += self._listen(task)
            if not ready:
                updates += self._give_up()
                if time.monotonic() >= end:
                    break
            self._start()
        return updates

    def close(self) -> None:
        self._queue.clear()
        for task in self._running:
            with contextlib.suppress(Exception):  # of a cluster that is gone already
                self._ray.cancel(task.stream, force=True)
        self._running.clear()
        _disconnect(self._ray)

    def _start(self) -> None:
        while self._queue and len(self._running) < self.slots:
            task = self._queue.popleft()
            if task.device == "cuda":
                place = self._on_gpu.options(
                    num_cpus=1, num_gpus=_ray_room.share(self._ray, self.slots)
                )
            else:
                place = self._remote.options(num_cpus=1)
            jobs = tuple(task.jobs.values())
            task.stream = place.remote(
                self._train, jobs, _on_ray.versions(), os.getcwd(), _on_ray.host()
            )
            self._running.append(task)

    def _listen(self, task: _Task) -> list[Update]:
        """What the task has sent by now; if its worker has died, the end of it."""
        updates: list[Update] = []
        try:
            while task.jobs and self._ray.wait([task.stream], timeout=0, fetch_local=False)[0]:
                update = self._ray.get(next(task.stream))
                updates.append(update)
                if isinstance(update, Trained | Failed):
                    del task.jobs[update.key]
        except StopIteration:
            updates += self._lost(task, RuntimeError("it ended without a word"))
        except self._ray.exceptions.RayError as error:
            updates += self._lost(task, error)
        if not task.jobs:
            self._running.remove(task)
        return updates

    def _lost(self, task: _Task, error: Exception) -> list[Update]:
        """End a task that has died; its jobs are tried once more, each alone, before they fail."""
        jobs, attempt = dict(task.jobs), task.attempt
        task.jobs.clear()
        lines = str(error).strip().splitlines() or [type(error).__name__]
        spent = isinstance(getattr(error, "cause", None), WorkerSpentError)
        if isinstance(error, self._ray.exceptions.RayTaskError) and not spent:
            says = lines[-1].strip()  # of a traceback
            if says.startswith(("ModuleNotFoundError", "ImportError")):
                needed = _on_ray.said(_on_ray.versions())
                says = f"a worker of the Ray cluster cannot import what it needs ({says}). "
                says += f"Every node needs the same environment: {needed}."
                return [Failed(key=key, reason="unavailable", detail=says) for key in jobs]
            return [Failed(key=key, reason="error", detail=says) for key in jobs]
        says = lines[-1 if spent else 0].strip()
        if attempt < ATTEMPTS:
            for key, job in reversed(jobs.items()):
                plain = {key: replace(job, plain=True)}
                self._queue.appendleft(_Task(jobs=plain, attempt=attempt + 1))
            return []
        detail = f"the worker on the Ray cluster died, {ATTEMPTS} times in a row: {says}"
        return [Failed(key=key, reason="killed", detail=detail) for key in jobs]

    def _give_up(self) -> list[Update]:
        """Nothing came: end the tasks that no node of the cluster can run any more."""
        if time.monotonic() - self._looked < _LOOK:
            return []
        self._looked = time.monotonic()
        updates: list[Update] = []
        for task in list(self._running):
            if not _ray_room.room(self._ray, task.device, self.slots):
                says = _ray_room.no_room(self._ray, task.device, self.slots)
                self._ray.cancel(task.stream, force=True)
                updates += [
                    Failed(key=key, reason="unavailable", detail=says, problem="no_ray_room")
                    for key in task.jobs
                ]
                self._running.remove(task)
        return updates


def open(train: Train, slots: int) -> Ray:
    """A launcher on the cluster. Raises UnavailableError without Ray or a cluster that answers."""
    at_least_one("workers", slots)
    return Ray(train, slots, _connect())


def usual(device: str) -> int:
    """How many tasks the cluster's nodes can hold. Raises UnavailableError if they hold none."""
    ray = _connect()
    _ray_room.check_room(ray, device)
    return _ray_room.room(ray, device)


def warm_up(modules: Sequence[str]) -> None:
    """Do nothing: Ray starts workers of its own."""


def call_each(
    function: Callable[..., T], arguments: Sequence[tuple[Any, ...]], device: str
) -> list[T]:
    """Call the function in Ray tasks with the resources of a member's."""
    ray = _connect()
    _ray_room.check_room(ray, device)
    remote = ray.remote(max_retries=0, max_calls=1)(_on_ray.call)
    place = remote.options(num_cpus=1, num_gpus=1 if device == "cuda" else 0)
    try:
        answers = ray.get([place.remote(function, values) for values in arguments])
    except ray.exceptions.RayTaskError as error:  # what the function raised
        raise error.cause from error
    except ray.exceptions.RayError as error:
        says = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
        raise UnavailableError(f"a worker of the Ray cluster cannot answer: {says}") from error
    for answer in answers:
        if isinstance(answer, EnsearchError):
            raise answer
    return list(answers)


# The cluster


def _imported() -> Any:
    ray: Any  # what Ray says of its own types is half of it
    try:
        import ray
    except ImportError as error:
        raise UnavailableError(
            f"the launcher ray needs Ray, which cannot be imported ({error}), on every node of the "
            "cluster.",
            problem="no_ray",
            package="ensearch[ray]",
        ) from error
    return ray


def _connect() -> Any:
    """Ray, connected to the cluster of RAY_ADDRESS, or to a new one on this machine."""
    ray = _imported()
    address = os.environ.get("RAY_ADDRESS") or "local"
    if _opened and _opened != [address]:  # a plan, or a run that was refused, left it open
        _disconnect(ray)
    if ray.is_initialized():
        return ray
    if "://" in address:
        raise UnavailableError(
            f"{address}: Ray Client cannot bring results as they come, and loses them with its "
            "connection. The driver must run on a node of the cluster.",
            problem="ray_client",
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of a change
    own = {"include_dashboard": False} if address == "local" else {}
    with _handlers_kept():
        try:
            host, colon, port = address.rpartition(":")
            if colon:  # Ray itself tries for minutes
                socket.create_connection((host, int(port)), timeout=_ANSWER).close()
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
        except Exception as error:
            ray.shutdown()
            says = " ".join(str(error).split())[:500]
            raise UnavailableError(
                f"no Ray cluster can be used at {address!r}: {says}. Expected the address of one "
                "that is there, such as host:6379; auto for that of this node; or none for one of "
                "its own on this machine.",
                problem="no_ray_cluster",
            ) from error
    _opened.append(address)
    # What Ray says of nodes that have gone it prints on stdout, which carries results; there is no
    # public switch. What it means for a member is in the member's failure.
    ray._private.worker._worker_logs_enabled = False
    return ray


# Holds the address while the connection is ours, and not of a program that uses Ray itself.
_opened: list[str] = []


def _disconnect(ray: Any) -> None:
    """End the connection if it is ours, and with it a cluster of our own."""
    if _opened:
        _opened.clear()
        ray._private.worker._worker_logs_enabled = True
        with _handlers_kept():
            ray.shutdown()


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    """A context after which SIGINT and SIGTERM have their handlers back, which Ray replaces."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in numbers if main}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
