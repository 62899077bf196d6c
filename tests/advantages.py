"""Evaluations of toy networks whose ensembles have a known advantage over single networks.

A network costs its width in giga multiply-adds, an ensemble `size` times that.
"""

import numpy as np
import numpy.typing as npt

from ensearch.core import Architecture, Cost, Evaluation, Schedule, Scores, SubsetHits
from ensearch.fronts import MARGIN, analysis
from ensearch.fronts.noise import Noise

G = 10**9
IMAGES = 2000
Table = list[tuple[float, int, float]]  # width, size, accuracy


def evaluation(width: float, size: int, accuracy: float, split: str = "val") -> Evaluation:
    return Evaluation(
        architecture=Architecture(family="toy", width=width, depth=10, resolution=8),
        schedule=Schedule(epochs=1),
        size=size,
        trained=size,
        subsets=1,
        split=split,
        cost=Cost(macs=round(width * G), params=1).times(size),
        train_macs=0,
        scores=Scores(
            accuracy=accuracy,
            nll=0,
            nll_scaled=0,
            brier=0,
            ece=0,
            disagreement=0,
            member_accuracy=accuracy,
        ),
    )


def rows_of(table: Table) -> list[Evaluation]:
    return [evaluation(*entry) for entry in table]


def outcomes_of(size: int, hits: npt.NDArray[np.bool_]) -> SubsetHits:
    """The outcomes of one ensemble."""
    return SubsetHits(subsets=(tuple(range(size)),), hits=hits[None])


def hits_of(table: Table, members: int = 1) -> dict[str, SubsetHits]:
    """Single networks hit the first images. Ensembles miss 10 of those and hit 10 others.

    So the images alone give an advantage of 0 a standard error of sqrt(20) / 2000 = 0.0022. The
    `members` of a single network are all alike.
    """
    places, found = np.arange(IMAGES), {}
    for e, (_, size, accuracy) in zip(rows_of(table), table, strict=True):
        first = round(accuracy * IMAGES)
        if size == 1:
            subsets = tuple((member,) for member in range(members))
            hits = np.repeat((places < first)[None], members, axis=0)
            found[e.key] = SubsetHits(subsets=subsets, hits=hits)
        else:
            found[e.key] = outcomes_of(size, (places >= 10) & (places < first + 10))
    return found


def analyse(
    table: Table, budgets: list[float], seed: int = 0, margin: float = MARGIN, members: int = 7
) -> analysis.Fronts:
    scaled, hits = [b * G for b in budgets], hits_of(table, members)
    return analysis.analyse(rows_of(table), scaled, hits, seed=seed, margin=margin)


def ladder(advantages: list[float], single: float = 0.5) -> tuple[Table, list[float]]:
    """At 1, 2, 4 ... G one single network and one ensemble of 2, with these advantages.

    Both fronts rise by 0.1 at each step, so that the most expensive is the best.
    """
    table: Table = []
    for k, advantage in enumerate(advantages):
        accuracy = single + 0.1 * k
        table += [(2.0**k, 1, accuracy), (2.0**k / 2, 2, accuracy + advantage)]
    return table, [2.0**k for k in range(len(advantages))]


def noise_of(
    rows: list[Evaluation],
    images: float,
    members: float = 0.0,
    *,
    both: float = 0.0,
    trained: int = 3,
    count: int = 1_000_000,
    degrees: int = 100,
) -> Noise:
    """Independent noise of known variances; no two evaluations share what their members do."""
    one = np.eye(len(rows))
    return Noise(
        accuracies=np.array([e.scores.accuracy for e in rows]),
        images=images * one,
        both=both * one,
        members=members * one,
        count=count,
        networks=np.unique([e.network for e in rows], return_inverse=True)[1].astype(np.intp),
        trained=np.full(len(rows), float(trained)),
        degrees=degrees,
    )
