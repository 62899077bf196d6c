"""A thousand workers that are simulated: how long they train is drawn, the driver is real.

A member takes so many seconds on average. One in twenty takes ten times as long as others, one in
a hundred comes back as killed.
"""

import heapq
import itertools
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from ensearch.launch import Failed, MemberJob, Train, Update, inline
from ensearch.seeds import derive
from ensearch.store import Store
from ensearch.study.events import Event, MemberDone, MemberFailed, TrialDone, TrialFailed
from ensearch.study.options import Limits
from ensearch.study.pace import Renewal
from scripts.load import apart, world
from scripts.load.world import Row

SLOW, FAILING, TIMES = 0.05, 0.01, 10.0


class Simulated:
    """See `ensearch.launch.Launcher`. A job is trained, in no time, once its time is over."""

    def __init__(self, train: Train, slots: int, seconds: float) -> None:
        self.slots = slots
        self.spans: list[tuple[float, float]] = []  # in which workers train
        self.late: list[float] = []  # seconds from the end of a job until somebody asked
        self.apart = 0.0  # seconds in which the driver waited, or training was simulated
        self._train, self._seconds = train, seconds
        self._queue: deque[MemberJob] = deque()
        self._ends: list[tuple[float, str, MemberJob]] = []

    def submit(self, jobs: tuple[MemberJob, ...]) -> None:
        self._queue.extend(jobs)
        self._start()

    def wait(self, timeout: float) -> list[Update]:
        began = time.monotonic()
        if self._ends:
            time.sleep(max(0.0, min(timeout, self._ends[0][0] - began)))
        updates: list[Update] = []
        now = time.monotonic()
        while self._ends and self._ends[0][0] <= now:
            end, key, job = heapq.heappop(self._ends)
            self.late.append(now - end)
            if random.Random(derive("fails", key)).random() < FAILING:
                updates.append(Failed(key=key, reason="killed", detail="simulated"))
            else:
                self._train((job,), updates.append)
        self._start()
        self.apart += time.monotonic() - began
        return updates

    def close(self) -> None:
        self._queue.clear()
        self._ends.clear()

    def busy(self, until: float) -> float:
        """Return the seconds that workers have trained, of all together."""
        return sum(min(end, until) - start for start, end in self.spans if start < until)

    def _start(self) -> None:
        while self._queue and len(self._ends) < self.slots:
            job = self._queue.popleft()
            rng = random.Random(derive("takes", job.member.key))
            mean = self._seconds / (1 + SLOW * (TIMES - 1))
            seconds = mean * rng.expovariate(1.0) * (TIMES if rng.random() < SLOW else 1.0)
            start = time.monotonic()
            self.spans.append((start, start + seconds))
            heapq.heappush(self._ends, (start + seconds, job.member.key, job))


def workers(
    folder: Path, done: set[str], counts: tuple[int, ...], seconds: float, mean: float
) -> Iterator[Row]:
    """Yield a row for each number of workers, which have so many seconds for a new study.

    A member takes `mean` seconds.
    """
    for count in counts:
        if str(count) not in done:
            values = apart.call(_worked, folder, count, seconds, mean)
            yield Row(part="workers", step=str(count), values=values)


def _worked(folder: Path, count: int, seconds: float, mean: float) -> dict[str, float | str]:
    made: list[Simulated] = []
    counts: Counter[type[Event]] = Counter()
    looks: list[float] = []  # when the driver could renew its lease

    def launcher(train: Train, slots: int) -> Simulated:
        made.append(Simulated(train, count, mean))
        return made[0]

    def renew(renewal: Renewal, plain: Callable[[Renewal], None] = Renewal.__call__) -> None:
        looks.append(time.monotonic())
        plain(renewal)

    place = folder / f"workers-{count}-{time.time_ns()}"
    place.mkdir()
    with (
        Store.open(f"sqlite:///{place}/s.db", create=True) as store,
        mock.patch.object(inline, "open", launcher),
        mock.patch.object(Renewal, "__call__", renew),
    ):
        one = world.opened(store, world.dataset(folder), "one")
        looks.append(time.monotonic())
        limits = Limits(trials=10**6, seconds=seconds)
        world.drive(store, one, limits, on_event=lambda event: counts.update([type(event)]))
        ended = time.monotonic()
    members, late = counts[MemberDone] + counts[MemberFailed], sorted(made[0].late)
    searched = looks[-1] - looks[0]
    return {
        "workers": count,
        "members a second": members / searched,
        "if none waited": count / mean,
        "workers busy, %": 100 * made[0].busy(looks[-1]) / count / searched,
        "driver busy, %": 100 * (1 - made[0].apart / searched),
        "a member waits, s": late[len(late) // 2],
        "at most, s": late[-1],
        "members failed": counts[MemberFailed],
        "trials told": counts[TrialDone],
        "trials failed": counts[TrialFailed],
        "longest silence, s": max(b - a for a, b in itertools.pairwise(looks)),
        "stopping, s": ended - looks[-1],
    }
