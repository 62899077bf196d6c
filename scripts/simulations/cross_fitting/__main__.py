"""What a search's choices are worth and what it says of them, in pools whose truth is known.

    python -m scripts.simulations.cross_fitting --table cuts --repetitions 100 --images 500

reports: three ways to choose an ensemble and to report its accuracy. cuts: what averaging over
several cuts into halves gains, and how often intervals hold the truth. bands: how often those of
several kinds do at once. tries: what a longer search gains on images that it has not seen.
README.md keeps the results.
"""

import argparse
import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ensearch.core import Floats, Labels
from ensearch.ensembles import cascade_selection, cross_fitting, paired_differences, selection
from ensearch.ensembles.candidates import Candidates
from ensearch.ensembles.cross_fitting import Found, Search, apply, halves
from ensearch.pool import results
from scripts.simulations.cross_fitting.pools import World

BUDGET = 6e6  # six of the cheapest members, or one of the dearest
MANY = 20_000  # images that tell the truth, to 0.35 points; the same for all that is compared
SEARCHES: dict[str, Search] = {
    "greedy": selection.greedy,
    "best of many": partial(selection.best_of_many, tries=3_000),
    "cascades, 2 stages": partial(cascade_selection.search, max_stages=2),
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


KINDS: dict[str, Search] = {
    "single": selection.singles,
    "same architecture": partial(selection.copies, tries=500),
    "mixed": partial(selection.best_of_many, tries=500),
    "cascade": partial(cascade_selection.search, orders=100, max_stages=2, levels=16),
}
PAIRS = (("same architecture", "mixed"), ("single", "mixed"), ("single", "cascade"))
NUMBERS = (1, 2, 4, 8)  # of cuts
BUDGETS = [BUDGET / 2, BUDGET]


def over_cuts(images: int, seed: int, cuts: int, **noise: float) -> dict[str, list[float]]:
    """By kind and pair, at BUDGET: estimate, truth, half width by replicates, and without choices.

    Without choices means that the standard error is that of the images' hits, or pairs, as given.
    """
    world = World(seed, **noise)
    candidates, labels = world.draw(images, 2 * seed)
    truth = world.draw(MANY, 2 * seed + 1)
    found, true, judged = {}, {}, {}
    for kind, search in KINDS.items():
        one = cross_fitting.checked(search, candidates, labels, BUDGETS, cuts=cuts, seed=seed)
        choice = one.choices[-1]
        assert choice is not None
        found[kind], true[kind] = one.hits[-1], apply(choice, *truth).accuracy
        judged[kind] = paired_differences.crossed(one)
    rows = {}
    for kind, hits in found.items():
        low, high = results.wilson(float(hits.mean()), images)
        half = 1.96 * float(judged[kind].drawn[:, -1].std(ddof=1))
        rows[kind] = [float(hits.mean()), true[kind], half, (high - low) / 2]
    for a, b in PAIRS:
        (lead,) = paired_differences.leads([((judged[a], 1), (judged[b], 1))])
        assert lead is not None
        alone = 1.96 * float((found[b] - found[a]).std()) / np.sqrt(images)
        half = (lead.high - lead.low) / 2
        rows[f"{b} less {a}"] = [lead.difference, true[b] - true[a], half, alone]
    return rows


def held_at_once(images: int, seed: int, **noise: float) -> list[bool]:
    """Whether the band over all kinds less single networks holds; then each interval alone."""
    world = World(seed, **noise)
    candidates, labels = world.draw(images, 2 * seed)
    truth = world.draw(MANY, 2 * seed + 1)
    judged, true = {}, {}
    for kind, search in KINDS.items():
        one = cross_fitting.checked(search, candidates, labels, BUDGETS, seed=seed)
        judged[kind] = paired_differences.crossed(one)
        true[kind] = [apply(choice, *truth).accuracy for choice in one.choices if choice]
    places = [(kind, k) for kind in list(KINDS)[1:] for k in range(len(BUDGETS))]
    pairs = [((judged["single"], k), (judged[kind], k)) for kind, k in places]
    found = []
    for band in (
        paired_differences.leads(pairs),
        [paired_differences.leads([pair])[0] for pair in pairs],
    ):
        inside = [
            lead.low <= true[kind][k] - true["single"][k] <= lead.high
            for (kind, k), lead in zip(places, band, strict=True)
            if lead is not None
        ]
        found.append(all(inside))
    return found


def shown(errors: Floats) -> str:
    """Mean with its standard error, and root mean square, in points."""
    error = errors.std(ddof=1) / np.sqrt(len(errors))
    return (
        f"{100 * errors.mean():+.2f} ± {100 * error:.2f} | {100 * np.sqrt((errors**2).mean()):.2f}"
    )


def report_table(repetitions: int, sizes: Sequence[int]) -> None:
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


def cut_table(repetitions: int, sizes: Sequence[int], noises: Sequence[float]) -> None:
    print(
        "| noise of networks | images | accuracy of | cuts | error | rms | half width | holds "
        "| without choices | holds |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kinds, images, cuts in itertools.product(noises, sizes, NUMBERS):
        every = [over_cuts(images, seed, cuts, kinds=kinds) for seed in range(repetitions)]
        for name in every[0]:
            found, true, half, alone = np.array([rows[name] for rows in every]).T
            error = found - true
            widths = [
                f"{100 * width.mean():.2f} | {100 * np.mean(np.abs(error) <= width + 1e-12):.0f}"
                for width in (half, alone)
            ]
            print(
                f"| {kinds} | {images} | {name} | {cuts} | {shown(error)} | {' | '.join(widths)} |",
                flush=True,
            )


def band_table(repetitions: int, sizes: Sequence[int], noises: Sequence[float]) -> None:
    print("| noise of networks | images | 6 intervals hold at once, as a band | each alone |")
    print("|---|---|---|---|")
    for kinds, images in itertools.product(noises, sizes):
        rows = [held_at_once(images, seed, kinds=kinds) for seed in range(repetitions)]
        band, alone = 100 * np.mean(rows, axis=0)
        print(f"| {kinds} | {images} | {band:.0f} | {alone:.0f} |", flush=True)


def try_table(repetitions: int, sizes: Sequence[int]) -> None:
    tries = (100, 500, 1_000, 5_000)
    print(f"| images | {' | '.join(f'{n:,} less {tries[-1]:,}' for n in tries[:-1])} |")
    print("|---|---|---|---|")
    for images in sizes:
        rows = []
        for seed in range(repetitions):
            world = World(seed, networks=10, members=5)
            candidates, labels = world.draw(images, 2 * seed)
            truth = world.draw(MANY, 2 * seed + 1)
            found = [
                selection.best_of_many(
                    candidates, labels, [BUDGET / 4, BUDGET / 2, BUDGET], tries=n
                )
                for n in tries
            ]
            rows.append([apply(choices[-1], *truth).accuracy for choices in found if choices[-1]])
        gaps = np.array(rows)[:, :-1] - np.array(rows)[:, -1:]
        print(f"| {images} | {' | '.join(shown(gap).split(' |')[0] for gap in gaps.T)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--images", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.5, 1.5])
    parser.add_argument("--table", choices=("reports", "cuts", "bands", "tries"), required=True)
    options = parser.parse_args()
    if options.table == "reports":
        report_table(options.repetitions, options.images)
    elif options.table == "cuts":
        cut_table(options.repetitions, options.images, options.noise)
    elif options.table == "bands":
        band_table(options.repetitions, options.images, options.noise)
    else:
        try_table(options.repetitions, options.images)


if __name__ == "__main__":
    main()
