"""What a worker of a Ray cluster does with a task."""

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ensearch import __version__
from ensearch.errors import EnsearchError
from ensearch.launch import _memory
from ensearch.launch._jobs import Failed, MemberJob, Train, Update


def versions() -> dict[str, str]:
    """What must be the same everywhere for members to be the same.

    What follows a + in a version is left out: the driver may have PyTorch for CPUs where its nodes
    have it for GPUs.
    """
    return {"ensearch": __version__, "torch": version("torch").partition("+")[0]}


def said(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def host() -> str:
    return socket.gethostname()


def work(
    train: Train, jobs: tuple[MemberJob, ...], wanted: dict[str, str], folder: str, driver: str
) -> Iterator[Update]:
    """The updates of one task. `folder` is the driver's, `driver` the name of its host."""
    trouble = _trouble(jobs, wanted)
    if trouble is not None:
        for job in jobs:
            yield replace(trouble, key=job.member.key)
        return
    _memory.keep_freed()
    with contextlib.suppress(OSError):  # relative paths of data mean the same as there
        os.chdir(folder)
    # Training calls back and a generator is asked: a thread stands between.
    updates: queue.SimpleQueue[Update | BaseException | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            train(tuple(_seen_from_here(job) for job in jobs), updates.put)
            updates.put(None)
        except BaseException as error:
            updates.put(error)

    threading.Thread(target=run, daemon=True).start()
    while (update := updates.get()) is not None:
        if isinstance(update, BaseException):
            raise update
        if isinstance(update, Failed) and update.reason == "unavailable" and host() != driver:
            detail = f"node {host()}: {update.detail} Every node must see the data at this path."
            update = replace(update, detail=detail)
        yield update


def call(function: Callable[..., Any], values: tuple[Any, ...]) -> object:
    """What the function returns; an error of ensearch as it is, not as Ray would wrap it."""
    _memory.keep_freed()
    try:
        return function(*values)
    except EnsearchError as error:
        return error


def _trouble(jobs: tuple[MemberJob, ...], wanted: dict[str, str]) -> Failed | None:
    """Why this worker cannot do the task, the same for every member; None if it can."""
    here = versions()
    if here != wanted:
        return Failed(
            key="",
            reason="unavailable",
            detail=f"{host()}: this node of the Ray cluster has {said(here)}, and the driver "
            f"{said(wanted)}. Install the same on every node: other versions train other members.",
        )
    read = [job.weights for job in jobs if job.weights]
    read += [teacher.weights for job in jobs for teacher in job.teachers]
    lost: list[Path] = [path for path in read if not path.is_file()]
    if lost:
        return Failed(
            key="",
            reason="unavailable",
            detail=f"{host()}: this node of the Ray cluster does not see {lost[0]}.",
            problem="weights_not_shared",
        )
    return None


def _seen_from_here(job: MemberJob) -> MemberJob:
    """The job, without its checkpoint where this node does not see the storage's folder."""
    if job.checkpoint is not None and not job.checkpoint.parent.is_dir():
        return replace(job, checkpoint=None)
    return job
