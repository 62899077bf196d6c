"""Members side by side against one after another: images per second by every strategy, in one run.

    python -m scripts.benchmarks.fused --out result.json

For every network and number of members all of `ensearch.training.strategies` train the same random
pictures of CIFAR-10's size in batches of 128. Each takes turns with one after another; the ratio
is the median over turns, with the least and the largest. "Over graphs" compares with one after
another where each step is a recorded CUDA graph. Then: what the short measurement of a search would
choose and how long it takes; which share of the GPU's peak WRN-28-10 reaches; and how far members
trained together end from the same ones trained alone, on scikit-learn's digits.

Without CUDA small networks of 8 x 8 and 32 x 32 pictures train on one thread: there are no graphs
and no share of a peak, and a search never trains members of a CPU side by side.
"""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import torch

from ensearch.training import describe_device
from ensearch.training.device import reproducible
from scripts.benchmarks.fused.equality import equality
from scripts.benchmarks.fused.throughput import throughput
from scripts.benchmarks.fused.turns import BATCH, STEPS
from scripts.benchmarks.fused.utilisation import utilisation
from scripts.benchmarks.machine import machine

PARTS = ["equality", "throughput", "utilisation"]
ON_GPU = [(32, name) for name in ("16-1", "16-4", "10-1", "16-2", "28-4")]
ON_CPU = [(8, "10-0.25"), (8, "10-1"), (32, "10-1")]


def main() -> None:
    options = _parser().parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    start, turns = time.perf_counter(), 3 if options.quick else 5
    result: dict[str, Any] = {
        "date": date.today().isoformat(),
        "device": describe_device(device),
        **machine(),
        "turns": turns,
    }
    print(f"{result['device']}, torch {result['torch']}, batches of {BATCH}, {STEPS} steps a turn")

    def keep() -> None:
        """Write what is known by now: the machine may be gone before the end."""
        result["seconds"] = time.perf_counter() - start
        if options.out:
            options.out.write_text(json.dumps(result, indent=2) + "\n")

    with reproducible(device):
        if "equality" in options.only:
            result["equality"] = equality(device)
            keep()
        if "throughput" in options.only:
            result["throughput"] = []
            for row in _throughputs(device, turns, start, options):
                result["throughput"].append(row)
                keep()
        if "utilisation" in options.only and device == "cuda":
            result["utilisation"] = utilisation(turns)
        elif "utilisation" in options.only:
            print("\nno CUDA here: no graphs, no bfloat16, no share of a peak (WRN-28-10)")
    keep()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer networks and turns")
    parser.add_argument(
        "--only", nargs="+", default=PARTS, choices=PARTS, help="parts to measure, in that order"
    )
    parser.add_argument(
        "--rows", nargs="+", type=_row, help="networks and members, as 16-1@32x8 for 8 of WRN-16-1"
    )
    parser.add_argument("--out", type=Path, help="write the figures and their conditions as JSON")
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="begin no network after so many minutes"
    )
    return parser


def _row(text: str) -> tuple[int, str, int]:
    network, _, members = text.rpartition("x")
    network, _, resolution = network.partition("@")
    return int(resolution or 32), network, int(members)


def _throughputs(
    device: str, turns: int, start: float, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Measure one network and number of members after another until the time is over."""
    networks = ON_GPU if device == "cuda" else ON_CPU
    sizes = (8, 4, 2) if device == "cuda" else (4, 2)
    work = [(*network, size) for network in networks for size in sizes]
    for resolution, network, count in options.rows or work[: 4 if options.quick else None]:
        if time.perf_counter() - start > 60 * options.minutes:
            print(f"\nno time left for WRN-{network} with {count} members (--minutes)")
            continue
        yield throughput(resolution, network, count, device, turns)
        if device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
