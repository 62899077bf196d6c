"""What a running search or confirmation tells whoever watches it, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ensearch.core import Evaluation
from ensearch.fronts import stopping
from ensearch.study.matches import Remedy
from ensearch.units import Axis

# Why a run ended. A confirmation has "time" and "interrupted" too.
EndReason = Literal["trials", "exhausted", "time", "train budget", "interrupted"]

# Why a run of a settlement ended. It goes on later after "time" and "interrupted".
SettlementReason = stopping.Reason | Literal["time", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparing:
    """What is done before anything is planned, for people: `reading digits`."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Everything is read and checked, and work begins: `lines` say what is ahead, for people.

    `total` counts the trials or members, whichever `unit` names, that there will be in all, and
    `done` those that are over. `remedies` would let a search compare what it cannot. Costs are
    compared by `axis`, and training is counted in FLOPs, `flops_per_mac` for a multiply-add.
    """

    lines: tuple[str, ...]
    unit: Literal["trials", "members"]
    total: int
    flops_per_mac: int
    axis: Axis
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
    """A member is trained and stored, or predicts what it did not before.

    `train_macs` are an estimate of what its training took just now, 0 where it only predicted.
    """

    key: str
    label: str
    seconds: float
    train_macs: float = 0.0


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
class Evaluated:
    """All that a study has evaluated on val by now, earlier runs included.

    It is compared at `budgets`, in the unit of the study's budget, ascending; the last is that of
    the study. Where the search `is_over`, a confirmation goes on from it.
    """

    evaluations: tuple[Evaluation, ...]
    budgets: tuple[float, ...]
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFailed:
    """A trial has failed because of its members; `told` of `trials` are over."""

    label: str
    reason: str
    told: int
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberReady:
    """A member of a settlement or a confirmation has been `trained`, only predicted, or failed.

    `done` of the `members` of its look are over.
    """

    member: MemberDone | MemberFailed
    trained: bool
    done: int
    members: int
    seconds_left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LookPlanned:
    """A settlement trains members for its next look, `number` of at most `looks`.

    `members` says how many each network then has, by the label that no other has. Of the `total`,
    `missing` are to be trained, in an estimated number of `seconds`.
    """

    number: int
    looks: int
    members: Mapping[str, int]
    missing: int
    total: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LookDone:
    """A settlement has looked at its study: of so many `budgets` some are undecided.

    `share_spent` is the share of its cost that is spent.
    """

    number: int
    looks: int
    budgets: int
    undecided: int
    share_spent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementEnded:
    """A run of a settlement ended after so many looks, of all its runs.

    They have spent `train_macs` (an estimate) of the `allowed` multiply-adds of training.
    """

    reason: SettlementReason
    looks: int
    train_macs: float
    allowed: float


Event = (
    Preparing
    | Planned
    | Note
    | MemberProgress
    | MemberDone
    | MemberFailed
    | StrategyMeasured
    | TrialDone
    | Evaluated
    | TrialFailed
    | MemberReady
    | SearchEnded
    | LookPlanned
    | LookDone
    | SettlementEnded
)
