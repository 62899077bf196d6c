"""What goes out to a launcher and what comes back from it, as plain data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from ensearch.core import Member, Predictions, Split
from ensearch.datasets import Source

T = TypeVar("T")

# A worker that was killed once may have been unlucky (memory that others held); twice is the job.
ATTEMPTS = 2

# "unavailable": the data or the device has gone; no other job would fare better.
FailureReason = Literal["diverged", "out_of_memory", "killed", "unavailable", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How fast `members` of one network train together by each strategy, and the fastest strategy.

    `lockstep_key` is that of its members; `place` names what else decides: the device, the
    version of torch, the image's channels and the number of classes. `strategy` is the name
    of the fastest one. The storage keeps these under the names of the fields.
    """

    lockstep_key: str
    place: str
    members: int
    strategy: str
    rates: dict[str, float]  # images/s of all members together, by strategy
    dropped: dict[str, str]  # strategies that do not work here, and why
    complete: bool = True  # else one took its process along, and others have not been tried


def lockstep_key(member: Member) -> str:
    """What members that train equally fast share: wide_resnet-28-10@32 in batches of 128.

    Another optimizer than SGD is named too: " by muon".
    """
    schedule = member.schedule
    how = "" if schedule.optimizer == "sgd" else f" by {schedule.optimizer}"
    return f"{member.architecture.key} in batches of {schedule.batch_size}{how}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """A trained member that others learn from, and the file of its weights."""

    member: Member
    weights: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJob:
    """Train one member and predict `splits`.

    `checkpoint` is where a killed job leaves its state to go on from. With `weights`, a file of
    the member trained before, nothing is trained. `teachers` are those that the distillation of the
    member names, in their order. `measured` is what earlier tasks have measured
    of training such networks together, on whatever device. A `plain` job trains by the simplest
    strategy: what had been tried before it may have killed its worker.
    """

    member: Member
    source: Source
    device: str  # "cpu" or "cuda"
    keep_weights: bool
    checkpoint: Path | None
    splits: tuple[Split, ...] = ("val",)
    weights: Path | None = None
    teachers: tuple[Teacher, ...] = ()
    measured: tuple[Measured, ...] = ()
    plain: bool = False


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

    A job with weights of its own gives predictions only: no losses and no weights.
    """

    key: str
    predictions: tuple[Predictions, ...]
    losses: tuple[float, ...]  # mean training loss of every epoch
    seconds: float
    weights: bytes | None = field(repr=False)
    strategy: str = ""  # by which it trained: "8 fused, graph"; "" where nobody says


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A member could not be trained; `detail` is for people.

    `problem` and `facts` are those of the `EnsearchError` that it became, if it became one.
    """

    key: str
    reason: FailureReason
    detail: str
    problem: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """Members of one task train one after another, not side by side as was meant.

    `lockstep_key` is theirs. `detail` says why, for people: memory that did not suffice
    for all of them, or a defect of the program. Each still has an outcome of its own.
    """

    lockstep_key: str
    members: int
    detail: str


class WorkerSpentError(Exception):
    """Nothing can be trained in this process any more; the message says why.

    Those jobs of the task that have no outcome are tried once more, `plain` and in another process.
    """


Update = Progress | Trained | Failed | Measured | Parted
# Trains the jobs of one task side by side; calls back with updates in between and with exactly one
# outcome, Trained or Failed, for each job. Raises nothing but interrupts and WorkerSpentError.
Train = Callable[[tuple[MemberJob, ...], Callable[[Update], None]], None]


class Launcher(Protocol):
    """Runs tasks; not thread-safe; owned by one driver."""

    slots: int  # tasks that run at the same time

    def submit(self, jobs: tuple[MemberJob, ...]) -> None:
        """Queue one task of at least one job; starts when a slot is free, in order."""
        ...

    def wait(self, timeout: float) -> list[Update]:
        """Updates since the last call; blocks at most `timeout` seconds for the first one.

        Progress of a job whose worker died may come twice. Returns at once where no task is left
        that could bring an update.
        """
        ...

    def close(self) -> None:
        """Stop everything at once, running jobs too, and give the resources back."""
        ...


class LauncherModule(Protocol):
    """What a launcher module offers; see the docstring of the package."""

    SUMMARY: str

    def open(self, train: Train, slots: int) -> Launcher:
        """A launcher of `slots` tasks at a time. Raises UnavailableError if it cannot run here."""
        ...

    def usual(self, device: str) -> int:
        """The number of slots where nobody says how many."""
        ...

    def warm_up(self, modules: Sequence[str]) -> None:
        """Begin in the background what the first task would wait for, if anything.

        Such as the import of these modules, which tasks will need.
        """
        ...

    def call_each(
        self, function: Callable[..., T], arguments: Sequence[tuple[Any, ...]], device: str
    ) -> list[T]:
        """Call a function of a module with each of the arguments, where and beside what tasks run.

        Return what it returns, in order. Raises what it raises, and UnavailableError where no
        worker can be started or one is lost.
        """
        ...
