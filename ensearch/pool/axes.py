"""Entries of the pool on the axis of time: what each network takes alone, as it was measured."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ensearch import latency
from ensearch.errors import StorageError
from ensearch.latency import Network, Times
from ensearch.pool.entry import Entry
from ensearch.pool.notes import OnNote
from ensearch.store import Store
from ensearch.units import Axis, milliseconds

NANOSECONDS = 1_000_000  # of a millisecond: searches count whole numbers


class Timed(NamedTuple):
    """The axis, and the entries whose networks were measured, each with its time."""

    axis: Axis
    entries: list[Entry]


def timed(
    store: Store, entries: Sequence[Entry], batch: int, runtime: str | None, note: OnNote
) -> Timed:
    """Return the entries with what each takes for an image in batches of `batch`.

    The latest measurements count, of a runtime if one is named. Entries whose network was not
    measured are left out with a note. Raises StorageError if none was.
    """
    networks = {network for entry in entries if (network := _network(entry)) is not None}
    known = latency.sets(store.latencies(), networks)
    times = latency.chosen(known, batch, runtime)
    if times is None:
        raise StorageError(
            "how long the selected networks take was not measured "
            f"{latency.asked_for(batch, runtime)}; {latency.listed(known)}.",
            problem="pool_not_timed",
            batch=batch,
            runtime=runtime or latency.RUNTIMES[0],
        )
    found = [_timed(entry, times) for entry in entries]
    kept = [entry for entry in found if entry is not None]
    if len(kept) < len(entries):
        note(
            f"{len(entries) - len(kept)} of {len(entries)} entries are left out, because nobody "
            "measured how long they take"
        )
    axis = milliseconds(batch, latency.measured_on(times.setup), times.setup.runtime)
    return Timed(replace(axis, key="nanoseconds", factor=1 / NANOSECONDS), kept)


def _network(entry: Entry) -> Network | None:
    return None if entry.architecture is None else (entry.architecture.key, entry.macs)


def _timed(entry: Entry, times: Times) -> Entry | None:
    network = _network(entry)
    known = None if network is None else times.of(network, 1)
    if known is None:
        return None
    return replace(entry, nanoseconds=max(round(known.value * NANOSECONDS), 1))
