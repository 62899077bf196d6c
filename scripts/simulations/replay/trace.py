"""A strategy replayed on a world: what its belief was worth after every trial."""

import numpy as np

from ensearch.core import Floats
from scripts.simulations.replay.score import crossover, front_hypervolume, known, matrix, regret
from scripts.simulations.replay.variants import VARIANTS
from scripts.simulations.replay.world import World


def replay(world: World, variant: str, seed: int, horizon: float) -> dict[str, Floats]:
    """Return the trace of each belief of a strategy, one row after every trial.

    `horizon` and the first column are multiply-adds spent, in trainings of one network of the
    whole budget. Then: hypervolume over the table's best by two references, the accuracy of the
    cheapest single network and chance; regret; |log2| of the believed crossover over the table's,
    NaN without one.
    """
    unit = world.train_factor * world.budget
    references = (float(world.truth.flat[world.cost.argmin()]), 1 / world.classes)
    best = [front_hypervolume(world, known(world), reference) for reference in references]
    true = crossover(world, known(world))
    rows: dict[str, list[tuple[float, ...]]] = {}
    for step in VARIANTS[variant](world, seed, horizon * unit):
        for name, belief in step.beliefs.items():
            believed = matrix(world, belief)
            volumes = (
                front_hypervolume(world, believed, reference) / top
                for reference, top in zip(references, best, strict=True)
            )
            row = (*volumes, regret(world, believed), octaves(crossover(world, believed), true))
            rows.setdefault(name, []).append((step.spent / unit, *row))
    return {name: np.array(trace) for name, trace in rows.items()}


def octaves(believed: float | None, true: float | None) -> float:
    """Return the distance of two crossovers; NaN if either does not exist in the open range."""
    if not believed or not true or not np.isfinite([believed, true]).all():
        return float("nan")
    return abs(float(np.log2(believed / true)))
