"""Time to equal accuracy: ensearch against the plain PyTorch loop with SGD, in one run.

    python -m scripts.benchmarks.train.equal --data npz:data/cifar10-30k.npz --limit-train 10000

The plain loop (plain_loop.py) trains with SGD by ensearch's own figures for SGD, all threads, the
fastest of its DataLoaders. ensearch trains by each of --optimizers with 1, 2, ... epochs, a
schedule for each, until its mean accuracy on val is that of the plain loop; its seconds are those
that a network takes of the whole machine while every worker is busy, predictions of val included.
Neither side's start counts. Both sides train from the same number of seeds, in turns. The table
gives the fewest epochs that reach the accuracy, and the ratio of seconds with the least and the
largest over the plain loop's seeds.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ensearch import datasets
from ensearch.datasets import Source
from ensearch.schedule import OPTIMIZERS
from scripts.benchmarks.machine import machine
from scripts.benchmarks.networks import architecture
from scripts.benchmarks.options import add_data
from scripts.benchmarks.train.plain_loop import LOADERS, PlainLoop, fastest
from scripts.benchmarks.train.work import Work
from scripts.benchmarks.train.workers import Workers


def main() -> None:
    options = _parser().parse_args()
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    print("| network | side | epochs | n | val accuracy, % | seconds a network | times as fast |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for network in options.networks:
        for row in compare(_work(network, options), options):
            rows.append(row)
            print(_line(row), flush=True)
    if options.out is not None:
        options.out.write_text(json.dumps({"conditions": facts, "results": rows}, indent=1) + "\n")


def compare(work: Work, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the row of the plain loop, then of every schedule that ensearch was given."""
    plain, _ = fastest(work, "cpu", 1.0, LOADERS)
    ours = Workers(work, "cpu")
    try:
        seconds, accuracies = _plain(plain, options)
        goal = statistics.mean(accuracies)
        yield _row(work, f"plain, {plain.label}", options.epochs, accuracies, seconds, seconds)
        # As many as keep every worker busy to the end.
        seeds = range(-(-options.seeds // ours.slots) * ours.slots)
        for optimizer in options.optimizers:
            for epochs in range(1, 2 * options.epochs + 1):
                schedule = work.schedule.changed(optimizer=optimizer, epochs=epochs)
                each, reached = ours.train(schedule, seeds)
                yield _row(work, f"ensearch, {optimizer}", epochs, reached, [each], seconds)
                if statistics.mean(reached) >= goal:
                    break
    finally:
        ours.close()


def _plain(plain: PlainLoop, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Seconds and accuracies of the plain loop by seed."""
    runs = [plain.train(options.epochs, seed) for seed in range(options.seeds)]
    return [seconds for seconds, _ in runs], [accuracy for _, accuracy in runs]


def _work(network: str, options: argparse.Namespace) -> Work:
    source = Source(spec=options.data, data_dir=options.data_dir, limit_train=options.limit_train)
    data = datasets.load(source)
    usual = datasets.schedule("cifar10").changed(optimizer="sgd")
    return Work(
        name="cifar",
        network=network,
        source=source,
        data=data,
        architecture=architecture(network, data.resolution),
        schedule=replace(usual, epochs=options.epochs),
    )


def _row(
    work: Work,
    side: str,
    epochs: int,
    accuracies: list[float],
    seconds: list[float],
    plain: list[float],
) -> dict[str, Any]:
    each = statistics.mean(seconds)
    return {
        "network": work.network,
        "side": side,
        "epochs": epochs,
        "accuracies": accuracies,
        "seconds": each,
        "ratios": [one / each for one in plain],
    }


def _line(row: dict[str, Any]) -> str:
    percent = [100 * accuracy for accuracy in row["accuracies"]]
    spread = f" ± {statistics.stdev(percent):.2f}" if len(percent) > 1 else ""
    ratios = row["ratios"]
    return (
        f"| {row['network']} | {row['side']} | {row['epochs']} | {len(percent)} "
        f"| {statistics.mean(percent):.2f}{spread} | {row['seconds']:.1f} "
        f"| {statistics.mean(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] |"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data(parser)
    parser.add_argument("--networks", nargs="+", default=["10-1", "16-1"], help="DEPTH-WIDTH")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of the plain loop")
    parser.add_argument("--seeds", type=int, default=3, help="networks that each side trains")
    parser.add_argument("--optimizers", nargs="+", default=OPTIMIZERS, help="of ensearch")
    parser.add_argument("--out", type=Path, help="write the figures and their conditions as JSON")
    return parser


if __name__ == "__main__":
    main()
