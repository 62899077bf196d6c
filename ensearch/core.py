"""The nouns: frozen types that flow through ensearch, and nothing else.

A width, depth and family make an `Architecture`; trained by a `Schedule` on a dataset from a
seed it is a `Member`; members make an ensemble, whose size may be 1. Training returns
`Predictions`; scoring them gives an `Evaluation`, the only thing that reports see.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ensearch.errors import UsageError
from ensearch.schedule import Schedule as Schedule  # a noun like the others

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
# What a member may predict. The search asks for val; only a confirmation asks for test.
Split = Literal["val", "test"]

# Part of every member's key. Raise it when training gives other members for the same schedule
# and seed, so that members of the old recipe are not mixed with new ones.
RECIPE = 2
# The most values of a `Range`: each is counted when a ladder is built, and none needs so many.
MOST_VALUES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The legal values of a number: low, low + step, ... up to high.

    UsageError unless 0 < low <= high and step > 0, and for more than 10,000 values.
    """

    low: float
    high: float
    step: float

    def __post_init__(self) -> None:
        values = (self.low, self.high, self.step)
        given = f"low {self.low:g}, high {self.high:g}, step {self.step:g}"
        if not all(math.isfinite(v) and v > 0 for v in values) or self.low > self.high:
            raise UsageError(f"a range needs 0 < low <= high and step > 0; got {given}.")
        if (self.high - self.low) / self.step >= MOST_VALUES:
            raise UsageError(f"a range may have at most {MOST_VALUES} values; got {given}.")

    def __len__(self) -> int:
        # The small allowance keeps 0.1, 0.2, 0.3 three values in spite of rounding.
        return int((self.high - self.low) / self.step + 1e-9) + 1

    def __getitem__(self, index: int) -> float:
        # Rounded, so that 1.2 is a value of 1.0, 1.1, ... and not 1.2000000000000002, which would
        # be another network to every key.
        return round(self.low + index * self.step, 12)

    def __iter__(self) -> Iterator[float]:
        return (self[i] for i in range(len(self)))

    def nearest(self, value: float) -> list[float]:
        """The legal value itself if `value` is one, else the one or two legal neighbours."""
        if not math.isfinite(value):
            return [self.low, self[len(self) - 1]]
        position = (value - self.low) / self.step
        below, last = math.floor(position + 1e-9), len(self) - 1
        if below >= 0 and abs(position - below) < 1e-9 and below <= last:
            return [self[below]]
        return sorted({self[min(max(i, 0), last)] for i in (below, below + 1)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The shape of one network. Width and depth mean what the family says they mean."""

    family: str  # NAME or NAME:ARGUMENT
    width: float
    depth: float
    resolution: int  # pixels on each side of the square input

    def __post_init__(self) -> None:
        # 4 and 4.0 are equal but would be written differently into keys: a width always as 4.0, a
        # depth, mostly a number of layers, as 4 unless it is a fraction.
        object.__setattr__(self, "width", float(self.width))
        whole = math.isfinite(self.depth) and self.depth == int(self.depth)
        object.__setattr__(self, "depth", int(self.depth) if whole else float(self.depth))

    @property
    def key(self) -> str:
        """Unique and readable: wide_resnet-28-10@32 (depth, width, resolution), timm:dpn68@224."""
        shape = "" if self._name else f"-{self.label}"
        return f"{self.family}{shape}@{self.resolution}"

    @property
    def label(self) -> str:
        """Depth and width as the Wide ResNet paper writes them, 28-10; or a name: dpn68."""
        return self._name or f"{self.depth:g}-{self.width:g}"

    @property
    def _name(self) -> str:
        """What a family NAME:ARGUMENT has instead of a depth and width."""
        return self.family.partition(":")[2]


def distinctions(
    architecture: Architecture, schedule: Schedule, base: Schedule, resolutions: bool
) -> tuple[str, ...]:
    """What distinguishes a network from others with the same label, for people: @64, epochs 12.

    `base` is the study's schedule; `resolutions` says whether its networks have several.
    """
    side = (f"@{architecture.resolution}",) if resolutions else ()
    return (*side, *schedule.changes(base))


def ensemble_label(size: int, label: str) -> str:
    """What `size` members of a network are called: 4 × 28-10, and 28-10 for one."""
    return label if size == 1 else f"{size} × {label}"


def full_label(label: str, distinctions: tuple[str, ...]) -> str:
    """The label followed by its `distinctions`: 28-10@64, epochs 12."""
    return label + "".join(text if text[0] == "@" else f", {text}" for text in distinctions)


def network_key(architecture: Architecture, schedule: Schedule, distillation: str = "") -> str:
    """The key of an architecture trained by a schedule: wide_resnet-28-10@32 a1b2c3d4.

    Members of one dataset that share it differ in their seed only. With the key of a
    `distillation`, which they learn from in place of labels, it ends with that: distilled 5e6f7a8b.
    """
    learned = f" distilled {distillation}" if distillation else ""
    return f"{architecture.key} {schedule.key}{learned}"


def evaluation_key(size: int, network: str) -> str:
    """The key of ensembles of `size` members that share a `network_key`.

    2x wide_resnet-28-10@32 a1b2c3d4.
    """
    return f"{size}x {network}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """What a member learns in place of labels: the mean probabilities of an ensemble.

    `teachers` are the keys of the ensemble's members, `rule` says how they are averaged.
    """

    teachers: tuple[str, ...]
    rule: str

    @property
    def key(self) -> str:
        """Content key. 8 hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One trained network: exists once in a storage and belongs to no study."""

    architecture: Architecture
    schedule: Schedule
    dataset: str  # fingerprint of the images, labels and split it trains and is scored on
    seed: int
    distillation: Distillation | None = None  # None: it learns the labels

    @property
    def key(self) -> str:
        """Content key: equal for equal content on every machine. 16 hexadecimal digits."""
        content = self.content() | {"schedule": self.schedule.content(), "recipe": RECIPE}
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def network(self) -> str:
        """The `network_key` of its architecture, its schedule and what it learns from."""
        learned = "" if self.distillation is None else self.distillation.key
        return network_key(self.architecture, self.schedule, learned)

    def content(self) -> dict[str, Any]:
        """All of it as plain data, of which keys are made and which storages keep.

        Without `distillation` where there is none: members from before there was one stay the same.
        """
        content = asdict(self)
        if self.distillation is None:
            del content["distillation"]
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One forward pass of one example: multiply-adds of convolutions and matrix products."""

    macs: int
    params: int

    def times(self, size: int) -> "Cost":
        """Cost of an ensemble of `size` such members; averaging them is not counted."""
        return Cost(macs=self.macs * size, params=self.params * size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What training returns: a member's outputs on one split, not scores.

    `logits` is N x C. On disk it is float16: probabilities would underflow, logits do not.
    """

    member: str
    split: str
    logits: npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Quality of averaged probabilities on one split. NLL in nats; the others in [0, 1] or [0, 2].

    `nll_scaled` is the NLL after temperature scaling of the averaged probabilities on val.
    `disagreement` is the share of images on which two members differ, averaged over pairs, and
    `member_accuracy` the accuracy of one member alone, averaged over the members.
    """

    accuracy: float
    nll: float
    nll_scaled: float
    brier: float
    ece: float
    disagreement: float
    member_accuracy: float

    @property
    def improvement_rate(self) -> float:
        """Share of the members' errors that averaging removes; 0 if they make none.

        Theisen et al. 2023 (arXiv:2305.12313), the ensemble improvement rate, EIR.
        """
        error = 1 - self.member_accuracy
        return (self.accuracy - self.member_accuracy) / error if error > 0 else 0.0

    @property
    def disagreement_error_ratio(self) -> float:
        """Disagreement over the members' error rate; 0 if they make none. Theisen et al., DER."""
        error = 1 - self.member_accuracy
        return self.disagreement / error if error > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubsetHits:
    """Which of N images every subset of an evaluation got right: its noise is estimated from them.

    `hits` is S x N: row s belongs to the ensemble of the members `subsets[s]` (indices).
    """

    subsets: tuple[tuple[int, ...], ...]
    hits: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisCost:
    """What something costs on another axis than multiply-adds, in the unit of that axis.

    Unless it `is_measured` it follows from what was measured of other sizes of its network.
    """

    value: float
    is_measured: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One row of results: ensembles of `size` members of one architecture and schedule.

    The scores are averages over `subsets` ensembles of `size` out of the `trained` members. With a
    size above `trained` they are predicted from smaller ensembles, and `subsets` is 0.
    `cost` is the ensemble's, `train_macs` the estimate 3 x macs x images x epochs for training it.
    `on_axis` is what it costs where evaluations are compared by something else than multiply-adds.
    `distillation` is the key of what the members learned in place of labels, if they did.
    """

    architecture: Architecture
    schedule: Schedule
    size: int
    trained: int
    subsets: int
    split: str
    cost: Cost
    train_macs: float
    scores: Scores
    on_axis: AxisCost | None = None
    distillation: str = ""

    @property
    def price(self) -> float:
        """What it costs on the axis on which it is compared: multiply-adds unless it says more."""
        return self.cost.macs if self.on_axis is None else self.on_axis.value

    @property
    def network(self) -> str:
        """The `network_key` that its members share: wide_resnet-28-10@32 a1b2c3d4."""
        return network_key(self.architecture, self.schedule, self.distillation)

    @property
    def key(self) -> str:
        """The `evaluation_key`, the same on every split: 2x wide_resnet-28-10@32 a1b2c3d4."""
        return evaluation_key(self.size, self.network)

    @property
    def is_single(self) -> bool:
        """Whether it is a single network, not an ensemble."""
        return self.size == 1

    @property
    def is_predicted(self) -> bool:
        """Whether its scores are predicted from smaller ensembles, not measured."""
        return self.size > self.trained
