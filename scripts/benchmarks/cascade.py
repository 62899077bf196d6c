"""Cascades and ensembles scored per second, against plain loops over them in the same run.

    python -m scripts.benchmarks.cascade

A pool of 20 drawn members on 10,000 images x 10 classes, and all cascades of up to 3 of them by
cost with 32 levels of thresholds at either exit, 1.2 million (order, thresholds) candidates; then
orders of 4 members with 10 levels. The loop computes one cascade after another in numpy, vectorised
over the images. Sampled cascades of both must agree. Then the same for ensembles of the pool. One
process, and threads only where numpy takes them.
"""

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

from ensearch.core import Labels
from ensearch.ensembles import selection
from ensearch.ensembles.candidates import Candidates
from ensearch.ensembles.cascade_selection import by_cost
from ensearch.ensembles.cascades import Grid, cascade, evaluate_many
from ensearch.ensembles.partial_sums import choice
from scripts.simulations.cross_fitting.pools import World


def seconds(work: Callable[[], int], repetitions: int) -> tuple[list[float], int]:
    """Time of each repetition, and what the last one counted."""
    found, count = [], 0
    for _ in range(repetitions):
        start = time.perf_counter()
        count = work()
        found.append(time.perf_counter() - start)
    return found, count


def told(name: str, count: int, times: list[float]) -> float:
    """Prints candidates, seconds and rate; returns the median rate."""
    median = statistics.median(times)
    print(
        f"{name}: {count:,} in {median:.2f} s ({min(times):.2f} to {max(times):.2f}, "
        f"n = {len(times)}), {count / median:,.0f} per second"
    )
    return count / median


def cascades(
    candidates: Candidates, labels: Labels, stages: int, levels: int, options: argparse.Namespace
) -> None:
    ranks = by_cost(candidates, labels)
    orders = [o for s in range(1, stages + 1) for o in itertools.combinations(ranks, s)]
    kept: list[Grid] = []

    def many() -> int:
        kept[:] = evaluate_many(candidates, labels, orders, levels=levels, measure=options.measure)
        return sum(grid.hits.size for grid in kept)

    times, count = seconds(many, options.repetitions)
    print(
        f"\ncascades of up to {stages} of {len(ranks)} members, {len(orders):,} orders, "
        f"{levels} levels, {options.measure}"
    )
    fast = told("  evaluate_many", count, times)
    rng = np.random.default_rng(0)
    picks = [kept[k] for k in rng.integers(0, len(kept), options.loops)]
    chosen = [(grid, int(rng.integers(grid.hits.size))) for grid in picks]

    def plain() -> int:
        for grid, index in chosen:
            one = cascade(candidates, labels, grid.members, grid.at(index), options.measure)
            if round(one.accuracy * len(labels)) != grid.hits.flat[index]:
                raise SystemExit(f"{one} differs from {grid.hits.flat[index]} hits")
            if abs(one.macs - grid.macs.flat[index]) > 1e-6 * one.macs:
                raise SystemExit(f"{one} differs from {grid.macs.flat[index]} macs")
        return len(chosen)

    times, count = seconds(plain, options.repetitions)
    slow = told("  loop", count, times)
    print(f"  {fast / slow:,.0f} times as many per second; {len(chosen)} sampled ones agree")


def ensembles(candidates: Candidates, labels: Labels, options: argparse.Namespace) -> None:
    pool = candidates.only(range(options.exact))
    budget = float(pool.macs.sum())
    print(f"\nall ensembles of {options.exact} members")
    times, _ = seconds(lambda: len(selection.exact(pool, labels, [budget])), options.repetitions)
    fast = told("  exact", 2**options.exact - 1, times)
    rng = np.random.default_rng(0)
    drawn = [np.flatnonzero(rng.random(options.exact) < 0.5).tolist() or [0] for _ in range(100)]
    times, count = seconds(
        lambda: len([choice(pool, labels, members) for members in drawn]), options.repetitions
    )
    slow = told("  loop", count, times)
    print(f"  {fast / slow:,.0f} times as many per second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--exact", type=int, default=13, help="members of the exact search")
    parser.add_argument("--measure", default="max")
    parser.add_argument("--loops", type=int, default=300, help="cascades of the plain loop")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    world = World(0, networks=options.members, members=1)
    candidates, labels = world.draw(options.images, 1)
    print(
        f"{options.members} members, {options.images:,} images x 10 classes, numpy "
        f"{np.__version__}, {os.cpu_count()} cores"
    )
    cascades(candidates, labels, 3, 32, options)
    cascades(candidates, labels, 4, 10, options)
    ensembles(candidates, labels, options)


if __name__ == "__main__":
    main()
