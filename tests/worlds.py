"""Studies that never ran: evaluations with known accuracies, for tests of what reads results."""

import functools
import math
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from ensearch.core import Architecture, Cost, Evaluation, Schedule, Scores, SubsetHits
from ensearch.fronts import FrontRow, Fronts, Verdict, Zone, analysis
from ensearch.report.study.findings import Conditions
from ensearch.report.study.results import Results

SCHEDULE = Schedule(epochs=10, flip=True, crop=4)


def evaluation(
    size: int, depth: int, width: float, macs: int, accuracy: float, split: str = "val"
) -> Evaluation:
    """`size` members of `depth`-`width`; `macs` is the cost of the whole ensemble."""
    return Evaluation(
        architecture=Architecture(family="wide_resnet", width=width, depth=depth, resolution=32),
        schedule=SCHEDULE,
        size=size,
        trained=size,
        subsets=1,
        split=split,
        cost=Cost(macs=macs, params=macs // 1000),
        train_macs=3.0 * macs * 45_000 * 10,
        scores=Scores(
            accuracy=accuracy,
            nll=0.5,
            nll_scaled=0.4,
            brier=0.25,
            ece=0.02,
            disagreement=0.1,
            member_accuracy=accuracy,
        ),
    )


def conditions(**changes: object) -> Conditions:
    values = {
        "study": "cifar10-wide_resnet-5G",
        "dataset": "cifar10",
        "classes": 10,
        "images": {"train": 45_000, "val": 5_000, "test": 10_000},
        "limit_train": None,
        "family": "wide_resnet",
        "schedule": SCHEDULE,
        "stage": "search",
        "split": "val",
        "sizes": (1, 2, 4, 8),
        "epochs": (),
        "seed": 0,
        "rule": "arithmetic",
        "sampler": "tpe",
        "budget": 5e9,
        "budgets": (1.25e9, 2.5e9, 5e9),
        "flops_per_mac": 1,
    }
    return Conditions(**(values | changes))  # type: ignore[arg-type]


def results(fronts: analysis.Fronts, evaluations: list[Evaluation], **changes: object) -> Results:
    return Results(
        conditions=conditions(**changes),
        config={"name": "cifar10-wide_resnet-5G"},
        environment={"python": "3.11"},
        evaluations=tuple(evaluations),
        fronts=fronts,
        trials_done=41,
        trials_failed=2,
        failures={"diverged": 1, "killed": 1},
        members=63,
        train_macs=1.2e15,
        train_seconds=11_520.0,
        notes=(),
    )


@functools.cache
def surrogate(
    depths: tuple[int, ...], rungs: int, images: int, gain: float = 0.8, seed: int = 0
) -> Results:
    """A world in which ensembles gain more the larger their members are.

    error(m, f) = 0.02 + R (1 - v (1 - 1/m)) with f the multiply-adds of a member,
    R = 0.06 (f / 1e8)**-0.25 (1 + 0.15 ln(depth / 20)**2) and v = gain f / (f + 2e8).
    """
    budget, rng = 5e9, np.random.default_rng(seed)
    steps = tuple(sorted(budget / 2 ** (j / 2) for j in range(rungs)))
    shared = rng.standard_normal(images)
    evaluations: list[Evaluation] = []
    hits: dict[str, SubsetHits] = {}
    for rung in steps:
        for size in (1, 2, 4, 8):
            for depth in depths:
                width = math.sqrt(rung / size / (1.7e6 * depth))
                width = math.floor(width * 16) / 16
                if width < 0.25:
                    continue
                macs = 1.7e6 * depth * width**2
                error = 0.06 * (macs / 1e8) ** -0.25 * (1 + 0.15 * math.log(depth / 20) ** 2)
                error *= 1 - gain * macs / (macs + 2e8) * (1 - 1 / size)
                threshold = NormalDist().inv_cdf(0.02 + error) * math.hypot(1, 0.3)
                subsets = ((0,), (1,)) if size == 1 else (tuple(range(size)),)
                hit = shared + 0.3 * rng.standard_normal((len(subsets), images)) > threshold
                found = evaluation(size, depth, width, int(size * macs), float(hit.mean()))
                if found.key not in hits:
                    hits[found.key] = SubsetHits(subsets=subsets, hits=hit)
                    found = replace(found, trained=max(2, size), subsets=len(subsets))
                    evaluations.append(found)
    fronts = analysis.analyse(evaluations, steps, hits)
    shares = {"train": 45_000, "val": images, "test": 10_000}
    return results(fronts, evaluations, budgets=steps, images=shares)


def fronts_of(*rows: FrontRow, **more: Any) -> Fronts:
    """Fronts that nothing but these rows, and `more` fields, say anything of."""
    return Fronts(rows=rows, **more)


def row(
    budget: float,
    one: Evaluation | None,
    many: Evaluation | None,
    verdict: Verdict = "undecided",
    ends: tuple[float, float, float] | None = None,
) -> FrontRow:
    """A row with its advantage and what bounds it; without them its costs are not matched."""
    advantage, low, high = ends or (None, None, None)
    is_single = many is None or (advantage is not None and advantage <= 0)
    return FrontRow(
        budget=budget,
        single=one,
        ensemble=many,
        advantage=advantage,
        low=low,
        high=high,
        matched=ends is not None,
        verdict=verdict,
        take=one if is_single else many,
        runner_up=many if is_single else one,
        expected_loss=None if ends is None else 0.001,
    )


def handmade(**changes: object) -> Results:
    """Singles win at 1.25G, nothing is matched at 2.5G, ensembles win at 5G."""
    small, large = (
        evaluation(1, 10, 2.0, 1_200_000_000, 0.90),
        evaluation(1, 28, 10.0, 4_900_000_000, 0.93),
    )
    pair, four = (
        evaluation(2, 10, 1.25, 1_250_000_000, 0.88),
        evaluation(4, 10, 2.0, 4_800_000_000, 0.95),
    )
    fronts = fronts_of(
        row(1.25e9, small, pair, "single", (-0.02, -0.03, -0.01)),
        row(2.5e9, small, pair),
        row(5e9, large, four, "ensembles", (0.02, 0.005, 0.035)),
        zone=Zone(status="crossed", low=1.25e9, high=5e9),
    )
    return results(fronts, [small, pair, four, large], **changes)
