"""Short training recipes side by side: ensearch's schedule, variants of it, and a published one.

    python -m scripts.benchmarks.recipe --data npz:data/cifar10-30k.npz --limit-train 5000 \\
        --networks 10-1 16-2 --recipes dawnbench airbench ensearch --out R.jsonl

A recipe is `ensearch`, `airbench` or `dawnbench` (published.py), with changed fields
behind a colon: `ensearch:peak_lr=0.2,weight_decay=1e-4`, `airbench:batch_size=256`. Every network
trains by every recipe from every seed; accuracy and NLL are of val, test stays closed. The table
shows means and standard deviations, and of every recipe the difference to the first one, paired by
seed, with its 95 % interval (Student's t over seeds: it holds the training's noise, not that of the
choice of pictures, which all share). Every run is appended to --out at once; the same command again
goes on. Several processes may share the work with --part.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import t as student

from ensearch import datasets, families
from ensearch.core import Architecture, Member, Schedule
from ensearch.datasets import Dataset, Source
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.seeds import derive
from ensearch.training import data as tensors
from ensearch.training import describe_device, loop, resolve_device, train_members
from scripts.benchmarks.recipe.published import RECIPES, Recipe

Run = dict[str, Any]


def main() -> None:
    options = _parser().parse_args()
    device = resolve_device(options.device)
    if device == "cpu":
        torch.set_num_threads(1)  # as a worker of ensearch; several processes share the cores
    source = Source(spec=options.data, data_dir=options.data_dir, limit_train=options.limit_train)
    data = datasets.load(source)
    done = _read(options.out)
    wanted = list(_wanted(options, data))
    part, parts = options.part
    for run in [] if options.only_table else wanted[part::parts]:
        if _identity(run) not in {_identity(other) for other in done}:
            done.append(_train(run, source, data, device))
            _append(options.out, done[-1])
            print(_line(done[-1]), flush=True)
    ids = {_identity(run) for run in wanted}
    _table([run for run in done if _identity(run) in ids], options, data, device)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="cifar10", help="as --dataset of ensearch")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--limit-train", type=int)
    parser.add_argument(
        "--networks",
        nargs="+",
        default=["16-4"],
        help="DEPTH-WIDTH of wide_resnet, or FAMILY-DEPTH-WIDTH; @RESOLUTION resizes the pictures",
    )
    parser.add_argument("--recipes", nargs="+", default=["dawnbench", "airbench", "ensearch"])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("recipe.jsonl"))
    parser.add_argument("--part", type=_part, default=(0, 1), help="this one of several: 0/2, 1/2")
    parser.add_argument("--only-table", action="store_true", help="of the runs that are in --out")
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
                    "figures": asdict(_figures(recipe, options.epochs)),
                    "seed": seed,
                }


def _figures(recipe: str, epochs: int) -> Schedule | Recipe:
    """The recipe's fields, with those behind its colon changed."""
    name, _, changes = recipe.partition(":")
    # On pictures like CIFAR's: what --dataset cifar10 does.
    usual = {"ensearch": replace(datasets.schedule("cifar10"), epochs=epochs), **RECIPES}
    if name not in usual:
        raise SystemExit(f"unknown recipe {name!r}: expected one of {', '.join(usual)}.")
    base = usual[name]
    kinds = {field.name: type(getattr(base, field.name)) for field in fields(base)}
    pairs = dict(change.split("=", 1) for change in changes.split(",") if change)
    if unknown := pairs.keys() - kinds.keys():
        raise SystemExit(
            f"{recipe}: {name} has no {', '.join(unknown)}; it has {', '.join(kinds)}."
        )
    return replace(base, **{key: _as(kinds[key], value) for key, value in pairs.items()})


def _as(kind: type, text: str) -> object:
    return bool(int(text)) if kind is bool else kind(text)


def _identity(run: Run) -> str:
    """What makes a run the same: figures, not names, since a default may have changed."""
    what = {key: run[key] for key in ("data", "epochs", "network", "figures", "seed")}
    return json.dumps(what, sort_keys=True)


def _architecture(network: str, resolution: int) -> Architecture:
    shape, _, side = network.partition("@")
    *family, depth, width = shape.split("-")
    return Architecture(
        family=family[0] if family else "wide_resnet",
        width=float(width),
        depth=float(depth),
        resolution=int(side or resolution),
    )


