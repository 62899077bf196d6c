"""A fitted surface of error over cost and size: a second opinion on the crossover.

    error(f, m) = e + a f^-alpha - v f^beta (1 - m^-gamma)

with f the multiply-adds of a member in units of their geometric mean and m the size: a power law
of single networks, and a gain from averaging that changes with the member's cost by a free
exponent and saturates in m (Lobacheva et al. 2020, arXiv:2007.08483, fit power laws in both). It
uses all budgets at once, so it is steadier than the fronts where the law holds, and wrong where it
does not; the fronts assume nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.core import Evaluation, Floats
from ensearch.fronts.crossover import WIDTH, crossings, span
from ensearch.units import format_count

NAMES = ("e", "log a", "log alpha", "v", "beta", "log gamma")
# Where the fit starts, and the width of the normal prior that keeps what the points cannot tell
# finite: errors of 0.05 to 0.5, alpha about 0.3, a gain that neither grows nor falls, gamma 1.
START = np.array([0.05, np.log(0.1), np.log(0.3), 0.03, 0.0, 0.0])
PRIOR = np.array([0.3, 2.0, 0.7, 0.3, 0.7, 0.7])
FEWEST = 4  # costs of single networks and of ensembles: below this the curves are mostly prior
STEPS = 40  # of the fit as measured
RESTEPS = 10  # of a refit, which starts where that ended
REFITS = 200
GRID = 65  # budgets at which the fitted fronts are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The crossover by a fitted surface.

    `crossing` is the budget from which the fitted ensembles are ahead, `low` to `high` its 95 %
    interval, all with 0.0 for below the matched budgets and inf for above. `residual` is the root
    mean square error of the fit, a fraction of accuracy, over `points` points.
    """

    crossing: float
    low: float
    high: float
    sentence: str
    parameters: dict[str, float]
    residual: float
    points: int

    @property
    def budget(self) -> float | None:
        """The crossover in multiply-adds per example; None where it is outside the range."""
        return self.crossing if 0 < self.crossing < np.inf else None


def fit(evaluations: Sequence[Evaluation], accuracies: Floats, budgets: Floats) -> Fitted | str:
    """Return the surface that fits the best of each size at each cost, with its noise.

    It is fitted to the accuracies as measured and to those of up to 200 replicates.

    `accuracies` are (1 + R) x evaluations, measured first; `budgets` the matched ones, ascending.
    Returns why not where there are too few costs. Never raises, and stops after 40 steps.
    """
    cells = _cells(evaluations, budgets[0] if len(budgets) else 0.0)
    places = [{at for size, at in cells if (size == 1) == single} for single in (True, False)]
    counts = [len(costs) for costs in places]
    if min(counts) < FEWEST or len(budgets) < 2:
        return (
            f"the fitted surface needs {FEWEST} costs of single networks and of ensembles and 2 "
            f"matched budgets; found {counts[0]}, {counts[1]} and {len(budgets)}"
        )
    rows = accuracies[: 1 + REFITS]
    macs = np.array([e.cost.macs / e.size for e in evaluations])
    unit = float(np.exp(np.log(macs).mean()))
    best = np.stack([np.array(c)[rows[:, c].argmax(axis=1)] for c in cells.values()], axis=1)
    error = 1 - np.take_along_axis(rows, best, axis=1)
    log_f = np.log(macs / unit)[best]
    size = np.broadcast_to([float(m) for m, _ in cells], error.shape)
    # What the points are uncertain by decides how much the prior may say.
    scale = max(float(error[1:].std(axis=0, ddof=1).mean()), 1e-5)
    first = _solve(START[None], STEPS, log_f[:1], size[:1], error[:1], scale)
    starts = np.repeat(first, len(rows) - 1, axis=0)
    thetas = _solve(starts, RESTEPS, log_f[1:], size[1:], error[1:], scale)
    grid = np.geomspace(budgets[0], budgets[-1], GRID)
    sizes = sorted({float(m) for m, _ in cells if m > 1})
    curves = _advantages(np.concatenate([first, thetas]), grid / unit, sizes)
    freedom = max(len(cells) - len(START), 1)
    misfit = float(np.sum((_error(first, log_f[:1], size[:1]) - error[:1]) ** 2))
    # Points that miss the law by more than their noise tell how wrong the law may be in between.
    curves[1:] = curves[0] + (curves[1:] - curves[0]) * max(1.0, np.sqrt(misfit / freedom) / scale)
    residual = float(np.sqrt(misfit / len(cells)))
    return _read(
        curves, grid, dict(zip(NAMES, first[0].tolist(), strict=True)), residual, len(cells)
    )


