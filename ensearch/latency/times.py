"""What was measured, by configuration, and what follows from it for sizes that were not."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ensearch.core import Architecture, AxisCost, ensemble_label
from ensearch.store import LatencyRecord, Setup
from ensearch.units import counted

RUNTIMES = ("torch", "onnx")
WIDE = 0.1  # of a time: rounds that differ by more are told of
# The key of an architecture and the multiply-adds of one network of it.
Network = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """`size` networks of an architecture for images of `channels`, one after another.

    `macs` are the multiply-adds of one of them.
    """

    architecture: Architecture
    macs: int
    size: int
    channels: int
    classes: int

    @property
    def label(self) -> str:
        """`10-0.5`, or `4 × 10-0.5`."""
        return ensemble_label(self.size, self.architecture.label)

    @property
    def key(self) -> str:
        """The same by the key of the architecture: `4 × wide_resnet-10-0.5@32`."""
        return ensemble_label(self.size, self.architecture.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Milliseconds for an image in batches of `batch`, all measured in one setup.

    `by_network` has the measurements of each network by their sizes.
    """

    setup: Setup
    batch: int
    by_network: Mapping[Network, Mapping[int, LatencyRecord]]

    def of(self, network: Network, size: int) -> AxisCost | None:
        """Return what `size` members of a network take; None where it was never measured.

        A size that was not measured lies on the line through the two nearest that were: members
        run one after another, so that each takes the same. From one size it is in proportion.
        """
        known = self.by_network.get(network)
        if not known:
            return None
        if size in known:
            return AxisCost(value=known[size].ms, is_measured=True)
        # The longer one of two that are equally near tells more of the slope.
        near = sorted(known, key=lambda other: (abs(other - size), -other))[:2]
        if len(near) == 1:
            return AxisCost(value=known[near[0]].ms * size / near[0], is_measured=False)
        low, high = sorted(near)
        each = max((known[high].ms - known[low].ms) / (high - low), 0.0)
        value = known[low].ms + each * (size - low)
        if size < low:  # no less than its share of the smallest size that was measured
            value = max(value, known[low].ms * size / low)
        return AxisCost(value=value, is_measured=False)


def sets(records: Iterable[LatencyRecord], networks: Container[Network]) -> list[Times]:
    """Return what was measured of some networks, a set for each setup and batch, latest first.

    How late a set is, its last measurement says.
    """
    found: dict[tuple[Setup, int], list[LatencyRecord]] = {}
    for record in records:
        if (record.architecture, record.macs) in networks:
            found.setdefault((record.setup, record.batch), []).append(record)
    last = {key: max(record.measured for record in own) for key, own in found.items()}
    return [
        Times(setup=setup, batch=batch, by_network=_by_network(found[setup, batch]))
        for setup, batch in sorted(found, key=lambda key: (last[key], key[1]), reverse=True)
    ]


def _by_network(records: Sequence[LatencyRecord]) -> dict[Network, dict[int, LatencyRecord]]:
    result: dict[Network, dict[int, LatencyRecord]] = {}
    for record in records:
        result.setdefault((record.architecture, record.macs), {})[record.size] = record
    return result


def chosen(known: Sequence[Times], batch: int, runtime: str | None) -> Times | None:
    """Return the latest set of so many images at a time, by a runtime if one is named."""
    fitting = (t for t in known if t.batch == batch and runtime in (None, t.setup.runtime))
    return next(fitting, None)


def asked_for(batch: int, runtime: str | None) -> str:
    """Return how somebody wanted to measure: in batches of 64 by onnx."""
    place = "one image at a time" if batch == 1 else f"in batches of {batch}"
    return place if runtime is None else f"{place} by {runtime}"


def listed(known: Sequence[Times]) -> str:
    """Return what was measured, as it is asked for: there is ms@1:torch, ms@64:torch."""
    names = sorted({(t.batch, t.setup.runtime) for t in known})
    told = ", ".join(f"ms@{batch}:{runtime}" for batch, runtime in names)
    return f"there is {told}" if told else "no time was measured so far"


def disturbed(records: Sequence[LatencyRecord]) -> str:
    """Return that rounds of some differ by too much, without a full stop; "" where none do."""
    wide = sum(record.high - record.low > WIDE * record.ms for record in records)
    if not wide:
        return ""
    return (
        f"the rounds of {wide} of {counted(len(records), 'measurement')} differ by more than "
        f"{WIDE:.0%}: something else used the machine"
    )


def measured_on(setup: Setup) -> str:
    """Return on and by what was measured: AMD EPYC, one thread, torch 2.14.1."""
    threads = "one thread" if setup.threads == 1 else f"{setup.threads} threads"
    return f"{setup.device}, {threads}, {setup.versions}"
