"""Stand-ins for training, and jobs for them.

Worker processes and Ray workers import them by name, so this module imports no torch.
"""

import functools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ensearch.core import Architecture, Member, Predictions, Schedule
from ensearch.datasets import Source
from ensearch.errors import UsageError
from ensearch.launch import Failed, MemberJob, Progress, Train, Trained, Update, WorkerSpentError

One = Callable[[MemberJob, Callable[[Update], None]], Trained | Failed]

SOURCE = Source(spec="digits", data_dir=Path("unused"), limit_train=200)


def each(train: One) -> Train:
    """What trains one job as a `Train`: as a decorator of a module's function it can be pickled."""

    @functools.wraps(train)
    def all_of(jobs: tuple[MemberJob, ...], report: Callable[[Update], None]) -> None:
        for job in jobs:
            report(train(job, report))

    return all_of


def job_of(seed: int, note: Path | None = None, dataset: str = "") -> MemberJob:
    """A small job. The stand-ins for training below read its seed, and its checkpoint as a note."""
    member = Member(
        architecture=Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8),
        schedule=Schedule(epochs=2, batch_size=64),
        dataset=dataset,
        seed=seed,
    )
    return MemberJob(member=member, source=SOURCE, device="cpu", keep_weights=True, checkpoint=note)


def answer(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """Seeds from 100 fail; the prediction of the others is their seed."""
    key = job.member.key
    report(Progress(key=key, epoch=1, epochs=1, loss=0.5))
    if job.member.seed >= 100:
        return failure(key)
    logits = np.full((1, 2), job.member.seed, dtype=np.float16)
    return Trained(
        key=key,
        predictions=(Predictions(member=key, split="val", logits=logits),),
        losses=(0.5,),
        seconds=0.0,
        weights=None,
    )


def failure(key: str) -> Failed:
    """The failure that seeds from 100 are answered with."""
    facts = {"asked": 100}
    return Failed(key=key, reason="diverged", detail="as asked", problem="asked", facts=facts)


def refilled() -> int:
    """The pages that the system fills while this process takes 64 MB that it has just freed."""
    import resource  # not on Windows

    size = 64 << 20
    b"x" * size
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * size
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def lacking() -> None:
    raise FileNotFoundError(2, "a library is missing")


def halved(number: int) -> int:
    """Refuses odd numbers, and ends its process at 0."""
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if number % 2:
        raise UsageError("the number is odd", problem="odd", number=number)
    return number // 2


@each
def quick(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    return answer(job, report)


@each
def deadly(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """Seeds from 100 kill their process; each attempt leaves a line in the note."""
    if job.checkpoint is not None:
        with job.checkpoint.open("a") as file:
            file.write(f"{os.getpid()}\n")
    if job.member.seed >= 100:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(job, report)


@each
def unlucky(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """Dies at the first attempt, which leaves its mark; the second goes well."""
    assert job.checkpoint is not None
    if not job.checkpoint.exists():
        job.checkpoint.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(job, report)


@each
def leaving(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    os._exit(7)


@each
def endless(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    forever(job, report)
    raise AssertionError("nobody ended this")


def forever(job: MemberJob, report: Callable[[Update], None]) -> None:
    report(Progress(key=job.member.key, epoch=1, epochs=9, loss=float(os.getpid())))
    time.sleep(3600)


@each
def stubborn(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    forever(job, report)
    raise AssertionError("nobody ended this")


@each
def chatty(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    print("noise from a worker", flush=True)
    return answer(job, report)


@each
def waiting(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """Notes its seed and its node, and goes on when beside the note a file is named by its seed."""
    import ray

    assert job.checkpoint is not None
    with job.checkpoint.open("a") as note:
        note.write(f"{job.member.seed} {ray.get_runtime_context().get_node_id()}\n")
    while not job.checkpoint.with_name(str(job.member.seed)).exists():
        time.sleep(0.05)
    return answer(job, report)


def broken(jobs: tuple[MemberJob, ...], report: Callable[[Update], None]) -> None:
    raise ZeroDivisionError("a defect of training")


def silent(jobs: tuple[MemberJob, ...], report: Callable[[Update], None]) -> None:
    """Forgets its outcomes."""


def spent(jobs: tuple[MemberJob, ...], report: Callable[[Update], None]) -> None:
    """Answers the first job; then its process is of use for plain jobs only."""
    for number, job in enumerate(jobs):
        if number and not job.plain:
            raise WorkerSpentError("the GPU stopped answering")
        report(answer(job, report))


@each
def seen(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """Says in its failure which GPUs it sees, and its process."""
    time.sleep(0.2)  # so that no worker does the work of two
    detail = f"{os.environ.get('CUDA_VISIBLE_DEVICES')} {os.getpid()}"
    return Failed(key=job.member.key, reason="error", detail=detail)


@each
def whereabouts(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """Says in its failure where it works and with how many threads."""
    detail = f"{Path.cwd()} {job.checkpoint} {os.environ.get('OMP_NUM_THREADS')}"
    return Failed(key=job.member.key, reason="unavailable", detail=detail)
