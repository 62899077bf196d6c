"""How a member trains: the schedule, with the legal values of its fields."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any

from ensearch.errors import UsageError

# Stands for the value of the optimizer until a schedule is made; no schedule ever has it. It is
# recognised by identity, so that an infinity that somebody gives is refused like any other.
_OF_OPTIMIZER = float("-inf")
# By optimizer, the fields that mean something else to each, and what they are if nothing is said.
BY_OPTIMIZER: Mapping[str, Mapping[str, float]] = {
    # Nesterov momentum, for batches of 128. On 10,000 CIFAR-10 images, 6 epochs, a rate of 0.4
    # beat 0.1 by 9.2 points at WRN-10-0.5 and 4.4 at WRN-10-1.25; 0.8 added 1.1 and 0.9 (n = 1).
    # On 4,000, 0.2 and 0.8 against it gave -4.3 and -1.0 at 10-0.5, +2.6 and +2.1 at 28-0.5, -0.4
    # and +0.4 at 10-2, 0.0 and -0.8 at 28-1 (n = 1): no trend with width that a rule could follow.
    "sgd": {"peak_lr": 0.4, "momentum": 0.9, "weight_decay": 5e-4},
    # The momentum of airbench94_muon.py (github.com/KellerJordan/cifar10-airbench) and half its
    # rate. On 2,000 CIFAR-10 images, 12 epochs, 0.06, 0.12 and 0.24 gave 47.8, 51.7 and 52.7 % at
    # WRN-10-0.375, 56.4, 59.0 and 60.1 at 10-1, 45.5, 45.9 and 46.4 at 28-0.25, 52.9, 51.9 and 46.8
    # at 28-0.5 (n = 3, deviations up to 2.4).
    "muon": {"peak_lr": 0.12, "momentum": 0.6, "weight_decay": 5e-4},
}
OPTIMIZERS = tuple(BY_OPTIMIZER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a member trains. Never depends on the size of the ensemble that it will join.

    `optimizer` "sgd" moves all weights by SGD with Nesterov momentum. "muon" moves hidden matrices
    (convolutions but the first, linear layers but the last) by orthogonalised momentum and keeps
    their norms (`training.muon`); to them belong `peak_lr` and `momentum`. The rest follows by SGD
    at a fixed multiple of the rate and with a momentum of its own, and `weight_decay` is that of
    the rest. `peak_lr`, `momentum` and `weight_decay` are those of BY_OPTIMIZER if nothing is said.
    """

    epochs: int
    batch_size: int = 128
    optimizer: str = "sgd"
    peak_lr: float = _OF_OPTIMIZER
    momentum: float = _OF_OPTIMIZER
    weight_decay: float = _OF_OPTIMIZER  # not applied to norms and biases
    warmup: float = 0.2  # share of the steps that the learning rate rises; then linear to zero
    label_smoothing: float = 0.1
    flip: bool = False  # random horizontal flip
    crop: int = 0  # pixels of padding before a random crop back to size
    cutout: int = 0  # side of a square of pixels set to the mean
    crop_scale: float = 0.0  # least share of the area for a random resized crop; 0 for none

    def __post_init__(self) -> None:
        """Fill in what the optimizer decides. Raises UsageError for the first illegal value."""
        usual = BY_OPTIMIZER[self.optimizer] if self.optimizer in OPTIMIZERS else {}
        for name, value in usual.items():
            if getattr(self, name) is _OF_OPTIMIZER:
                object.__setattr__(self, name, value)
        for field in sorted(fields(self), key=lambda field: field.name != "optimizer"):
            value = getattr(self, field.name)
            legal = _SCHEDULE_LEGAL[field.name]
            if isinstance(value, bool) != (field.name == "flip") or not legal.check(value):
                raise UsageError(f"schedule: {field.name} must be {legal.text}; got {value!r}.")

    @property
    def key(self) -> str:
        """Equal for equal schedules, 0.1 and 1e-1 alike. 8 hexadecimal digits."""
        return _key(self)

    def content(self) -> dict[str, float | str]:
        """What is compared and what keys are made of.

        Without `crop_scale` where there is none and `optimizer` where it is sgd: members and
        studies from before there were those fields stay what they are.
        """
        before = {"crop_scale": 0.0, "optimizer": "sgd"}
        table = asdict(self)
        return {name: value for name, value in table.items() if before.get(name) != value}

    def changed(self, **values: Any) -> "Schedule":
        """This schedule with other values.

        With another optimizer, what it decides (BY_OPTIMIZER) is as usual for it unless it is named
        too: a learning rate means nothing to another optimizer.
        """
        if values.get("optimizer", self.optimizer) != self.optimizer:
            values = dict.fromkeys(BY_OPTIMIZER["sgd"], _OF_OPTIMIZER) | values
        return replace(self, **values)

    def changes(self, base: "Schedule") -> tuple[str, ...]:
        """The fields in which it differs from `base`: ("epochs 12", "peak_lr 0.1")."""
        pairs = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return tuple(f"{name} {value}" for name, value in pairs if value != getattr(base, name))


@lru_cache(maxsize=1024)  # a report asks for the keys of its schedules some thousand times
def _key(schedule: Schedule) -> str:
    values = {
        name: value if isinstance(value, str) else float(value)
        for name, value in schedule.content().items()
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class _Legal:
    text: str
    kind: type
    low: float = 0
    high: float = 0

    def check(self, value: object) -> bool:
        if self.kind is bool:
            return isinstance(value, bool)
        if self.kind is str:
            return value in OPTIMIZERS
        if not isinstance(value, int if self.kind is int else (int, float)):
            return False
        return self.low <= value <= self.high


_SCHEDULE_LEGAL = {
    "epochs": _Legal("a whole number from 1 to 1,000,000", int, 1, 10**6),
    "batch_size": _Legal("a whole number from 2 to 1,000,000", int, 2, 10**6),
    "optimizer": _Legal(" or ".join(map(repr, OPTIMIZERS)), str),
    "peak_lr": _Legal("a positive finite number", float, 1e-12, 1e12),
    "momentum": _Legal("between 0 and 0.9999", float, 0, 0.9999),
    "weight_decay": _Legal("a finite number of at least 0", float, 0, 1e6),
    "warmup": _Legal("between 0 and 1", float, 0, 1),
    "label_smoothing": _Legal("between 0 and 0.9", float, 0, 0.9),
    "flip": _Legal("true or false", bool, 0, 1),
    "crop": _Legal("a whole number of pixels, 0 for none", int, 0, 10**4),
    "cutout": _Legal("a whole number of pixels, 0 for none", int, 0, 10**4),
    "crop_scale": _Legal("between 0, for none, and 1", float, 0, 1),
}
