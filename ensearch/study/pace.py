"""How long a run still takes, and the lease that it renews while it waits."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ensearch.store import Lease

# Seconds between looks at the limits, and between renewals of the lease, while members train.
TICK = 0.5
_RENEW = 5.0
# How much of the work has to be done until its pace counts as much as the plan. The plans of two
# studies on 2 cores were 2 and 4 times too short: counted as `over`, half a study of four times the
# planned time was promised to end in less than half of what it took.
_PLAN = 0.1


@dataclass(slots=True)
class Renewal:
    """Renews the lease of a study, at most every few seconds however often it is called."""

    lease: Lease
    _last: float = field(default_factory=time.monotonic)

    def __call__(self) -> None:
        if time.monotonic() - self._last > _RENEW:
            self.lease.renew()
            self._last = time.monotonic()


def stopped(
    started: float, seconds: float | None, is_interrupted: Callable[[], bool]
) -> Literal["interrupted", "time"] | None:
    """Why a run ends whatever is left to do; None as long as it may go on.

    It began at `started`, by `time.monotonic`, and may take so many `seconds`.
    """
    if is_interrupted():
        return "interrupted"
    return "time" if seconds is not None and time.monotonic() - started >= seconds else None


def seconds_left(over: float, elapsed: float, expected: float | None) -> float:
    """Return the seconds that are left: from the plan at first, from what has been seen soon.

    `over` is the share of the work that is done, `elapsed` the seconds that it took, `expected` the
    seconds that the plan says for all of it, None where there is no plan.
    """
    if expected is None:
        return elapsed * (1 - over) / over
    return (1 - over) * (_PLAN * expected + elapsed) / (_PLAN + over)
