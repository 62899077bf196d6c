"""How long configurations take for an image, where and by what that was measured."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select

from ensearch.store import tables
from ensearch.store.connection import Connected

_LATENCIES = tables.latencies


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """On what and by what a latency was measured: times of different setups do not compare."""

    device: str  # for people: AMD EPYC 9354
    runtime: str  # torch or onnx
    threads: int
    versions: str  # torch 2.14.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRecord:
    """Milliseconds for an image of `size` networks of an architecture, one after another.

    `macs` are those of one of them: they tell apart networks for other channels and classes.
    Images come in batches of `batch`, whose time is divided by their number. `ms` is the median of
    the medians of some rounds, whose smallest and largest are `low` and `high`; `ms_p95` is the
    95th percentile of all `runs`.
    """

    architecture: str  # its key
    macs: int
    size: int
    batch: int
    setup: Setup
    ms: float
    ms_p95: float
    low: float
    high: float
    runs: int
    measured: datetime  # with a time zone; comes back in UTC


class Latencies(Connected):
    """The part of a `Store` that keeps these. Its methods raise StorageError."""

    def save_latencies(self, records: Sequence[LatencyRecord]) -> None:
        """Keep measurements, in place of older ones of the same network, batch and setup."""
        rows = [_row(record) for record in records]
        with self._write() as connection:
            tables.replace(connection, _LATENCIES, rows)

    def latencies(self) -> list[LatencyRecord]:
        """All measurements, the oldest first."""
        columns = _LATENCIES.c
        query = select(_LATENCIES).order_by(columns.measured, columns.architecture, columns.size)
        with self._read() as connection:
            rows = [row._asdict() for row in connection.execute(query)]
        return [
            LatencyRecord(setup=Setup(**{name: row.pop(name) for name in _SETUP}), **row)
            for row in rows
        ]


_SETUP = ("device", "runtime", "threads", "versions")


def _row(record: LatencyRecord) -> dict[str, object]:
    row = asdict(record)
    setup: dict[str, object] = row.pop("setup")
    return row | setup
