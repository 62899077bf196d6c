"""How long the first members of an exported model take, as far as the storage knows."""

from collections.abc import Sequence
from dataclasses import dataclass

from ensearch import latency
from ensearch.core import AxisCost
from ensearch.latency import Times
from ensearch.store import MemberRecord, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixTimes:
    """Milliseconds an image in batches of `batch`, of the first 1, 2, ... members, on `place`.

    Other than in an exported file, reading, resizing and normalising images is not in them. Those
    that are not `measured` follow from other sizes, see `latency.Times`.
    """

    batch: int
    place: str  # AMD EPYC, one thread, torch 2.14.1
    ms: tuple[float, ...]
    measured: tuple[bool, ...]

    def told(self, members: int) -> str:
        """Return that of the first so many members; ≈ marks what was not measured."""
        mark = "" if self.measured[members - 1] else "≈"
        return f"{mark}{self.ms[members - 1]:.3g}"


def of_members(store: Store, members: Sequence[MemberRecord]) -> tuple[PrefixTimes, ...]:
    """Return the times of the latest setup that knows all of the networks, by batch ascending."""
    names = [(r.member.architecture.key, r.cost.macs) for r in members]
    found = [
        (times, ms)
        for times in latency.sets(store.latencies(), set(names))
        if (ms := _by_prefix(names, times)) is not None
    ]
    latest = [(times, ms) for times, ms in found if times.setup == found[0][0].setup]
    return tuple(
        PrefixTimes(
            batch=times.batch,
            place=latency.measured_on(times.setup),
            ms=tuple(one.value for one in ms),
            measured=tuple(one.is_measured for one in ms),
        )
        for times, ms in sorted(latest, key=lambda pair: pair[0].batch)
    )


def _by_prefix(names: Sequence[tuple[str, int]], times: Times) -> tuple[AxisCost, ...] | None:
    """Members run one after another, so that the times of different networks add up."""
    result = []
    for count in range(1, len(names) + 1):
        prefix = names[:count]
        each = [times.of(name, prefix.count(name)) for name in dict.fromkeys(prefix)]
        known = [one for one in each if one is not None]
        if len(known) < len(each):
            return None
        value = sum(one.value for one in known)
        result.append(AxisCost(value=value, is_measured=all(one.is_measured for one in known)))
    return tuple(result)
