"""Measuring how long configurations take for an image."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensearch import latency, training
from ensearch.api import _timed_networks
from ensearch.errors import UsageError, at_least_one, invalid, unknown
from ensearch.fronts import MATCHED_SHARE
from ensearch.latency import Configuration
from ensearch.pool.notes import Notes, OnNote, unheard
from ensearch.store import LatencyRecord, Setup, Store, storage_url
from ensearch.units import counted, format_count

BATCHES = (1, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLatency:
    """A configuration with what it costs and how long it takes.

    `macs` are multiply-adds of all members, `times` the measurements by batch: milliseconds for an
    image, which is the time of a batch over its images.
    """

    label: str
    architecture: str
    size: int
    macs: int
    times: Mapping[int, LatencyRecord]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "architecture": self.architecture,
            "size": self.size,
            "cost_multiply_adds_per_example": self.macs,
            "ms_per_image": {
                str(batch): {
                    "median": record.ms,
                    "p95": record.ms_p95,
                    "low": record.low,
                    "high": record.high,
                    "runs": record.runs,
                }
                for batch, record in self.times.items()
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLatencies:
    """How long configurations take in one setup, the most expensive first."""

    setup: Setup
    batches: tuple[int, ...]
    rows: tuple[MeasuredLatency, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "device": self.setup.device,
            "runtime": self.setup.runtime,
            "threads": self.setup.threads,
            "versions": self.setup.versions,
            "batches": list(self.batches),
            "configurations": [row.to_dict() for row in self.rows],
            "notes": list(self.notes),
        }

    @property
    def where(self) -> str:
        """On and by what was measured: AMD EPYC, one thread, torch 2.14.1."""
        return latency.measured_on(self.setup)

    @property
    def widest(self) -> str:
        """Where time and multiply-adds disagree most, in a sentence; empty if nowhere."""
        found = [(b, *pair) for b in self.batches if (pair := _widest(self.rows, b)) is not None]
        if not found:
            return ""
        batch, slow, fast = max(found, key=lambda each: _ratio(each[1], each[2], each[0]))
        return (
            f"At equal cost a configuration takes up to {_ratio(slow, fast, batch):.1f} times as "
            f"long as another: {slow.label} takes {slow.times[batch].ms:.3g} ms an image in "
            f"batches of {batch} and {fast.label} takes {fast.times[batch].ms:.3g} ms, with "
            f"{format_count(slow.macs)} and {format_count(fast.macs)} FLOPs."
        )


def _widest(
    rows: Sequence[MeasuredLatency], batch: int
) -> tuple[MeasuredLatency, MeasuredLatency] | None:
    """The slower and the faster of two of matched cost whose times differ most."""
    pairs = [
        (slow, fast)
        for slow in rows
        for fast in rows
        if slow is not fast and MATCHED_SHARE <= slow.macs / fast.macs <= 1 / MATCHED_SHARE
    ]
    return max(pairs, key=lambda pair: _ratio(pair[0], pair[1], batch), default=None)


def _ratio(slow: MeasuredLatency, fast: MeasuredLatency, batch: int) -> float:
    return slow.times[batch].ms / fast.times[batch].ms


def measure_latency(
    study: str | None = None,
    *,
    pool: str | None = None,
    folder: str | Path | None = None,
    batch: int | str | Iterable[int] = BATCHES,
    threads: int = 1,
    runtime: str = "torch",
    device: str | None = None,
    storage: str | Path | None = None,
    on_note: OnNote | None = None,
    on_progress: OnNote | None = None,
) -> MeasuredLatencies:
    """Measure how long the configurations of a study, or networks of the pool, take for an image.

    Networks are built with random weights, on which time does not depend, so that nothing needs to
    be kept of their training. The results are kept in the storage: reports and fronts may then be
    over milliseconds.

    Args:
        study: its name; every configuration that its search evaluated is measured.
        pool: instead, a query of the pool as `combine` takes it; every network is measured alone.
        folder: instead, a folder that `export` wrote; its first 1, 2, ... members are measured on a
            CPU, with normalising, and nothing is kept. Its model.py is run.
        batch: images at a time, one or several numbers: 64, (1, 64) or "1,64".
        threads: of the processor.
        runtime: "torch", or "onnx" for ONNX Runtime (`ensearch[export]`), on a CPU only.
        device: "cpu", "cuda" or "auto".
        on_note: hears sentences on what may not be expected, which results keep too.
        on_progress: hears what is done.

    Raises:
        UsageError: a value is not legal, or neither or both of study and pool were given.
        StorageError: there is no such study, or nothing of it has been evaluated.
        UnavailableError: a device, a package or memory is missing.
    """
    note, batches = Notes(on_note), _batches(batch)
    if sum(given is not None for given in (study, pool, folder)) != 1:
        raise UsageError(
            "either a study, a query of the pool or an exported folder is measured: name one."
        )
    at_least_one("threads", threads)
    if runtime not in latency.RUNTIMES:
        raise unknown("runtime", runtime, latency.RUNTIMES)
    if folder is not None:
        if device not in (None, "auto", "cpu"):
            raise invalid("device", f"must be cpu for an exported folder; got {device!r}.")
        return _of_folder(Path(folder), batches, threads, runtime, note, on_progress or unheard)
    where = training.resolve_device("auto" if device is None else device)
    with Store.open(storage_url(storage), create=False) as store:
        if pool is not None:
            wanted = _timed_networks.of_pool(store, pool, note)
        else:
            wanted = _timed_networks.of_study(store, study or "")
        records = _measured(store, wanted, batches, threads, runtime, where, on_progress or unheard)
    rows = _rows(wanted, records)
    _note_spread(rows, note)
    return MeasuredLatencies(setup=records[0].setup, batches=batches, rows=rows, notes=note.kept)


def _of_folder(
    folder: Path,
    batches: tuple[int, ...],
    threads: int,
    runtime: str,
    note: Notes,
    on_progress: OnNote,
) -> MeasuredLatencies:
    from ensearch.api import _exported_latency  # torch takes 2 s to import

    title, records = _exported_latency.records(folder, batches, threads, runtime, note, on_progress)
    sizes = sorted({record.size for record in records}, reverse=True)
    rows = tuple(
        MeasuredLatency(
            label=f"first {counted(size, 'member')}" if size < sizes[0] else title,
            architecture=title,
            size=size,
            macs=next(r.macs for r in records if r.size == size) * size,
            times={r.batch: r for r in records if r.size == size},
        )
        for size in sizes
    )
    _note_spread(rows, note)
    return MeasuredLatencies(setup=records[0].setup, batches=batches, rows=rows, notes=note.kept)


def _batches(given: int | str | Iterable[int]) -> tuple[int, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    try:
        numbers = {int(part) for part in ([parts] if isinstance(parts, int) else parts)}
    except ValueError:
        numbers = set()
    if not numbers or min(numbers) < 1:
        raise invalid("batch", f"must be numbers of images, such as 1,64; got {given!r}.")
    return tuple(sorted(numbers))


def _measured(
    store: Store,
    wanted: Sequence[Configuration],
    batches: Sequence[int],
    threads: int,
    runtime: str,
    device: str,
    on_progress: Callable[[str], None],
) -> list[LatencyRecord]:
    """The measurements, each kept as soon as it is there."""
    from ensearch.latency import measurement  # torch takes 2 s to import

    place = measurement.Place(
        device=device, name=training.name_device(device), runtime=runtime, threads=threads
    )
    result = []
    for records in measurement.measure(wanted, batches, place, on_progress=on_progress):
        store.save_latencies(records)
        result += records
    return result


def _rows(
    wanted: Sequence[Configuration], records: Sequence[LatencyRecord]
) -> tuple[MeasuredLatency, ...]:
    times: dict[tuple[str, int, int], dict[int, LatencyRecord]] = {}
    for record in records:
        key = (record.architecture, record.macs, record.size)
        times.setdefault(key, {})[record.batch] = record
    labels = Counter(architecture.label for architecture in {one.architecture for one in wanted})
    rows = [
        MeasuredLatency(
            label=one.label if labels[one.architecture.label] == 1 else one.key,
            architecture=one.architecture.key,
            size=one.size,
            macs=one.macs * one.size,
            times=times[one.architecture.key, one.macs, one.size],
        )
        for one in wanted
    ]
    return tuple(sorted(rows, key=lambda row: (-row.macs, row.size, row.label)))


def _note_spread(rows: Sequence[MeasuredLatency], note: OnNote) -> None:
    """Say that something else used the machine, where rounds differ by too much."""
    says = latency.disturbed([record for row in rows for record in row.times.values()])
    if says:
        note(f"{says}. Measure again when it is idle.")