def _train(run: Run, source: Source, data: Dataset, device: str) -> Run:
    architecture = _architecture(run["network"], data.resolution)
    figures = _figures(run["recipe"], run["epochs"])
    schedule = figures if isinstance(figures, Schedule) else Schedule(epochs=run["epochs"])
    seed = derive("recipe", run["seed"])
    member = Member(
        architecture=architecture, schedule=schedule, dataset=data.fingerprint, seed=seed
    )
    began = time.perf_counter()
    if isinstance(figures, Schedule):
        job = MemberJob(
            member=member, source=source, device=device, keep_weights=False, checkpoint=None
        )
        updates: list[Update] = []
        train_members((job,), updates.append)
        outcome = updates[-1]
        if isinstance(outcome, Failed):
            return run | {"accuracy": float("nan"), "nll": float("nan"), "failed": outcome.detail}
        assert isinstance(outcome, Trained)
        logits, loss = outcome.predictions[0].logits, outcome.losses[-1]
    elif architecture.resolution != data.resolution:
        raise SystemExit(f"{run['recipe']} does not resize pictures: {run['network']}.")
    else:
        images = tensors.load(source, data.fingerprint, device, ("val",))
        torch.manual_seed(derive(seed, "init"))  # the weights that ensearch begins with
        model = families.build(architecture, images.channels, images.classes).to(device)
        model = model.to(memory_format=torch.channels_last)
        loss = figures.train(model, images, run["epochs"], seed, device)
        logits = loop.predict(model, images.to_predict["val"], images, schedule.batch_size)
    seconds = time.perf_counter() - began
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    log_probs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    return run | {
        "accuracy": float((logits.argmax(axis=1) == data.y_val).mean()),
        "nll": float(-log_probs[np.arange(len(log_probs)), data.y_val].mean()),
        "loss": loss,
        "seconds": seconds,
        "device": describe_device(device),
        "torch": torch.__version__,
    }


def _read(path: Path) -> list[Run]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _append(path: Path, run: Run) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(run) + "\n")


def _line(run: Run) -> str:
    return (
        f"{run['network']} seed {run['seed']} {run['recipe']}: {100 * run['accuracy']:.2f} %, "
        f"NLL {run['nll']:.3f}, {run.get('seconds', 0):.0f} s"
    )


def _table(runs: Sequence[Run], options: argparse.Namespace, data: Dataset, device: str) -> None:
    print(
        f"\n{data.spec}, {len(data.y_train)} train, {len(data.y_val)} val pictures, "
        f"{options.epochs} epochs; {describe_device(device)}, PyTorch {torch.__version__}, "
        f"Python {platform.python_version()}\n"
    )
    print("| network | recipe | n | val accuracy, % | NLL | minus the first, points | train loss |")
    print("|---|---|---|---|---|---|---|")
    for network in options.networks:
        first = _by_seed(runs, network, options.recipes[0])
        for recipe in options.recipes:
            found = _by_seed(runs, network, recipe)
            if not found:
                continue
            paired = [
                100 * (found[seed]["accuracy"] - first[seed]["accuracy"])
                for seed in sorted(found.keys() & first.keys())
            ]
            print(
                f"| {network} | {recipe} | {len(found)} "
                f"| {_spread([100 * run['accuracy'] for run in found.values()], 2)} "
                f"| {_spread([run['nll'] for run in found.values()], 3)} "
                f"| {'' if recipe == options.recipes[0] else _interval(paired)} "
                f"| {_spread([run.get('loss', float('nan')) for run in found.values()], 3)} |"
            )


def _by_seed(runs: Sequence[Run], network: str, recipe: str) -> dict[int, Run]:
    return {
        run["seed"]: run for run in runs if run["network"] == network and run["recipe"] == recipe
    }


def _spread(values: Sequence[float], digits: int) -> str:
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def _interval(differences: Sequence[float]) -> str:
    """Mean and 95 % interval of paired differences."""
    if not differences:
        return ""
    mean, n = statistics.fmean(differences), len(differences)
    if n < 2:
        return f"{mean:+.2f}"
    half = float(student.ppf(0.975, n - 1)) * statistics.stdev(differences) / n**0.5
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]"


if __name__ == "__main__":
    main()
