"""How honest a measured latency is: the same configuration, measured several times.

    python -m scripts.benchmarks.latency --runtime torch

In each of some calls every configuration is measured twice, as two that know nothing of each other.
Shown are the times of all calls, how far the two of one call are apart (they take turns), how far
those of different calls are, and how often the smallest and largest median of the rounds of one
hold the median of its twin. What `ensearch latency` says of a configuration can be no truer than
that.

    python -m scripts.benchmarks.latency --folder EXPORTED --workers 1 2

Of an ensemble that `ensearch export` wrote, its members one after another and side by side in so
many processes, by PyTorch, bytes in and probabilities out. They take turns, and share the cores.
"""

import argparse
import functools
import itertools
import json
import statistics
from datetime import date
from pathlib import Path

import numpy as np

from ensearch import cost
from ensearch.exports import _predict
from ensearch.latency import RUNTIMES, Configuration, timing
from ensearch.latency.measurement import Place, measure
from ensearch.store import LatencyRecord
from ensearch.training import name_device
from ensearch.units import counted
from scripts.benchmarks.machine import machine
from scripts.benchmarks.networks import architecture
from scripts.benchmarks.spread import median_and_range

NETWORKS = ("10-0.5", "10-1", "16-1")
SIZES = (1, 3)


def main() -> None:
    options = _parser().parse_args()
    packages = ("onnxruntime",) if options.runtime == "onnx" else ()
    head = {"date": date.today().isoformat(), **machine(*packages)}
    print(", ".join(f"{name} {value}" for name, value in head.items()))
    if options.folder:
        side_by_side(options.folder, options.workers, options.batch)
        return
    place = Place(
        device="cpu", name=name_device("cpu"), runtime=options.runtime, threads=options.threads
    )
    wanted = [_configuration(name, size) for name in NETWORKS for size in SIZES]
    calls = [_call(wanted, options.batch, place) for _ in range(options.calls)]
    _print(calls, options.batch)
    if options.out:
        times = [[(r.size, r.architecture, r.batch, r.ms, r.low, r.high) for r in c] for c in calls]
        options.out.write_text(json.dumps(head | {"calls": times}, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runtime", choices=RUNTIMES, default=RUNTIMES[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--calls", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="an exported ensemble, by numbers of workers")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, help="write all times as JSON")
    return parser


def side_by_side(folder: Path, workers: list[int], batches: list[int]) -> None:
    """Print a line for each batch and number of workers."""
    inputs = _predict.settings(folder)["input"]
    shape = (inputs["resolution"], inputs["resolution"], inputs["channels"])
    predictors = {count: _predict.predictor(folder, "torch", workers=count) for count in workers}
    for batch in batches:
        images = np.random.default_rng(0).integers(0, 256, (batch, *shape), np.uint8)
        runs = [functools.partial(predict, images) for predict in predictors.values()]
        taken = timing.measure(runs)
        for count, one in zip(workers, taken, strict=True):
            median, low, high = (1000 * t / batch for t in (one.median, one.low, one.high))
            print(
                f"@{batch}: {counted(count, 'worker')} {median:.4g} [{low:.4g}, {high:.4g}] ms an "
                f"image, {taken[0].median / one.median:.2f} times as fast as {workers[0]}"
            )


def _configuration(name: str, size: int) -> Configuration:
    shape = architecture(name, 32)
    macs = cost.count(shape, 3, 10).macs
    return Configuration(architecture=shape, macs=macs, size=size, channels=3, classes=10)


def _call(wanted: list[Configuration], batches: list[int], place: Place) -> list[LatencyRecord]:
    """The records of a call, those of twins one after the other."""
    twins = [one for one in wanted for _ in range(2)]
    records = [record for group in measure(twins, batches, place) for record in group]
    return sorted(records, key=lambda r: (r.architecture, r.size, r.batch))


def _print(calls: list[list[LatencyRecord]], batches: list[int]) -> None:
    twins = [list(zip(call[::2], call[1::2], strict=True)) for call in calls]
    for places in zip(*twins, strict=True):
        every = [record.ms for pair in places for record in pair]
        one = places[0][0]
        print(f"{one.size} x {one.architecture} @{one.batch}: {median_and_range(every, 4)} ms")
    for batch in batches:
        pairs = [pair for call in twins for pair in call if pair[0].batch == batch]
        apart = [abs(a.ms - b.ms) / min(a.ms, b.ms) for a, b in pairs]
        held = sum(a.low <= b.ms <= a.high for a, b in itertools.chain(pairs, _turned(pairs)))
        print(
            f"@{batch}: twins {statistics.median(apart):.1%} apart (median; {max(apart):.1%} at "
            f"most, n = {len(apart)}), {held} of {2 * len(pairs)} within the rounds of the other"
        )
        between = [
            max(times) / min(times) - 1
            for times in (
                [statistics.fmean(record.ms for record in pair) for pair in places]
                for places in zip(*twins, strict=True)
                if places[0][0].batch == batch
            )
        ]
        if len(calls) > 1:
            print(
                f"@{batch}: calls {statistics.median(between):.1%} apart (median; "
                f"{max(between):.1%} at most, n = {len(between)})"
            )


def _turned(
    pairs: list[tuple[LatencyRecord, LatencyRecord]],
) -> list[tuple[LatencyRecord, LatencyRecord]]:
    return [(b, a) for a, b in pairs]


if __name__ == "__main__":
    main()
