"""What a search, a settlement and a confirmation share: to hold a study, and to train members."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ensearch import launch
from ensearch.core import Member, Split
from ensearch.launch import Train
from ensearch.store import SEARCH, Store
from ensearch.study import pace
from ensearch.study.events import Event, MemberDone, MemberFailed, MemberReady
from ensearch.study.members import MemberQueue
from ensearch.study.options import RunControl
from ensearch.study.pace import TICK, Renewal
from ensearch.study.placement import Placement
from ensearch.study.study import Study

# Why members are waited for no longer.
Ended = Literal["done", "time", "interrupted"]


@contextlib.contextmanager
def held(store: Store, study: str, *, take_over: bool) -> Iterator[Renewal]:
    """Hold the lease of a study, and yield what renews it.

    Raises StorageError if another driver works on the study.
    """
    lease = store.acquire_lease(study, take_over=take_over)
    try:
        yield Renewal(lease)
    finally:
        with contextlib.suppress(Exception):
            lease.release()


@contextlib.contextmanager
def trained(
    study: Study,
    store: Store,
    where: Placement,
    control: RunControl,
    *,
    train: Train,
    stage: str = SEARCH,
    spent: float = 0.0,
) -> Iterator[MemberQueue]:
    """Open the launcher, yield the queue of the members that it trains, and close it."""
    # It may find no cluster: whatever else must be opened comes after it.
    launcher = launch.get(where.launcher).open(train, where.workers)
    try:
        yield MemberQueue(
            study=study,
            store=store,
            launcher=launcher,
            device=where.device,
            keep_weights=where.keep_weights,
            retrain_missing=control.retrain_missing,
            on_event=control.on_event,
            stage=stage,
            spent=spent,
        )
    finally:
        launcher.close()


@dataclass(slots=True, kw_only=True)
class Counting:
    """Counts members that are ready, of `members`, and guesses the time left as the search does.

    `seconds` are those that they are expected to take.
    """

    members: int
    seconds: float
    on_event: Callable[[Event], None]
    macs: dict[str, float]  # of training, by key of those that are not ready
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    over: float = 0.0

    def __call__(self, event: Event) -> None:
        if not isinstance(event, MemberDone | MemberFailed):
            self.on_event(event)
            return
        self.done += 1
        self.over += self.macs.get(event.key, 0.0)
        self.on_event(
            MemberReady(
                member=event,
                trained=event.key in self.macs,
                done=self.done,
                members=self.members,
                seconds_left=self.seconds_left(),
            )
        )

    def seconds_left(self) -> float:
        """Seconds until all members are ready."""
        total = sum(self.macs.values())
        share = min(1.0, self.over / total) if total else self.done / self.members
        elapsed = time.monotonic() - self.started
        return pace.seconds_left(share, elapsed, self.seconds)


@dataclass(slots=True, kw_only=True)
class Waiting:
    """Waits for members, however often in one run, for at most `seconds` in all."""

    queue: MemberQueue
    renew: Renewal
    seconds: float | None
    is_interrupted: Callable[[], bool]
    started: float = field(default_factory=time.monotonic)

    def collect(
        self, wanted: Sequence[Member], counting: Counting, *, splits: tuple[Split, ...] = ("val",)
    ) -> Ended:
        """Train members and let them predict: "done", or why that ended before."""
        queue = self.queue
        queue.on_event = counting
        queue.require(wanted, splits=splits)
        keys = [member.key for member in wanted]
        counting.done = sum(queue.outcomes([key]) is not None for key in keys)
        while queue.outcomes(keys) is None:
            ended = pace.stopped(self.started, self.seconds, self.is_interrupted)
            if ended is not None:
                return ended
            queue.collect(TICK)
            self.renew()
        return "done"
