"""How well cross-fitted selection is reported, in pools whose truth is known.

    python -m scripts.simulations.cross_fitting --table cuts --repetitions 100 --images 500

cuts: what averaging over several cuts into halves gains, and how often intervals hold the truth.
bands: how often the intervals of several comparisons do so at once. README.md keeps the results.
"""

import argparse
import itertools
from collections.abc import Sequence

import numpy as np

from ensearch.core import Floats
from scripts.simulations.cross_fitting.repetition import held_at_once, over_cuts

NUMBERS = (1, 2, 4, 8)  # of cuts


def main() -> None:
    options = _parser().parse_args()
    table = cut_table if options.table == "cuts" else band_table
    table(options.repetitions, options.images, options.noise)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--table", choices=("cuts", "bands"), required=True, help="see README.md beside this file"
    )
    parser.add_argument("--repetitions", type=int, default=100, help="pools of each line")
    parser.add_argument(
        "--images", type=int, nargs="+", default=[500, 2000], help="images of each pool"
    )
    parser.add_argument(
        "--noise", type=float, nargs="+", default=[0.0, 0.5, 1.5], help="noise of networks"
    )
    return parser


def cut_table(repetitions: int, sizes: Sequence[int], noises: Sequence[float]) -> None:
    """Print errors and coverage of accuracies and of differences, by the number of cuts."""
    print(
        "| noise of networks | images | accuracy of | cuts | error | rms | half width | holds "
        "| without choices | holds |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for noise, images, cuts in itertools.product(noises, sizes, NUMBERS):
        pools = [over_cuts(images, seed, cuts, noise) for seed in range(repetitions)]
        for name in pools[0]:
            estimate, true, half, alone = np.array([rows[name] for rows in pools]).T
            error = estimate - true
            widths = [
                f"{100 * width.mean():.2f} | {100 * np.mean(np.abs(error) <= width + 1e-12):.0f}"
                for width in (half, alone)
            ]
            print(
                f"| {noise} | {images} | {name} | {cuts} | {shown(error)} | {' | '.join(widths)} |",
                flush=True,
            )


def shown(errors: Floats) -> str:
    """Return the mean with its standard error, and the root mean square, in points."""
    error = errors.std(ddof=1) / np.sqrt(len(errors))
    return (
        f"{100 * errors.mean():+.2f} ± {100 * error:.2f} | {100 * np.sqrt((errors**2).mean()):.2f}"
    )


def band_table(repetitions: int, sizes: Sequence[int], noises: Sequence[float]) -> None:
    """Print how often six intervals hold the truth at once, as a band and each alone."""
    print("| noise of networks | images | 6 intervals hold at once, as a band | each alone |")
    print("|---|---|---|---|")
    for noise, images in itertools.product(noises, sizes):
        rows = [held_at_once(images, seed, noise) for seed in range(repetitions)]
        band, alone = 100 * np.mean(rows, axis=0)
        print(f"| {noise} | {images} | {band:.0f} | {alone:.0f} |", flush=True)


if __name__ == "__main__":
    main()
