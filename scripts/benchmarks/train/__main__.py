"""Images per second in training: ensearch against a plain PyTorch loop, in one run.

    python -m scripts.benchmarks.train --data cifar10-30k.npz --out result.json

ensearch trains as in a search: `train_members` in worker processes, one single-threaded process
per core with a member in each; on CUDA one process with one member. The plain loop is what a
competent user writes: a DataLoader with torchvision transforms, all threads, float32 (bfloat16 on
CUDA), the default memory format, SGD with Nesterov momentum. It gets the fastest of several
DataLoaders, measured first: transforms of PIL images or of tensors, each with 0, 1, 2 or more
workers. Network, images, augmentation, batch size and schedule are the same. Start-up and first
epochs count for neither. They take turns, so that a machine that slows down slows both; the ratio
is the median over turns, with the least and the largest.

--data is a file for `--dataset npz:FILE`; without it the pictures of CIFAR-10's size are random,
which changes no speed.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch

from ensearch.training import describe_device, measure_speed
from scripts.benchmarks import pictures
from scripts.benchmarks.machine import machine
from scripts.benchmarks.train.plain_loop import LOADERS, fastest
from scripts.benchmarks.train.work import GOALS, Work, works
from scripts.benchmarks.train.workers import Workers


def main() -> None:
    options = _parser().parse_args()
    if options.quick:
        options.turns, options.seconds = 3, 1.0
    facts, rows = conditions(options), []
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    if facts["gpu"] is None:
        print("no CUDA GPU here: the comparison on one GPU is skipped")
    if options.data is None:
        print("without --data the pictures of CIFAR-10's size are random")
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            cifar = pictures.write_random(Path(folder) / "random.npz", 5_000)
        else:
            cifar = f"npz:{options.data}"
        for device in ("cpu",) if facts["gpu"] is None else ("cpu", "cuda"):
            print(f"{device}: data, network, images/s of ensearch and of the plain loop, ratio,")
            print("images/s that `ensearch run` would announce, the DataLoader that was best")
            for work in works(cifar, options.network):
                rows.append(compare(work, device, options))
                print(line(rows[-1]), flush=True)
    if options.out is not None:
        options.out.write_text(json.dumps({"conditions": facts, "results": rows}, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="npz file of pictures of 32 x 32")
    parser.add_argument("--turns", type=int, default=5, help="measurements of each side")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a turn of a side")
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="DATA:NETWORK",
        help="measure only this network, as cifar:16-1; may be repeated",
    )
    parser.add_argument(
        "--loader", action="append", choices=LOADERS, help="transforms that the plain loop may use"
    )
    parser.add_argument("--quick", action="store_true", help="3 turns of 1 s")
    parser.add_argument("--out", type=Path, help="write the figures and their conditions as JSON")
    return parser


def conditions(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the figures depend on besides the code."""
    return {
        "date": date.today().isoformat(),
        **machine(),
        "gpu": describe_device("cuda") if torch.cuda.is_available() else None,
        "pictures": "random" if options.data is None else options.data.name,
        "seconds_per_turn": options.seconds,
    }


def compare(work: Work, device: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure both sides in turns of about `seconds` each; return the row of the network."""
    loaders: Sequence[str] = options.loader or LOADERS
    plain, rate = fastest(work, device, options.seconds / 4, loaders)
    steps = max(1, round(options.seconds * rate / work.schedule.batch_size))
    ours = Workers(work, device)
    try:
        each = ours.measure(1) / work.images / ours.slots
        epochs = max(1, round(options.seconds * each))
        pairs = [(ours.measure(epochs), plain.measure(steps)) for _ in range(options.turns)]
    finally:
        ours.close()
    shape = (work.data.channels, len(work.data.classes), work.data.resolution)
    predicted = ours.slots / measure_speed(work.architecture, shape, work.schedule, device)
    ratios = [a / b for a, b in pairs]
    return {
        "data": work.name,
        "network": work.network,
        "device": device,
        "batch_size": work.schedule.batch_size,
        "images_per_epoch": work.images,
        "plain_loader": plain.label,
        "ensearch_images_per_s": [round(a, 1) for a, _ in pairs],
        "plain_images_per_s": [round(b, 1) for _, b in pairs],
        "plan_images_per_s": round(predicted, 1),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_least": round(min(ratios), 3),
        "ratio_largest": round(max(ratios), 3),
        "goal": GOALS[work.name].get(work.network) if device == "cpu" else None,
        "n": options.turns,
    }


def line(row: dict[str, Any]) -> str:
    """Return a row as a person reads it."""
    goal = row["goal"]
    reached = "" if goal is None else "reached" if row["ratio"] >= goal else "missed"
    return (
        f"{row['data']:7}{row['network']:6}{statistics.median(row['ensearch_images_per_s']):10,.0f}"
        f"{statistics.median(row['plain_images_per_s']):10,.0f}{row['ratio']:8.2f} "
        f"[{row['ratio_least']:.2f}, {row['ratio_largest']:.2f}]"
        f"{row['plan_images_per_s']:10,.0f}  {row['plain_loader']}"
        + (f"  goal {goal:g}: {reached}" if reached else "")
    )


if __name__ == "__main__":
    main()
