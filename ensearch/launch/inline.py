"""Run members in this process, one after the other: for tests, debugging and small machines."""

from collections import deque

from ensearch.launch import MemberJob, Train, Update

SUMMARY = "in this process, one member at a time"


class Inline:
    """See `ensearch.launch.Launcher`. Every `wait` trains one member to its end."""

    def __init__(self, train: Train) -> None:
        self.slots = 1
        self._train = train
        self._queue: deque[MemberJob] = deque()

    def submit(self, job: MemberJob) -> None:
        self._queue.append(job)

    def wait(self, timeout: float) -> list[Update]:
        # The timeout cannot hold: nothing else runs here that could end the wait.
        if not self._queue:
            return []
        updates: list[Update] = []
        outcome = self._train(self._queue.popleft(), updates.append)
        return [*updates, outcome]

    def close(self) -> None:
        self._queue.clear()


def open(train: Train, slots: int) -> Inline:
    """A launcher of one slot, whatever `slots` asks for."""
    return Inline(train)
