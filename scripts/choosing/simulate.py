"""What a search's choices are worth and what it says of them, in pools whose truth is known.

    python scripts/choosing/simulate.py --repetitions 200

First table: three ways to choose an ensemble and to report its accuracy. Second: how often the
interval of `choosing.compare` holds the true difference. README.md keeps the result.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from drawn_pools import World

from ensearch import cascade_search, choosing, mixed
from ensearch.candidates import Candidates
from ensearch.choosing import Found, Search, apply, compare, halves
from ensearch.core import Floats, Labels

BUDGET = 6e6  # six of the cheapest members, or one of the dearest
MANY = 20_000  # images that tell the truth, to 0.35 points; the same for all that is compared
SEARCHES: dict[str, Search] = {
    "greedy": mixed.greedy,
    "best of many": partial(mixed.best_of_many, tries=3_000),
    "cascades, 2 stages": partial(cascade_search.search, max_stages=2),
}


def reports(search: Search, images: int, seed: int) -> list[float]:
    """True accuracies of the choices of one half, the other half and all; then what is reported.

    Reported: one half by the other, the other by the one, all by all.
    """
    world = World(seed)
    candidates, labels = world.draw(images, 2 * seed)
    truth = world.draw(MANY, 2 * seed + 1)
    one, two = halves(labels, seed)
    found = [_first(search, candidates, labels, part) for part in (one, two, np.sort([*one, *two]))]
    seen = [
        apply(found[k], candidates.take(part), labels[part]).accuracy
        for k, part in enumerate((two, one))
    ]
    return [
        *(apply(f, *truth).accuracy for f in found),
        *seen,
        apply(found[2], candidates, labels).accuracy,
    ]


def _first(search: Search, candidates: Candidates, labels: Labels, part: Any) -> Found:
    found = search(candidates.take(part), labels[part], [BUDGET])[0]
    assert found is not None
    return found


def coverage(images: int, seed: int, replicates: int, **noise: float) -> list[float]:
    """Of mixed less same network: estimate, half width, truth, half width of pairs alone."""
    world = World(seed, networks=4, members=3, **noise)
    candidates, labels = world.draw(images, 2 * seed)
    truth = world.draw(MANY, 2 * seed + 1)
    searches = [partial(f, tries=300) for f in (mixed.copies, mixed.best_of_many)]
    found = compare(*searches, candidates, labels, BUDGET, replicates=replicates, seed=seed)
    assert found.one
    assert found.other
    assert found.difference is not None
    assert found.high is not None
    hits = [choosing.checked(f, candidates, labels, [BUDGET], seed).hits[0] for f in searches]
    pairs = float((hits[1].astype(float) - hits[0]).std() / np.sqrt(images))
    true = apply(found.other, *truth).accuracy - apply(found.one, *truth).accuracy
    return [found.difference, found.high - found.difference, true, 1.96 * pairs]


def shown(errors: Floats) -> str:
    """Mean with its standard error, and root mean square, in points."""
    error = errors.std(ddof=1) / np.sqrt(len(errors))
    return (
        f"{100 * errors.mean():+.2f} ± {100 * error:.2f} | {100 * np.sqrt((errors**2).mean()):.2f}"
    )


def first_table(repetitions: int, sizes: Sequence[int]) -> None:
    print(
        "| search | images | chosen by, reported by | true accuracy | error of the report | rms |"
    )
    print("|---|---|---|---|---|---|")
    for name, search in SEARCHES.items():
        for images in sizes:
            rows = np.array([reports(search, images, seed) for seed in range(repetitions)])
            one, two, every, by_two, by_one, by_all = rows.T
            crossed = (by_one + by_two) / 2
            for how, true, error in (
                ("a half, the other half", one, by_two - one),
                ("all, halves crossed", every, crossed - every),
                ("all, all", every, by_all - every),
            ):
                print(f"| {name} | {images} | {how} | {100 * true.mean():.2f} | {shown(error)} |")
            gain = every - (one + two) / 2
            print(f"| {name} | {images} | all less half | {shown(gain)} | | |", flush=True)


def second_table(repetitions: int, replicates: int, sizes: Sequence[int]) -> None:
    print(
        "| noise of networks | images | true difference | error | rms | half width | holds "
        "| half width of pairs | holds |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for kinds in (0.0, 0.5, 1.5):
        for images in sizes:
            rows = [coverage(images, seed, replicates, kinds=kinds) for seed in range(repetitions)]
            found, half, true, pairs = np.array(rows).T
            widths = [
                f"{100 * width.mean():.2f} | {100 * np.mean(np.abs(found - true) <= width):.1f}"
                for width in (half, pairs)
            ]
            print(
                f"| {kinds} | {images} | {100 * true.mean():.2f} | {shown(found - true)} | "
                f"{' | '.join(widths)} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--replicates", type=int, default=40)
    parser.add_argument("--images", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--table", choices=("reports", "intervals", "both"), default="both")
    options = parser.parse_args()
    if options.table != "intervals":
        first_table(options.repetitions, options.images)
    if options.table != "reports":
        second_table(options.repetitions, options.replicates, options.images)


if __name__ == "__main__":
    main()
