"""Launchers run member jobs somewhere: in this process, in worker processes, on a cluster.

The contract of a launcher module (a file in this folder, its name is its name on the command line):

    SUMMARY                      one line for the help
    open(train, slots)           -> Launcher

Only the driver touches the storage: a job goes out as plain data, an update comes back as plain
data, and a job that fails comes back as a `Failed` with its reason, never as an exception.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, cast

from ensearch import plugins
from ensearch.core import Member, Predictions
from ensearch.datasets import Source

# "unavailable": the data or the device has gone; no other job would fare better.
Reason = Literal["diverged", "out_of_memory", "killed", "unavailable", "error"]


# What a member may predict. The search asks for val; only a confirmation asks for test.
Split = Literal["val", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJob:
    """Train one member and predict `splits`.

    `checkpoint` is where a killed job leaves its state to go on from. With `weights`, a file of
    the member trained before, nothing is trained.
    """

    member: Member
    source: Source
    device: str  # "cpu" or "cuda"
    keep_weights: bool
    checkpoint: Path | None
    splits: tuple[Split, ...] = ("val",)
    weights: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """An epoch of a member ended; `loss` is its mean training loss."""

    key: str
    epoch: int
    epochs: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A member has been trained. `weights` are safetensors bytes, None where not kept.

    Of a job with weights of its own there are predictions only: no losses and no weights.
    """

    key: str
    predictions: tuple[Predictions, ...]
    losses: tuple[float, ...]  # mean training loss of every epoch
    seconds: float
    weights: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A member could not be trained; `detail` is for people."""

    key: str
    reason: Reason
    detail: str


Update = Progress | Trained | Failed
# Trains one job, calling back after every epoch; returns the outcome and raises nothing.
Train = Callable[[MemberJob, Callable[[Progress], None]], Trained | Failed]


class Launcher(Protocol):
    """Runs jobs; not thread-safe; owned by one driver."""

    slots: int  # jobs that run at the same time

    def submit(self, job: MemberJob) -> None:
        """Queue a job; starts when a slot is free, in order of submission."""
        ...

    def wait(self, timeout: float) -> list[Update]:
        """Updates since the last call; blocks at most `timeout` seconds for the first one.

        Returns at once where no job is left that could bring one.
        """
        ...

    def close(self) -> None:
        """Stop everything at once, running jobs too, and give the resources back."""
        ...


class LauncherModule(Protocol):
    SUMMARY: str

    def open(self, train: Train, slots: int) -> Launcher: ...


def names() -> list[str]:
    return plugins.names(sys.modules[__name__])


def get(name: str) -> LauncherModule:
    return cast(LauncherModule, plugins.load(sys.modules[__name__], "launcher", name))
