"""Time and memory of `front.analyse` against a plain loop that does the same, in one run.

    python -m scripts.benchmarks.front

200 networks x 8 members x 5,000 images x 10 classes: probabilities of one network at a time are
drawn and reduced to the hits of its ensembles of 1, 2, 4 and 8, then the 800 evaluations are
analysed with 2,000 replicates. The loop does the least that a replicate needs: draw images, take
them from the hits, average, choose both fronts; its time is that of 5 replicates, times 400.
"""

import argparse
import math
import resource
import time
from collections.abc import Sequence

import numpy as np

from ensearch.core import Architecture, Cost, Evaluation, Schedule, Scores, SubsetHits
from ensearch.ensembles.averaging import average, subsets
from ensearch.fronts import analysis

SIZES = (1, 2, 4, 8)
MEMBERS, CLASSES = 8, 10
RUNGS = tuple(1e8 * 2 ** (k / 2) for k in range(10))


def drawn(
    networks: int, images: int, seed: int = 0
) -> tuple[list[Evaluation], dict[str, SubsetHits]]:
    """Evaluations of all sizes of networks from 1e7 to 3e9 multiply-adds, and their outcomes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, images)
    shared = rng.standard_normal((images, CLASSES))
    evaluations: list[Evaluation] = []
    outcomes: dict[str, SubsetHits] = {}
    for k, macs in enumerate(np.geomspace(1.2e7, RUNGS[-1], networks)):
        logits = 1.5 * shared + rng.standard_normal((MEMBERS, images, CLASSES))
        logits[:, np.arange(images), labels] += 2.0 + 0.3 * math.log(macs / 1e7)
        probs = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
        for size in SIZES:
            chosen = subsets(MEMBERS, size)
            hits = np.stack([average(probs[list(s)]).argmax(axis=1) == labels for s in chosen])
            evaluations.append(_evaluation(k, size, int(macs), float(hits.mean())))
            outcomes[evaluations[-1].key] = SubsetHits(subsets=tuple(chosen), hits=hits)
    return evaluations, outcomes


def _evaluation(place: int, size: int, macs: int, accuracy: float) -> Evaluation:
    rest = dict.fromkeys(("nll", "nll_scaled", "brier", "ece", "disagreement"), 0.0)
    return Evaluation(
        architecture=Architecture(family="bench", width=1 + place, depth=10, resolution=32),
        schedule=Schedule(epochs=1),
        size=size,
        trained=MEMBERS,
        subsets=math.comb(MEMBERS, size),
        split="val",
        cost=Cost(macs=macs, params=1).times(size),
        train_macs=0.0,
        scores=Scores(accuracy=accuracy, member_accuracy=accuracy, **rest),
    )


def plain(
    evaluations: Sequence[Evaluation], outcomes: dict[str, SubsetHits], replicates: int
) -> float:
    """Seconds of a loop over replicates, evaluations and budgets."""
    tables = [outcomes[e.key].hits for e in evaluations]
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(replicates):
        images = rng.integers(0, tables[0].shape[1], tables[0].shape[1])
        accuracies = [float(hits[:, images].mean()) for hits in tables]
        for budget in RUNGS:
            for singles in (True, False):
                max(
                    accuracy
                    for e, accuracy in zip(evaluations, accuracies, strict=True)
                    if e.is_single == singles and e.cost.macs <= budget
                )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--replicates", type=int, default=2_000)
    parser.add_argument("--loops", type=int, default=5, help="replicates of the plain loop")
    options = parser.parse_args()
    start = time.perf_counter()
    evaluations, outcomes = drawn(options.networks, options.images)
    before = resource.getrusage(resource.RUSAGE_SELF)
    print(f"scored {len(evaluations)} evaluations in {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    found = analysis.analyse(evaluations, RUNGS, outcomes, replicates=options.replicates)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    loop = plain(evaluations, outcomes, options.loops) * options.replicates / options.loops
    print(f"analyse: {wall:.1f} s, {cpu:.1f} s of processor time; {found.crossover.sentence}")
    print(
        f"peak memory of the process: {after.ru_maxrss / 2**20:.2f} GiB, of which "
        f"{before.ru_maxrss / 2**20:.2f} GiB before the analysis"
    )
    print(f"plain loop: {loop:.0f} s, {loop / wall:.0f} times as long")


if __name__ == "__main__":
    main()