def _cells(evaluations: Sequence[Evaluation], least: float) -> dict[tuple[int, int], list[int]]:
    """Evaluations of one size whose costs share half a doubling: (size, place) -> indices.

    Only from half a doubling below the least budget on: the law is asked for nothing below, and
    has to bend for what lies there.
    """
    cells: dict[tuple[int, int], list[int]] = {}
    for i, e in enumerate(evaluations):
        if e.cost.macs < least / 2**0.5 * (1 - 1e-6):
            continue
        cells.setdefault((e.size, round(2 * np.log2(e.cost.macs))), []).append(i)
    return cells


def _error(theta: Floats, log_f: Floats, size: Floats) -> Floats:
    """R x n errors of R x 6 parameters; exponents are cut where they would overflow."""
    e, log_a, log_alpha, v, beta, log_gamma = (theta[:, [i]] for i in range(6))
    fall = np.exp(np.clip(log_a - np.exp(np.clip(log_alpha, -20, 5)) * log_f, -50, 50))
    gain = v * np.exp(np.clip(beta * log_f, -50, 50))
    return np.asarray(e + fall - gain * (1 - size ** -np.exp(np.clip(log_gamma, -20, 5))))


def _misfit(theta: Floats, log_f: Floats, size: Floats, error: Floats, scale: float) -> Floats:
    """R x (n + 6): residuals and distances from the prior, both in standard deviations."""
    fitted = (_error(theta, log_f, size) - error) / scale
    return np.concatenate([fitted, (theta - START) / PRIOR], axis=1)


def _solve(
    start: Floats, steps: int, log_f: Floats, size: Floats, error: Floats, scale: float
) -> Floats:
    """Least squares of R fits at once by Levenberg and Marquardt: R x 6 parameters.

    Our own because 200 refits by a general solver take a second, and these 20 ms.
    """
    theta, damping = start.copy(), np.full(len(start), 1e-2)
    now = _misfit(theta, log_f, size, error, scale)
    for _ in range(steps):
        slopes = np.stack(
            [
                (_misfit(theta + 1e-6 * step, log_f, size, error, scale) - now) / 1e-6
                for step in np.eye(6)
            ],
            axis=2,
        )
        normal = np.einsum("rni,rnj->rij", slopes, slopes)
        # The prior makes the diagonal positive, so that this can always be solved.
        normal += damping[:, None, None] * np.eye(6) * np.einsum("rii->ri", normal)[:, None]
        step = np.linalg.solve(normal, np.einsum("rni,rn->ri", slopes, now)[:, :, None])[:, :, 0]
        trial = theta - np.clip(step, -1, 1)
        then = _misfit(trial, log_f, size, error, scale)
        better = (then**2).sum(axis=1) < (now**2).sum(axis=1)
        theta, now = np.where(better[:, None], trial, theta), np.where(better[:, None], then, now)
        damping = np.clip(np.where(better, damping / 3, damping * 4), 1e-9, 1e9)
    return theta


def _advantages(theta: Floats, costs: Floats, sizes: Sequence[float]) -> Floats:
    """R x GRID: how far the best fitted ensemble is ahead of the single network at equal cost."""
    log_f = np.log(costs)[None]
    single = _error(theta, log_f, np.ones_like(log_f))
    best = np.min([_error(theta, log_f - np.log(m), np.full_like(log_f, m)) for m in sizes], axis=0)
    return np.asarray(single - best)


def _read(
    curves: Floats, grid: Floats, parameters: dict[str, float], residual: float, points: int
) -> Fitted:
    """The crossing of the first row, its interval from the others."""
    # Each cell's best is selected by the images that score it; what that lifts goes off twice,
    # once for the replicates and once for the measured row.
    middle = curves[0] - (curves[1:] - curves[0]).mean()
    half = WIDTH * curves[1:].std(axis=0, ddof=1)
    crossing, low, high = (
        float(b) for b in crossings(grid, np.stack([middle, middle + half, middle - half]))
    )
    place = (
        f"at about {format_count(crossing)}"
        if 0 < crossing < np.inf
        else span(grid, crossing, crossing)
    )
    return Fitted(
        crossing=crossing,
        low=low,
        high=high,
        sentence=f"A surface of error over cost and size, fitted to {points} points to within "
        f"{100 * residual:.2f} points of accuracy, puts the crossover {place} (95 % interval: "
        f"{span(grid, low, high)})",
        parameters=parameters,
        residual=residual,
        points=points,
    )
