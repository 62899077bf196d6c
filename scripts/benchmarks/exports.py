"""What exporting an ensemble of each family gives: sizes, seconds, differences and milliseconds.

    python -m scripts.benchmarks.exports

trains members of a network of every family for an epoch of random pictures, exports them as one
ensemble by `ensearch.export`, which runs the exported folder in a process of its own against what
is stored, and measures the folder by PyTorch and by ONNX Runtime, bytes in and probabilities out.
Last come members side by side: how many times as fast so many processes are as one that runs them
one after another, on all cores. The table is Markdown. What the networks have learned is of no
account here: neither sizes nor times depend on it.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import ensearch
from ensearch import cost
from ensearch.core import Architecture
from ensearch.exports import _predict
from ensearch.latency import timing
from ensearch.units import format_count
from scripts.benchmarks.machine import machine
from scripts.benchmarks.networks import architecture

NETWORKS = (
    "wide_resnet-10-1",
    "resnet_cifar-20-0.5",
    "efficientnet-1-1",
    "vit-4-64",
    "timm:resnet18-1-1",
)
CLASSES = 10
HEADS = ("network", "FLOPs", "parameters", "weights", "model.onnx", "export, s", "differs by")


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    packages = ("onnx", "onnxruntime", "timm")
    head = {"date": date.today().isoformat(), **machine(*packages)}
    print(", ".join(f"{name} {value}" for name, value in head.items()))
    print(f"{options.members} members, {options.side} pixels, {options.threads} thread(s)\n")
    columns = [*HEADS, *(f"{name} ms@{b}" for name in ("torch", "onnx") for b in options.batch)]
    columns += [f"{options.workers} workers, times as fast @{b}" for b in options.batch]
    print(f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(options.networks):
            shape = architecture(name, options.side)
            out = Path(folder) / str(number)
            seconds = exported(shape, options, out)
            cells = row(out, seconds, options.batch, options.threads)
            cells += side_by_side(out, options.workers, options.batch)
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=NETWORKS, help="FAMILY-DEPTH-WIDTH")
    parser.add_argument("--members", type=int, default=3, help="of each ensemble, at least 2")
    parser.add_argument("--side", type=int, default=32, help="pixels on each side of the pictures")
    parser.add_argument("--images", type=int, default=400, help="half of them train")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--threads", type=int, default=1, help="of the times in milliseconds")
    parser.add_argument("--workers", type=int, default=2)
    return parser


def exported(shape: Architecture, options: argparse.Namespace, out: Path) -> float:
    """Train members of the network, export them to `out`, and return the seconds of exporting."""
    macs = cost.count(shape, 3, CLASSES).macs
    exact = {"low": shape.width, "high": shape.width, "step": 1}
    space = {
        "name": "one",
        "family": shape.family,
        "members": [1, options.members],
        "depth": [shape.depth],
        "width": exact,
    }
    storage = f"{out}.db"
    ensearch.run(
        budget=1.001 * options.members * macs,
        dataset=_pictures(options.images, options.side),
        space=space,
        study="one",
        trials=2,
        seeds=options.members,
        epochs=1,
        schedule={"peak_lr": 0.05, "batch_size": 32},
        workers=1,
        storage=storage,
        on_event=lambda event: None,
    )
    began = time.perf_counter()
    ensearch.export("one", kind="ensemble", out=out, storage=storage)
    return time.perf_counter() - began


def _pictures(images: int, side: int) -> tuple[Any, ...]:
    """Random pictures with their labels: to train, and to test."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (images, side, side, 3), np.uint8)
    y = np.arange(images) % CLASSES
    half = images // 2
    return x[:half], y[:half], x[half:], y[half:]


def row(folder: Path, seconds: float, batches: Sequence[int], threads: int) -> list[str]:
    """Return the cells of an exported folder below HEADS, without its name, and its times."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    whole = config["accuracy"]["by_members"][-1]
    differences = config["verified"]["differences"]
    return [
        format_count(whole["multiply_adds"]),
        format_count(whole["parameters"]),
        *(_megabytes(folder / name) for name in ("weights.safetensors", "model.onnx")),
        f"{seconds:.1f}",
        " / ".join(f"{name} {value:.1g}" for name, value in differences.items()),
        *(
            cell
            for runtime in ("torch", "onnx")
            for cell in _times(folder, runtime, batches, threads)
        ),
    ]


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB" if path.exists() else "-"


def _times(folder: Path, runtime: str, batches: Sequence[int], threads: int) -> list[str]:
    """Median and range of the rounds, in milliseconds an image, of all members."""
    if runtime == "onnx" and not (folder / "model.onnx").exists():
        return ["-" for _ in batches]
    measured = ensearch.measure_latency(
        folder=folder, batch=batches, threads=threads, runtime=runtime
    )
    times = max(measured.rows, key=lambda one: one.size).times
    return [
        f"{times[batch].ms:.3g} [{times[batch].low:.3g}, {times[batch].high:.3g}]"
        for batch in batches
    ]


def side_by_side(folder: Path, workers: int, batches: Sequence[int]) -> list[str]:
    """How many times as fast members in several processes are, which take turns with one."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    side, channels = config["input"]["resolution"], config["input"]["channels"]
    alone, together = (_predict.predictor(folder, "torch", workers=n) for n in (1, workers))
    cells = []
    for batch in batches:
        images = np.zeros((batch, side, side, channels), np.uint8)
        one, several = timing.measure([partial(alone, images), partial(together, images)])
        cells.append(f"{one.median / several.median:.2f}")
    return cells


if __name__ == "__main__":
    main()
