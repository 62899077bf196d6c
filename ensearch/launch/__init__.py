"""Launchers run the jobs of members: in this process, in worker processes, on a cluster.

To add a launcher, put a module into this folder: its file name is its name, nothing is registered,
and tests/launch/test_contract.py checks it like all others. The smallest example is `inline.py`.
A launcher module has:

    SUMMARY             one line for the help
    open(train, slots)  a `Launcher` that calls `train` on at most `slots` tasks at a time
    usual(device)       the number of slots where nobody says how many
    warm_up(modules)    begins in the background what the first task would wait for, if anything,
                        such as the import of these modules
    call_each(function, arguments, device)
                        calls a function in workers, as tasks run, and returns what it returns

A task is a tuple of jobs that one slot trains side by side. Only the driver touches the storage:
jobs go out as plain data, updates come back as plain data, and a job that fails comes back as a
`Failed` with its reason, never as an exception. A worker that dies takes along only those jobs of
its task that had no outcome; each of them is tried once more, `plain` and in a task of its own,
before it is `Failed` as "killed". So does a worker that ends itself, see `WorkerSpentError`.
"""

import sys
from typing import cast

from ensearch import plugins
from ensearch.launch._jobs import (
    Failed,
    FailureReason,
    Launcher,
    LauncherModule,
    Measured,
    MemberJob,
    Parted,
    Progress,
    Teacher,
    Train,
    Trained,
    Update,
    WorkerSpentError,
    lockstep_key,
)

__all__ = [
    "Failed",
    "FailureReason",
    "Launcher",
    "LauncherModule",
    "Measured",
    "MemberJob",
    "Parted",
    "Progress",
    "Teacher",
    "Train",
    "Trained",
    "Update",
    "WorkerSpentError",
    "get",
    "lockstep_key",
    "names",
]


def names() -> list[str]:
    """The names of all launcher modules, without importing them."""
    return plugins.names(sys.modules[__name__])


def get(name: str) -> LauncherModule:
    """The launcher module of that name. Raises UsageError if there is none."""
    return cast(LauncherModule, plugins.load(sys.modules[__name__], "launcher", name))
