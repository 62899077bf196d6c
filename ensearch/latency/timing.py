"""How long things take: warmed, repeated, and in turns."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

ROUNDS = 5
WARM = 0.03  # seconds of runs that are not timed, before those of every round
TIMED = 0.12  # seconds of timed runs in every round
FEWEST = 3  # timed runs in every round, however long they take

Run = Callable[[], object]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds of a run: the median of the rounds' medians, and the 95th percentile of all `runs`.

    `low` and `high` are the smallest and the largest median of a round: what they are apart, the
    machine did.
    """

    median: float
    p95: float
    low: float
    high: float
    runs: int


def measure(
    runs: Sequence[Run],
    *,
    clock: Clock = time.perf_counter,
    on_round: Callable[[int], None] = lambda number: None,
) -> list[Timing]:
    """Return how long each of the runs takes.

    In every round each of them has its turn, so that a machine that is slower for some seconds is
    slower for all. A turn begins with runs that are not timed, which fill caches and wake the
    processor. `on_round` hears the number of each round as it begins.
    """
    rounds: list[list[list[float]]] = [[] for _ in runs]
    with _uncollected():
        for number in range(1, ROUNDS + 1):
            on_round(number)
            for run, own in zip(runs, rounds, strict=True):
                own.append(_turn(run, clock))
    return [_timing(own) for own in rounds]


def _turn(run: Run, clock: Clock) -> list[float]:
    """The seconds of each timed run of a turn."""
    begun = clock()
    run()
    while clock() - begun < WARM:
        run()
    taken: list[float] = []
    begun = before = clock()
    while len(taken) < FEWEST or before - begun < TIMED:
        run()
        after = clock()
        taken.append(after - before)
        before = after
    return taken


def _timing(rounds: Sequence[Sequence[float]]) -> Timing:
    medians = [float(np.median(taken)) for taken in rounds]
    every = np.concatenate([np.asarray(taken) for taken in rounds])
    return Timing(
        median=float(np.median(medians)),
        p95=float(np.percentile(every, 95)),
        low=min(medians),
        high=max(medians),
        runs=len(every),
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Within it Python collects no garbage: a run in which it did would be slower for nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
