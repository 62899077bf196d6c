"""Stand-ins for training that treat one job at a time."""

import functools
from collections.abc import Callable

from ensearch.launch import Failed, MemberJob, Train, Trained, Update

One = Callable[[MemberJob, Callable[[Update], None]], Trained | Failed]


def each(train: One) -> Train:
    """What trains one job as a `Train`: as a decorator of a module's function it can be pickled."""

    @functools.wraps(train)
    def all_of(jobs: tuple[MemberJob, ...], report: Callable[[Update], None]) -> None:
        for job in jobs:
            report(train(job, report))

    return all_of
