"""Do short schedules choose what long ones would?

    python -m scripts.benchmarks.recipe.picks R.jsonl --short 6 12 --long 48 --recipes ensearch \\
        --band 10-0.375 16-0.25 --band 10-1 16-0.6875

R.jsonl holds the runs of `python -m scripts.benchmarks.recipe`, made with every number of epochs. A
band is a set of configurations of about the same cost: networks, and ensembles as 2x10-0.5 where
the runs were made with --predictions. Of every recipe and short schedule:

- lost: the long schedule's accuracy of the best of a band less that of the one that the short
  schedule ranks first, mean over bands, in points. Accuracies are means over seeds, those of
  ensembles over groups of seeds that share none.
- tau: Kendall's rank correlation of short and long accuracies, over the pairs within bands.

Brackets are 95 % bootstrap intervals over seeds, 10,000 replicates: they hold the noise of
training, not that of the choice of pictures and of networks. The best of noisy long accuracies
looks too good, so that "lost" errs upward, for all recipes alike.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensearch.ensembles.averaging import average
from ensearch.ensembles.metrics import accuracy
from scripts.benchmarks.recipe import runs
from scripts.benchmarks.recipe.training import Run

Values = npt.NDArray[np.float64]
REPLICATES = 10_000


def main() -> None:
    options = _parser().parse_args()
    done = runs.read(options.runs)
    generator = np.random.default_rng(0)
    lost: dict[tuple[str, int], Values] = {}
    print("| recipe | short | lost, points | minus the first recipe | tau within bands |")
    print("|---|---|---|---|---|")
    for recipe in options.recipes:
        long = accuracies(done, recipe, options.long, options.band)
        for epochs in options.short:
            short = accuracies(done, recipe, epochs, options.band)
            drawn = [(_drawn(short, generator), _drawn(long, generator)) for _ in range(REPLICATES)]
            lost[recipe, epochs] = np.array([points_lost(*one, options.band) for one in drawn])
            tau = np.array([tau_within(*one, options.band) for one in drawn])
            less, means = lost[recipe, epochs], (_mean(short), _mean(long))
            first = options.recipes[0]
            more = "" if recipe == first else _ends(less - lost[first, epochs])
            print(
                f"| {recipe} | {epochs} | {points_lost(*means, options.band):.2f} {_ends(less)} "
                f"| {more} | {tau_within(*means, options.band):.2f} {_ends(tau)} |"
            )


def accuracies(
    done: Sequence[Run], recipe: str, epochs: int, bands: Sequence[Sequence[str]]
) -> dict[str, Values]:
    """Return val accuracies over seeds of everything in the bands, in points.

    Exits where there are none.
    """
    found = {}
    for name in (name for band in bands for name in band):
        size, network = _read(name)
        members = [
            run
            for run in done
            if (run["network"], run["recipe"], run["epochs"]) == (network, recipe, epochs)
        ]
        if len(members) < size:
            raise SystemExit(f"{len(members)} runs of {network} by {recipe} with {epochs} epochs.")
        members.sort(key=lambda run: int(run["seed"]))
        groups = [members[at : at + size] for at in range(0, len(members) - size + 1, size)]
        found[name] = np.array([100 * _accuracy(group) for group in groups])
    return found


def _read(name: str) -> tuple[int, str]:
    """Return the size and the network of a name: 1 of 10-0.5, 2 of 2x10-0.5."""
    size, times, network = name.partition("x")
    return (int(size), network) if times else (1, name)


def _accuracy(members: Sequence[Run]) -> float:
    """Return the accuracy of the ensemble of these runs; exits without their predictions."""
    if len(members) == 1:
        return float(members[0]["accuracy"])
    if any("predictions" not in run for run in members):
        raise SystemExit("ensembles need runs that were made with --predictions.")
    stored = [np.load(run["predictions"]) for run in members]
    probs = average(np.stack([one["probs"] for one in stored]))
    return accuracy(probs, stored[0]["labels"])


def points_lost(
    short: Mapping[str, float], long: Mapping[str, float], bands: Sequence[Sequence[str]]
) -> float:
    """Return what the short schedule's picks lose of the long one's accuracy, mean over bands."""
    return float(
        np.mean(
            [max(long[n] for n in band) - long[max(band, key=lambda n: short[n])] for band in bands]
        )
    )


def tau_within(
    short: Mapping[str, float], long: Mapping[str, float], bands: Sequence[Sequence[str]]
) -> float:
    """Return Kendall's tau of pairs within bands; a tie counts for neither side."""
    signs = [
        np.sign(short[a] - short[b]) * np.sign(long[a] - long[b])
        for band in bands
        for place, a in enumerate(band)
        for b in band[place + 1 :]
    ]
    return float(np.mean(signs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", type=Path, help="file of the runs")
    parser.add_argument("--recipes", nargs="+", default=["ensearch"], help="as they were run")
    parser.add_argument("--short", type=int, nargs="+", required=True, help="epochs")
    parser.add_argument("--long", type=int, required=True, help="epochs")
    parser.add_argument(
        "--band", nargs="+", action="append", required=True, help="what has about equal cost"
    )
    return parser


def _drawn(values: Mapping[str, Values], generator: np.random.Generator) -> dict[str, float]:
    return {n: float(generator.choice(seeds, len(seeds)).mean()) for n, seeds in values.items()}


def _mean(values: Mapping[str, Values]) -> dict[str, float]:
    return {network: float(seeds.mean()) for network, seeds in values.items()}


def _ends(values: Values) -> str:
    low, high = np.quantile(values, [0.025, 0.975])
    return f"[{low:+.2f}, {high:+.2f}]"


if __name__ == "__main__":
    main()
