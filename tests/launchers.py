"""Opening launchers in tests, and waiting for what they report.

Programs of a test of their own import this module, so it imports no torch.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator

from ensearch import launch
from ensearch.errors import UnavailableError
from ensearch.launch import Failed, Launcher, MemberJob, Progress, Train, Trained, Update
from tests.trainers import job_of

# A limit for what takes 1 to 15, and up to 60 where others use the cores. It is less than the 180
# of pytest, which ends a process without saying what it waited for.
SECONDS = 150.0


def gather(launcher: Launcher, jobs: list[MemberJob]) -> list[Update]:
    """Submit the jobs and wait until each has its outcome."""
    for job in jobs:
        launcher.submit((job,))
    return collect(launcher, len(jobs))


def collect(launcher: Launcher, count: int) -> list[Update]:
    """Wait for `count` outcomes."""
    updates: list[Update] = []
    end = time.monotonic() + SECONDS
    while len(outcomes(updates)) < count:
        assert time.monotonic() < end, updates
        updates += launcher.wait(1.0)
    return updates


def outcomes(updates: list[Update]) -> dict[str, Trained | Failed]:
    return {update.key: update for update in updates if isinstance(update, Trained | Failed)}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


Opener = Callable[[Train, int], Launcher]


def opener_of(name: str) -> Iterator[Opener]:
    opened: list[Launcher] = []

    def start(train: Train, slots: int) -> Launcher:
        try:
            opened.append(launch.get(name).open(train, slots))
        except UnavailableError as error:
            # Programs of their own open no launchers this way, and need not import servers.
            from tests.servers import unavailable

            unavailable(str(error))
        return opened[-1]

    yield start
    for launcher in opened:
        launcher.close()


def running(launcher: Launcher, count: int) -> list[int]:
    """Process ids of `count` endless jobs, once all have begun."""
    for seed in range(count):
        launcher.submit((job_of(seed),))
    pids: list[int] = []
    end = time.monotonic() + SECONDS
    while len(pids) < count:
        assert time.monotonic() < end
        pids += [int(update.loss) for update in launcher.wait(1) if isinstance(update, Progress)]
    return pids


Program = subprocess.Popen[str]
Driver = Callable[..., Program]
