"""The table of accuracies and NLL, network by network and recipe by recipe."""

import argparse
import platform
import statistics
from collections.abc import Sequence

import torch
from scipy.stats import t as student

from ensearch.datasets import Dataset
from ensearch.training import describe_device
from scripts.benchmarks.recipe.training import Run


def print_table(
    runs: Sequence[Run], options: argparse.Namespace, data: Dataset, device: str
) -> None:
    """Print the runs, and of every recipe the difference to the first one."""
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
            by_seed = _by_seed(runs, network, recipe)
            if not by_seed:
                continue
            paired = [
                100 * (by_seed[seed]["accuracy"] - first[seed]["accuracy"])
                for seed in sorted(by_seed.keys() & first.keys())
            ]
            print(
                f"| {network} | {recipe} | {len(by_seed)} "
                f"| {_spread([100 * run['accuracy'] for run in by_seed.values()], 2)} "
                f"| {_spread([run['nll'] for run in by_seed.values()], 3)} "
                f"| {'' if recipe == options.recipes[0] else _interval(paired)} "
                f"| {_spread([run.get('loss', float('nan')) for run in by_seed.values()], 3)} |"
            )


def _by_seed(runs: Sequence[Run], network: str, recipe: str) -> dict[int, Run]:
    return {
        run["seed"]: run for run in runs if run["network"] == network and run["recipe"] == recipe
    }


def _spread(values: Sequence[float], digits: int) -> str:
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def _interval(differences: Sequence[float]) -> str:
    """Return mean and 95 % interval of paired differences, in points."""
    if not differences:
        return ""
    mean, n = statistics.fmean(differences), len(differences)
    if n < 2:
        return f"{mean:+.2f}"
    half = float(student.ppf(0.975, n - 1)) * statistics.stdev(differences) / n**0.5
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]"
