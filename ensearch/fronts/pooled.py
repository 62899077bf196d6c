"""A model of all accuracies at once, so that each network also learns from its neighbours.

On the logit scale an ensemble of m members of a network n that cost 2^x multiply-adds each has

    f(x) + u_n + h (g(x) + v_n) + what is particular to its size and total cost,    h = 1 - 1/m:

the curve of single networks and the gain of averaging, both smooth over cost, with an offset and a
gain for each network and for each group of networks that differ in width alone. All are normal
(a Gaussian process; Rasmussen and Williams 2006, chapters 2 and 5). The gain follows 1 - 1/m, as
the Brier score does exactly, but terms in log2 m, in m > 1 and for every size let it deviate.

How wide each part varies is learned from the study: 12 scales, by their posterior mode and draws
around it. Where networks or groups do not look like draws of one population, `fits` says so: each
is left out in turn and predicted from the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import chdtrc
from threadpoolctl import threadpool_limits

from ensearch.core import Evaluation, Floats
from ensearch.fronts.noise import Noise
from ensearch.fronts.scales import HIGH, LOW, MIDDLE, WIDTHS, Kernels

POINTS = 20  # draws of the scales around their mode
SURPRISE = 0.05  # below this p-value, over all networks and over all groups, the model is left


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pooled:
    """The posterior of J accuracies: a mixture over values of the scales.

    `mode` and `weights` are of the scales. `fits` tells whether every network, and every group,
    could be predicted from the others.
    """

    kernels: Kernels
    noise: Noise
    mode: Floats
    points: Floats
    weights: Floats
    fits: bool

    def draws(self, count: int, rng: np.random.Generator) -> Floats:
        """Return draws of the true accuracies, count x J."""
        target, errors = _on_logits(self.noise)
        result = []
        each = rng.multinomial(count, self.weights)
        for scales, n in zip(self.points[each > 0], each[each > 0], strict=True):
            mean, covariance = _posterior(self.kernels.covariance(scales), errors, target)
            result.append(rng.multivariate_normal(mean, covariance, n, "ignore", method="cholesky"))
        return np.asarray(1 / (1 + np.exp(-np.concatenate(result))))

    def covariance(self, noise: Floats) -> Floats:
        """Return the posterior covariance (squared fractions) if the noise were this one."""
        slope = _slopes(self.noise)
        errors = _floored(noise / np.outer(slope, slope))
        prior = self.kernels.covariance(self.mode)
        _, covariance = _posterior(prior, errors, np.zeros(len(slope)))
        return np.asarray(covariance * np.outer(slope, slope))


def fit(evaluations: Sequence[Evaluation], noise: Noise, rng: np.random.Generator) -> Pooled:
    """Return the posterior of the evaluations' accuracies. Takes 0.1 s for 60, 0.4 s for 150."""
    with threadpool_limits(1):  # matrices this small are slower on two threads
        kernels = Kernels.of(evaluations, noise.networks)
        target, errors = _on_logits(noise)

        def loss(scales: Floats) -> tuple[float, Floats]:
            return _loss(kernels, scales, target, errors)

        bounds = list(zip(LOW, HIGH, strict=True))
        found = minimize(loss, MIDDLE, jac=True, method="L-BFGS-B", bounds=bounds)
        mode = np.asarray(found.x)
        points, weights = _around(loss, mode, found.fun, rng)
        return Pooled(
            kernels=kernels,
            noise=noise,
            mode=mode,
            points=points,
            weights=weights,
            fits=_fits(kernels.covariance(mode) + errors, target, (noise.networks, kernels.groups)),
        )


def _inside(noise: Noise) -> Floats:
    """The accuracies with half an error and half a hit more: none is 0 or 1."""
    return np.asarray((noise.accuracies * noise.count + 0.5) / (noise.count + 1))


def _slopes(noise: Noise) -> Floats:
    """d accuracy / d logit."""
    p = _inside(noise)
    return np.asarray(p * (1 - p))


def _on_logits(noise: Noise) -> tuple[Floats, Floats]:
    p, slope = _inside(noise), _slopes(noise)
    return np.log(p / (1 - p)), _floored(noise.covariance / np.outer(slope, slope))


def _floored(errors: Floats) -> Floats:
    return np.asarray(errors + 1e-6 * np.eye(len(errors)))


def _posterior(prior: Floats, errors: Floats, target: Floats) -> tuple[Floats, Floats]:
    root = cholesky(prior + errors, lower=True, check_finite=False)
    half = solve_triangular(root, prior, lower=True, check_finite=False)
    mean = half.T @ solve_triangular(root, target, lower=True, check_finite=False)
    covariance = prior - half.T @ half
    return mean, (covariance + covariance.T) / 2 + 1e-9 * np.eye(len(mean))


def _loss(kernels: Kernels, scales: Floats, target: Floats, errors: Floats) -> tuple[float, Floats]:
    """Minus the log posterior of the scales, with its gradient."""
    covariance, slopes = kernels.with_slopes(scales)
    root = cholesky(covariance + errors, lower=True, check_finite=False)
    weights = cho_solve((root, True), target, check_finite=False)
    inverse = cho_solve((root, True), np.eye(len(target)), check_finite=False)
    away = (scales - MIDDLE) / WIDTHS
    value = 0.5 * target @ weights + np.log(np.diag(root)).sum() + 0.5 * away @ away
    gradient = -0.5 * slopes(np.outer(weights, weights) - inverse)
    return float(value), gradient + away / WIDTHS


def _around(
    loss: Callable[[Floats], tuple[float, Floats]],
    mode: Floats,
    least: float,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Draws of the scales from the normal at the mode, and the weights that make them exact."""
    step = 0.05 * WIDTHS
    level = loss(mode)[1]
    curvature = np.array([(loss(mode + move)[1] - level) / move.sum() for move in np.diag(step)])
    curvature = (curvature + curvature.T) / 2 * np.outer(WIDTHS, WIDTHS)
    sizes, axes = np.linalg.eigh(curvature)
    # The prior's curvature is 1 on this scale: what is flatter is an error of the differences.
    spread = axes / np.sqrt(np.maximum(sizes, 0.5))
    normal = rng.standard_normal((POINTS, len(mode)))
    points = mode + WIDTHS * (normal @ spread.T)
    values = np.array([loss(point)[0] for point in points])
    log_weights = least - values + 0.5 * (normal**2).sum(axis=1)
    weights = np.exp(log_weights - log_weights.max())
    return points, weights / weights.sum()


def _fits(covariance: Floats, target: Floats, partitions: Sequence[npt.NDArray[np.intp]]) -> bool:
    """Whether every part of a partition could be predicted from the other parts.

    Left out, part I has the residual C_II^-1 (C target)_I with covariance C_II^-1, C the inverse
    of the covariance, so that its square in these units is chi-squared. Bonferroni over the parts.
    """
    inverse = np.linalg.inv(covariance)
    pull = inverse @ target
    for parts in partitions:
        names = np.unique(parts)
        for part in (np.flatnonzero(parts == name) for name in names if len(names) > 1):
            square = pull[part] @ np.linalg.solve(inverse[np.ix_(part, part)], pull[part])
            if chdtrc(len(part), square) * len(names) < SURPRISE:
                return False
    return True
