"""Short training recipes side by side: ensearch's schedule, variants of it, and a published one.

    python -m scripts.benchmarks.recipe --data npz:data/cifar10-30k.npz --limit-train 5000 \\
        --networks 10-1 16-2 --recipes dawnbench airbench ensearch --out R.jsonl

A recipe is `ensearch` (what `--dataset cifar10` does), `digits` (what that dataset does),
`airbench` or `dawnbench` (published.py), with changed fields behind a colon:
`ensearch:peak_lr=0.2,weight_decay=1e-4`, `airbench:batch_size=256`. Every network trains by every
recipe from every seed; accuracy and NLL are of val, test stays closed. The table shows means and
standard deviations, and of every recipe the difference to the first one, paired by seed, with its
95 % interval (Student's t over seeds: it holds the training's noise, not that of the choice of
pictures, which all share). Every run is appended to --out at once; the same command again goes on.
Several processes may share the work with --part.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from ensearch import datasets
from ensearch.datasets import Dataset, Source
from ensearch.training import resolve_device
from scripts.benchmarks.options import add_data
from scripts.benchmarks.recipe import runs
from scripts.benchmarks.recipe.table import print_table
from scripts.benchmarks.recipe.training import Run, figures_of, train


def main() -> None:
    options = _parser().parse_args()
    device = resolve_device(options.device)
    if device == "cpu":
        torch.set_num_threads(1)  # as a worker of ensearch; several processes share the cores
    source = Source(spec=options.data, data_dir=options.data_dir, limit_train=options.limit_train)
    data = datasets.load(source)
    done = runs.read(options.out)
    wanted = list(_wanted(options, data))
    part, parts = options.part
    for run in [] if options.only_table else wanted[part::parts]:
        if _identity(run) not in {_identity(other) for other in done}:
            done.append(train(run, source, data, device, options.predictions))
            runs.append(options.out, done[-1])
            print(_line(done[-1]), flush=True)
    ids = {_identity(run) for run in wanted}
    print_table([run for run in done if _identity(run) in ids], options, data, device)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data(parser)
    parser.add_argument(
        "--networks",
        nargs="+",
        default=["16-4"],
        help="DEPTH-WIDTH of wide_resnet, or FAMILY-DEPTH-WIDTH; @RESOLUTION resizes the pictures",
    )
    parser.add_argument(
        "--recipes",
        nargs="+",
        default=["dawnbench", "airbench", "ensearch"],
        help="recipes to compare with the first, as ensearch:peak_lr=0.2",
    )
    parser.add_argument("--epochs", type=int, default=10, help="length of the schedules")
    parser.add_argument("--seeds", type=int, default=3, help="train from seeds 0, 1, ...")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--out", type=Path, default=Path("recipe.jsonl"), help="file that keeps the runs"
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        help="folder that keeps predictions on val, for picks' ensembles",
    )
    parser.add_argument(
        "--part", type=_part, default=(0, 1), help="do only this share of the runs: 0/2, 1/2"
    )
    parser.add_argument(
        "--only-table", action="store_true", help="train nothing, print what is in --out"
    )
    return parser


def _part(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    return int(part), int(parts)


def _wanted(options: argparse.Namespace, data: Dataset) -> Iterator[Run]:
    """What to train; seeds last, so that a run cut short has compared everything once."""
    for seed in range(options.seeds):
        for network in options.networks:
            for recipe in options.recipes:
                yield {
                    "data": data.fingerprint,
                    "epochs": options.epochs,
                    "network": network,
                    "recipe": recipe,
                    "figures": asdict(figures_of(recipe, options.epochs)),
                    "seed": seed,
                }


def _identity(run: Run) -> str:
    """What makes a run the same: figures, not names, since a default may have changed."""
    what = {key: run[key] for key in ("data", "epochs", "network", "figures", "seed")}
    return json.dumps(what, sort_keys=True)


def _line(run: Run) -> str:
    return (
        f"{run['network']} seed {run['seed']} {run['recipe']}: {100 * run['accuracy']:.2f} %, "
        f"NLL {run['nll']:.3f}, {run.get('seconds', 0):.0f} s"
    )


if __name__ == "__main__":
    main()
