"""Methods that read verdicts off a study. A new one is a function, and an entry of METHODS."""

import math
from collections.abc import Sequence
from dataclasses import replace

from ensearch.core import Evaluation
from ensearch.fronts import Fronts, Zone, analyse
from scripts.simulations.verdicts.interface import Answer, Hits, Method, row_verdict
from scripts.simulations.verdicts.losers import LOSERS
from scripts.simulations.verdicts.study import Study


def fronts(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: Hits,
    margin: float,
    seed: int,
) -> Answer:
    """Return what a report says: its verdicts, what to take, and the zone of the crossover."""
    return said(analyse(evaluations, budgets, hits, seed=seed, margin=margin))


def fronts_of_two_splits(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: Hits,
    margin: float,
    seed: int,
) -> Answer:
    """Return what a report says where one half of the images chooses, and the other half scores."""
    choosing, scoring = (_half(evaluations, hits, second=second) for second in (False, True))
    front = analyse(
        scoring.evaluations,
        budgets,
        scoring.hits,
        selected_on=choosing.evaluations,
        seed=seed,
        margin=margin,
    )
    return said(front)


METHODS: dict[str, Method] = {
    "fronts": fronts,
    "fronts of two splits": fronts_of_two_splits,
    **LOSERS,
}


def said(front: Fronts) -> Answer:
    """Return what fronts say, as an answer."""
    return Answer([row_verdict(row) for row in front.rows], _within(front.zone))


def _within(zone: Zone) -> tuple[float, float] | None:
    """Where the crossover lies by what is said of the study as a whole, None if nothing is."""
    match zone.status:
        case "crossed":
            return zone.low or 0.0, zone.high or math.inf
        case "ensembles":
            return 0.0, zone.low or math.inf
        case "singles" | "crosses back":
            return zone.high or 0.0, math.inf
    return None


def _half(evaluations: Sequence[Evaluation], hits: Hits, *, second: bool) -> Study:
    """The same members on one half of the images."""
    half = {}
    for key, of_subsets in hits.items():
        middle = of_subsets.hits.shape[1] // 2
        part = of_subsets.hits[:, middle:] if second else of_subsets.hits[:, :middle]
        half[key] = replace(of_subsets, hits=part)
    scored = [
        replace(e, scores=replace(e.scores, accuracy=float(half[e.key].hits.mean())))
        for e in evaluations
    ]
    return Study(scored, half)
