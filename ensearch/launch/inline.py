"""Run tasks in this process, one after the other: for tests, debugging and small machines."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ensearch.launch._jobs import (
    Failed,
    MemberJob,
    Train,
    Trained,
    Update,
    WorkerSpentError,
)

T = TypeVar("T")

SUMMARY = "in this process, one task at a time"


class Inline:
    """See `ensearch.launch.Launcher`. Every `wait` runs one task to its end."""

    def __init__(self, train: Train) -> None:
        self.slots = 1
        self._train = train
        self._queue: deque[tuple[MemberJob, ...]] = deque()

    def submit(self, jobs: tuple[MemberJob, ...]) -> None:
        self._queue.append(jobs)

    def wait(self, timeout: float) -> list[Update]:
        # The timeout cannot hold: nothing else runs here that could end the wait.
        if not self._queue:
            return []
        updates: list[Update] = []
        jobs = self._queue.popleft()
        try:
            self._train(jobs, updates.append)
        except WorkerSpentError as spent:
            ended = {update.key for update in updates if isinstance(update, Trained | Failed)}
            left = [job for job in jobs if job.member.key not in ended]
            # There is no other process; in this one they may fare better, or say why not.
            self._queue.extendleft(
                (replace(job, plain=True),) for job in reversed(left) if not job.plain
            )
            updates += [
                Failed(key=job.member.key, reason="killed", detail=str(spent))
                for job in left
                if job.plain
            ]
        return updates

    def close(self) -> None:
        self._queue.clear()


def open(train: Train, slots: int) -> Inline:
    """A launcher of one slot, whatever `slots` asks for."""
    return Inline(train)


def usual(device: str) -> int:
    """One slot: nothing runs beside this process."""
    return 1


def warm_up(modules: Sequence[str]) -> None:
    """Do nothing: tasks run in this process."""


def call_each(
    function: Callable[..., T], arguments: Sequence[tuple[Any, ...]], device: str
) -> list[T]:
    """Call the function here, one call after the other."""
    return [function(*values) for values in arguments]
