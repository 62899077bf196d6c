"""The best ensemble against the best single network at each budget, with joint intervals.

To say that ensembles are ahead, one ensemble that can be named has to beat every single network;
to say that they are behind, one single network has to beat every ensemble. So the lower end of
D(B) is about the named ensemble and the best of all single networks, whichever that is, and the
upper end the other way round: that one of many near-ties looks best by luck cannot widen a lead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats
from ensearch.fronts.matching import best_of
from ensearch.fronts.noise import Noise

Indices = npt.NDArray[np.intp]
CONTENDERS = 3.0  # standard errors below the best within which a rival may be the best


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rivals:
    """What fits into one budget: indices of single networks and of ensembles, none empty.

    `counts` tells whether the budget takes part in what is claimed together.
    """

    singles: Indices
    ensembles: Indices
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The named best of both kinds, by index, and D between them (fractions of accuracy).

    `low` to `high` holds at all budgets that count together. `least` and `most` are the same for
    margins, where only one end can make a verdict wrong: the upper one where D is positive, the
    lower one where it is negative (Stefansson, Kim and Hsu 1988, partitioning). All upper ends hold
    together, and all lower ends do; where D changes its sign among the budgets, either may fail, in
    up to twice as many studies. `loss` is what one loses on average by taking the better of the
    named two instead of the best.
    """

    single: int
    ensemble: int
    advantage: float
    low: float
    high: float
    least: float
    most: float
    loss: float


def by_draws(draws: Floats, rivals: Sequence[Rivals], level: float) -> list[Compared]:
    """Compare by draws of the true accuracies, R x J. The draws are right together in `level`."""
    means = draws.mean(axis=0)
    named, gaps = [], []
    for each in rivals:
        single, ensemble = (best_of(kind, means) for kind in (each.singles, each.ensembles))
        best_single = draws[:, each.singles].max(axis=1)
        best_ensemble = draws[:, each.ensembles].max(axis=1)
        best = np.maximum(best_single, best_ensemble)
        taken = single if means[single] >= means[ensemble] else ensemble
        named.append((single, ensemble, float((best - draws[:, taken]).mean())))
        gaps.append((draws[:, ensemble] - best_single, best_ensemble - draws[:, single]))
    lower, upper, both = _quantiles(gaps, [each.counts for each in rivals], level)
    return [
        Compared(
            single=single,
            ensemble=ensemble,
            advantage=float(means[ensemble] - means[single]),
            low=float(low.mean() - both * low.std()),
            high=float(high.mean() + both * high.std()),
            least=float(low.mean() - lower * low.std()),
            most=float(high.mean() + upper * high.std()),
            loss=loss,
        )
        for (single, ensemble, loss), (low, high) in zip(named, gaps, strict=True)
    ]


def _quantiles(
    gaps: Sequence[tuple[Floats, Floats]], counts: Sequence[bool], level: float
) -> tuple[float, float, float]:
    """How many standard deviations all lower ends, all upper ends, and all of them need."""
    chosen = [gap for gap, counted in zip(gaps, counts, strict=True) if counted] or list(gaps)
    below = np.max([-_standard(low) for low, _ in chosen], axis=0)
    above = np.max([_standard(high) for _, high in chosen], axis=0)
    return _levels(below, above, level)


def _levels(below: Floats, above: Floats, level: float) -> tuple[float, float, float]:
    """The quantiles of the lower ends, of the upper ends, and of all ends together."""
    lower, upper, both = (
        float(np.quantile(t, level)) for t in (below, above, np.maximum(below, above))
    )
    return lower, upper, both


def _standard(values: Floats) -> Floats:
    deviation = values.std()
    return np.asarray((values - values.mean()) / deviation if deviation > 0 else 0 * values)


def by_themselves(
    noise: Noise, rivals: Sequence[Rivals], deviates: Floats, level: float
) -> list[Compared]:
    """Compare by the measured accuracies alone, with draws of their errors, R x J.

    Multiple comparisons with the best (Hsu 1981; Dunnett 1955 for the quantile): the lower end is
    the largest over ensembles of the smallest over single networks of their difference less c
    standard errors. c holds for the best of one kind against every contender of the other, at all
    budgets. It assumes nothing of how networks are related, and is wide.
    """
    y, covariance = noise.accuracies, noise.covariance
    variance = np.diag(covariance)
    errors = np.sqrt(np.maximum(variance[:, None] + variance[None] - 2 * covariance, 1e-14))
    below = above = np.full(len(deviates), -np.inf)
    named = []
    for each in rivals:
        single, ensemble = (best_of(kind, y) for kind in (each.singles, each.ensembles))
        named.append((single, ensemble))
        if each.counts or not any(other.counts for other in rivals):
            below = np.maximum(below, _worst(deviates, errors, y, each.ensembles, ensemble, single))
            above = np.maximum(above, _worst(deviates, errors, y, each.singles, single, ensemble))
    lower, upper, both = _levels(below, above, level)
    result = []
    for (single, ensemble), each in zip(named, rivals, strict=True):
        gaps = y[each.ensembles][:, None] - y[each.singles][None]
        widths = errors[np.ix_(each.ensembles, each.singles)]
        difference = deviates[:, ensemble] - deviates[:, single]
        advantage = float(y[ensemble] - y[single])
        result.append(
            Compared(
                single=single,
                ensemble=ensemble,
                advantage=advantage,
                low=float((gaps - both * widths).min(axis=1).max()),
                high=float((gaps + both * widths).max(axis=0).min()),
                least=float((gaps - lower * widths).min(axis=1).max()),
                most=float((gaps + upper * widths).max(axis=0).min()),
                loss=float(np.maximum(0, difference - abs(advantage)).mean()),
            )
        )
    return result


def _worst(
    deviates: Floats, errors: Floats, y: Floats, kind: Indices, best: int, other: int
) -> Floats:
    """The largest standardised error against `other` among those of a kind that may be best."""
    near = kind[y[kind] >= y[best] - CONTENDERS * errors[kind, best]]
    gaps = deviates[:, near] - deviates[:, [other]]
    return np.asarray((gaps / errors[near, other]).max(axis=1))
