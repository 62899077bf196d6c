"""Reading and writing the numbers that people type: counts such as 5e9 or 5G, times such as 2h.

Unit of cost everywhere in ensearch: 1 "FLOP" = 1 multiply-add (MAC) of one forward pass for one
example, as in Kondratyuk et al. 2020 and Tan and Le 2019. WRN-28-10 costs 5.24 G.
"""

import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeGuard

from ensearch.errors import invalid

FLOPS = "flops"  # the name of the axis of a search, unless its budget is in another unit
PARAMS = "params"

_PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15}
_COUNT = re.compile(
    r"([+-]?(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)\s*([kmgtp]?)\s*(?:flops?|macs?)?"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[smhd])+")


def unit_name(flops_per_mac: int) -> str:
    """How a cost is called in tables, axes and files."""
    return "FLOPs (multiply-adds)" if flops_per_mac == 1 else "FLOPs (2 per multiply-add)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What configurations are compared by, and how people read its numbers.

    A number is shown `factor` times as large as it is kept.
    """

    name: str  # as it is asked for: flops, ms@64, ms@64:onnx
    unit: str  # behind a number: FLOPs, ms
    key: str  # of the kept numbers, in the names of JSON keys: multiply_adds
    title: str  # of an axis of a figure
    says: str  # what a number of it is, as a sentence
    place: str = ""  # of milliseconds: in batches of 64
    factor: float = 1.0

    @property
    def file_name(self) -> str:
        """The name as part of a path, which has no colon everywhere."""
        return self.name.replace(":", "-")

    @property
    def called(self) -> str:
        """FLOPs, parameters, or ms@64."""
        return self.name if self.place else self.unit

    def show(self, value: float) -> str:
        """A number alone, short: 5.24G."""
        return format_count(value * self.factor)

    def tell(self, value: float) -> str:
        """A number with its unit: 5.24G FLOPs, 0.39 ms."""
        return f"{self.show(value)} {self.unit}"


def flops(flops_per_mac: int) -> Axis:
    """The axis of a search; its numbers are kept in multiply-adds."""
    name = unit_name(flops_per_mac)
    return Axis(
        name=FLOPS,
        unit="FLOPs",
        key="multiply_adds",
        title=f"{name} per example, all members",
        says=f"{name} of one forward pass of all members, per example",
        factor=flops_per_mac,
    )


def parameters() -> Axis:
    """The axis of a search whose budget is a number of parameters."""
    return Axis(
        name=PARAMS,
        unit="parameters",
        key="parameters",
        title="parameters, all members",
        says="parameters of all members",
    )


def milliseconds(batch: int, measured: str, runtime: str | None = None) -> Axis:
    """The axis of the time for an image in batches of `batch`; `measured` says on what, by what.

    Another `runtime` than torch is part of its name: a report may have both.
    """
    other = "" if runtime in (None, "torch") else str(runtime)
    alone = "one at a time" if batch == 1 else f"in batches of {batch}"
    alone += f" by {other}" if other else ""
    return Axis(
        name=f"ms@{batch}:{other}" if other else f"ms@{batch}",
        unit="ms",
        key="ms_per_image",
        title=f"milliseconds an image {alone}, all members one after another",
        says=f"milliseconds an image {alone}, all members one after another, on {measured}",
        place=alone,
    )


def parse_axis(given: str, others: str = FLOPS) -> tuple[int, str | None] | None:
    """The batch and the runtime of `ms@64` or `ms@64:onnx`; None for `flops`. UsageError else.

    `others` are named as legal beside those of milliseconds.
    """
    name = given.strip().lower()
    if name == FLOPS:
        return None
    match = re.fullmatch(r"ms@([1-9][0-9]{0,5})(?::([a-z]+))?", name)
    if match is None:
        raise invalid(
            "x",
            f"must be {others}, or ms@ and the images at a time: ms@64; got {given!r}.",
        )
    return int(match[1]), match[2]


def parse_time_bound(given: str, option: str) -> tuple[float, str]:
    """Milliseconds and their unit, from `2@64`, which is 2 ms of ms@64, or `2@64:onnx`.

    Anything else is a UsageError for `option`, by its name in Python.
    """
    amount, _, place = given.strip().lower().partition("@")
    runtimes = "(?::(?:torch|onnx))?"
    if re.fullmatch(rf"[1-9][0-9]{{0,5}}{runtimes}", place) and re.fullmatch(r"[0-9.]+", amount):
        with suppress(ValueError):
            if (ms := float(amount)) > 0:
                return ms, f"ms@{place}"
    raise invalid(
        option,
        f"must be milliseconds an image and the images at a time, such as 2@64; got {given!r}.",
    )


def check_flops_per_mac(value: int) -> int:
    """Return the value, how many FLOPs a user counts for a multiply-add. Raises UsageError."""
    if value not in (1, 2):
        raise invalid("flops_per_mac", f"must be 1 or 2; got {value}.")
    return value


def parse_count(given: str | float, option: str) -> float:
    """The positive finite number that a text such as `5e9`, `5G` or `200M`, or a number, means.

    Anything else is a UsageError for `option`, by its name in Python.
    """
    match = _COUNT.fullmatch(str(given).strip().lower())
    value = float(match[1].replace("_", "")) * _PREFIXES[match[2]] if match else math.nan
    if not (math.isfinite(value) and value > 0):
        raise invalid(option, f"must be a positive number such as 5e9, 5G or 200M; got {given!r}.")
    return value


def parse_counts(given: str | float | Iterable[str | float], option: str) -> tuple[float, ...]:
    """The different numbers of a text such as `1M,2M`, or of several, ascending.

    UsageError as in `parse_count`.
    """
    several = [given] if isinstance(given, int | float) else given
    parts = several.split(",") if isinstance(several, str) else several
    return tuple(sorted({parse_count(part, option) for part in parts}))


def format_count(value: float, digits: int = 3) -> str:
    """Short form with a prefix: 5243328768 -> '5.24G', 2e6 -> '2M'."""
    if value == 0:
        return "0"
    for prefix, scale in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        # 999.6k rounds to 1000k at three digits: step up to the next prefix instead.
        if abs(value) >= scale * (1 - 0.5 * 10**-digits):
            return f"{float(f'{value / scale:.{digits}g}'):g}{prefix}"
    return f"{float(f'{value:.{digits}g}'):g}"


def format_points(value: float, low: float | None = None, high: float | None = None) -> str:
    """Return a difference of accuracies in points: `+0.40 [-0.30, +1.10]`, `+0.40` without ends.

    >>> format_points(0.004, -0.003, 0.011)
    '+0.40 [-0.30, +1.10]'
    """
    points = f"{100 * value:+.2f}"
    return (
        points if low is None or high is None else f"{points} [{100 * low:+.2f}, {100 * high:+.2f}]"
    )


def parse_timeout(given: str | float | None) -> float | None:
    """Seconds, from `90s`, `30m`, `2h`, `1d`, `1h30m` or a number of seconds; None from None.

    Anything else is a UsageError for the option `timeout`.
    """
    if given is None:
        return None
    clean = str(given).strip().lower()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", clean):
        seconds = float(clean)
    elif _DURATION.fullmatch(clean):
        pairs = re.findall(r"([0-9]+(?:\.[0-9]+)?)([smhd])", clean)
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in pairs)
    else:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise invalid("timeout", f"must be a time such as 90s, 30m, 2h or 1h30m; got {given!r}.")
    return seconds


def is_finite(value: object) -> TypeGuard[int | float]:
    """Whether a value that somebody gave is a finite number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -math.inf < value < math.inf  # isfinite overflows where a whole number has 400 digits


def counted(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`, `1,200 trials`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def few(names: Sequence[str], shown: int = 5) -> str:
    """The first few of many names, for a message: `a, b and 2 more`; "" for none."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def format_duration(seconds: float) -> str:
    """Two neighbouring units: 5400 -> '1h30m', 42 -> '42s', 8 days and a minute -> '8d'."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    left = round(seconds)
    amounts = []
    for unit in ("d", "h", "m", "s"):
        amount, left = divmod(left, _SECONDS[unit])
        amounts.append((amount, unit))
    first = next(i for i, (amount, _) in enumerate(amounts) if amount)
    return "".join(f"{amount}{unit}" for amount, unit in amounts[first : first + 2] if amount)
