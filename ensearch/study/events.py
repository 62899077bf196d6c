"""What a running search or confirmation tells whoever watches it, as plain data."""

from dataclasses import dataclass
from typing import Literal

from ensearch.core import Evaluation
from ensearch.study.matches import Remedy

# Why a run ended. A confirmation has "time" and "interrupted" too.
EndReason = Literal["trials", "exhausted", "time", "train budget", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparing:
    """What is done before anything is planned, for people: `reading digits`."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Everything is read and checked, and work begins: `lines` say what is ahead, for people.

    `total` counts the trials or members, whichever `unit` names, that there will be in all, and
    `done` those that are over. `remedies` would let a search compare what it cannot.
    """

    lines: tuple[str, ...]
    unit: Literal["trials", "members"]
    total: int
    flops_per_mac: int
    done: int = 0
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence that a person should read."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEnded:
    """A run of a search ended, and so many trials the study now has.

    `waiting` trials are under way: the next run goes on with them.
    """

    reason: EndReason
    done: int
    failed: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberProgress:
    """A member has trained `epoch` of its `epochs`."""

    key: str
    label: str
    epoch: int
    epochs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDone:
    """A member is trained and stored."""

    key: str
    label: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFailed:
    """A member could not be trained; the failure is stored."""

    key: str
    label: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyMeasured:
    """The fastest strategy to train `members` of a network together; `rates` are images/s by each.

    A strategy that does not work is in `dropped`, with the reason.
    """

    network: str
    members: int
    strategy: str
    rates: dict[str, float]
    dropped: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDone:
    """A trial has been evaluated; `told` of `trials` are over, the best ones are so far."""

    number: int
    label: str
    evaluation: Evaluation
    told: int
    trials: int
    seconds_left: float
    best_single: Evaluation | None
    best_ensemble: Evaluation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFailed:
    """A trial has failed because of its members; `told` of `trials` are over."""

    label: str
    reason: str
    told: int
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberReady:
    """A member of a confirmation has been `trained`, has only predicted, or has failed.

    `done` of its `members` are over.
    """

    member: MemberDone | MemberFailed
    trained: bool
    done: int
    members: int
    seconds_left: float


Event = (
    Preparing
    | Planned
    | Note
    | MemberProgress
    | MemberDone
    | MemberFailed
    | StrategyMeasured
    | TrialDone
    | TrialFailed
    | MemberReady
    | SearchEnded
)
