"""How a member trains: the schedule, with the legal values of its fields."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from ensearch.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a member trains. Never depends on the size of the ensemble that it will join."""

    epochs: int
    batch_size: int = 128
    # For SGD with Nesterov momentum at this batch size. On 10,000 CIFAR-10 images, 6 epochs, 0.4
    # beat 0.1 by 9.2 points at WRN-10-0.5 and 4.4 at WRN-10-1.25; 0.8 added 1.1 and 0.9 (n = 1).
    # On 4,000, 0.2 and 0.8 against it gave -4.3 and -1.0 at 10-0.5, +2.6 and +2.1 at 28-0.5, -0.4
    # and +0.4 at 10-2, 0.0 and -0.8 at 28-1 (n = 1): no trend with width that a rule could follow.
    peak_lr: float = 0.4
    momentum: float = 0.9
    weight_decay: float = 5e-4  # not applied to norms and biases
    warmup: float = 0.2  # share of the steps that the learning rate rises; then linear to zero
    label_smoothing: float = 0.1
    flip: bool = False  # random horizontal flip
    crop: int = 0  # pixels of padding before a random crop back to size
    cutout: int = 0  # side of a square of pixels set to the mean
    crop_scale: float = 0.0  # least share of the area for a random resized crop; 0 for none

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            legal = _SCHEDULE_LEGAL[field.name]
            if isinstance(value, bool) != (field.name == "flip") or not legal.check(value):
                raise UsageError(f"schedule: {field.name} must be {legal.text}; got {value!r}.")

    @property
    def key(self) -> str:
        """Equal for equal schedules, 0.1 and 1e-1 alike. 8 hexadecimal digits."""
        values = {name: float(value) for name, value in self.content().items()}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]

    def content(self) -> dict[str, float]:
        """What is compared and what keys are made of: without `crop_scale` where there is none.

        Members and studies from before there was that field stay what they are.
        """
        table = asdict(self)
        return {name: value for name, value in table.items() if name != "crop_scale" or value}

    def changes(self, base: "Schedule") -> tuple[str, ...]:
        """The fields in which it differs from `base`: ("epochs 12", "peak_lr 0.1")."""
        pairs = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return tuple(f"{name} {value}" for name, value in pairs if value != getattr(base, name))


@dataclass(frozen=True, slots=True)
class _Legal:
    text: str
    kind: type
    low: float
    high: float

    def check(self, value: object) -> bool:
        if self.kind is bool:
            return isinstance(value, bool)
        if not isinstance(value, int if self.kind is int else (int, float)):
            return False
        return self.low <= value <= self.high


_SCHEDULE_LEGAL = {
    "epochs": _Legal("a whole number from 1 to 1,000,000", int, 1, 10**6),
    "batch_size": _Legal("a whole number from 2 to 1,000,000", int, 2, 10**6),
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
