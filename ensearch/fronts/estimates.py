"""Noisy accuracies -> what they really are, as draws: estimated together or each by itself."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ensearch.core import Evaluation, Floats
from ensearch.fronts import comparison
from ensearch.fronts.comparison import Compared, Rivals
from ensearch.fronts.noise import Noise

if TYPE_CHECKING:
    from ensearch.fronts.pooled import Pooled

DRAWS = 2000
FINER = 4  # times as many draws, where a look has a part of the error: its quantile is further out
# Posterior probability that all intervals of a study hold together. Studies of most worlds are
# wrong much less often than this allows, because the model takes less for known than those worlds
# have alike; but where many near-ties compete as one kind and few as the other (10 + 1 at the
# bottom, 1 + 10 at the top, 500 images), 0.88 was wrong in 27 of 400 studies and 0.91 in 17.
POOLED_LEVEL = 0.91
LEVEL = 0.95
FEWEST_NETWORKS = 6  # with fewer there is no population to learn from


class Estimate(NamedTuple):
    """Estimated accuracies (J), draws of the true ones (R x J), and what can be asked of them.

    `compare` gives the intervals of D at some budgets. `covariance` maps the noise of the
    measurements to the covariance of the estimates, and `influence` (J x J) errors of the
    measurements to those of the estimates.
    """

    accuracies: Floats
    draws: Floats
    compare: Callable[[Sequence[Rivals]], list[Compared]]
    covariance: Callable[[Floats], Floats]
    influence: Floats
    is_pooled: bool


def estimate(
    evaluations: Sequence[Evaluation],
    noise: Noise,
    rng: np.random.Generator,
    share: float = 1.0,
) -> Estimate:
    """Estimate accuracies of which the same images select the best.

    All together, unless there are few networks or one does not look like the others. Intervals may
    be wrong as often as a `share` of the error of a study that is looked at once, see `spending`.
    """
    if len(np.unique(noise.networks)) >= FEWEST_NETWORKS:
        from ensearch.fronts import pooled  # SciPy's start takes as long as all else of a command's

        model = pooled.fit(evaluations, noise, rng)
        if model.fits:
            return together(model, rng, _level(POOLED_LEVEL, share), _count(share))
    return each_by_itself(noise, rng, share)


def _level(whole: float, share: float) -> float:
    return 1 - share * (1 - whole)


def _count(share: float) -> int:
    return DRAWS if share >= 1 else FINER * DRAWS


def together(
    model: "Pooled", rng: np.random.Generator, level: float, count: int = DRAWS
) -> Estimate:
    """Return the estimates of a model, whose intervals hold together with this probability."""
    draws = model.draws(count, rng)
    return Estimate(
        accuracies=draws.mean(axis=0),
        draws=draws,
        compare=lambda rivals: comparison.by_draws(draws, rivals, level),
        covariance=model.covariance,
        influence=model.influence(),
        is_pooled=True,
    )


def each_by_itself(
    noise: Noise, rng: np.random.Generator, share: float = 1.0, *, selected: bool = False
) -> Estimate:
    """Return the measured accuracies, compared with the allowance of multiple comparisons.

    None is made where another split `selected` the best, so that there is no luck to allow for.
    `share` as in `estimate`.
    """
    level = _level(LEVEL, share)
    nothing = np.zeros(len(noise.accuracies))
    deviates = rng.multivariate_normal(
        nothing, noise.covariance, _count(share), "ignore", method="eigh"
    )
    draws = noise.accuracies + deviates

    def compare(rivals: Sequence[Rivals]) -> list[Compared]:
        if selected:
            return comparison.by_draws(draws, rivals, level)
        return comparison.by_themselves(noise, rivals, deviates, level)

    return Estimate(
        accuracies=noise.accuracies,
        draws=draws,
        compare=compare,
        covariance=lambda covariance: covariance,
        influence=np.eye(len(noise.accuracies)),
        is_pooled=False,
    )
