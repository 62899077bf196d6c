"""Launchers run member jobs somewhere: in this process, in worker processes, on a cluster.

The contract of a launcher module (a file in this folder, its name is its name on the command line):

    SUMMARY                      one line for the help
    open(train, slots)           -> Launcher
    usual(device)                -> int, the slots if nobody says how many

A task is a tuple of jobs that one slot trains side by side. Only the driver touches the storage:
jobs go out as plain data, updates come back as plain data, and a job that fails comes back as a
`Failed` with its reason, never as an exception. A worker that dies takes along only those jobs of
its task that had no outcome; each of them is tried once more, `plain` and in a task of its own,
before it is `Failed` as "killed".
"""

import sys
from typing import cast

from ensearch import plugins
from ensearch.launch._jobs import (
    Failed,
    Launcher,
    LauncherModule,
    Measured,
    MemberJob,
    Parted,
    Progress,
    Reason,
    Train,
    Trained,
    Update,
    lockstep_key,
)

__all__ = [
    "Failed",
    "Launcher",
    "LauncherModule",
    "Measured",
    "MemberJob",
    "Parted",
    "Progress",
    "Reason",
    "Train",
    "Trained",
    "Update",
    "get",
    "lockstep_key",
    "names",
]


def names() -> list[str]:
    return plugins.names(sys.modules[__name__])


def get(name: str) -> LauncherModule:
    return cast(LauncherModule, plugins.load(sys.modules[__name__], "launcher", name))
