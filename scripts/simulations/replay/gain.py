"""The next configuration by expected gain of hypervolume per multiply-add of training.

A Gaussian process over the logarithm of the error, of networks and ensembles together, says what
each untried cell may score; its gain is the expected improvement of the believed front's area
(Emmerich et al. 2006; the second objective, the cost, is known exactly). What a cell costs are
the members that are still to be trained for it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from scipy.linalg import solve_triangular
from scipy.special import ndtr

from ensearch.core import Floats
from ensearch.search_space import Cell, Ladder
from ensearch.study.ladder_sampler import LadderSampler, place

_LENGTHS = (1.0, 2.0, 4.0)  # of correlation over a member's cost, in doublings
_ROUGH = (0.03, 0.1, 0.3)  # standard deviation of log error around the linear surface
_NOISE = (0.03, 0.1, 0.3)  # of one member's log error
_LEAST = 1e-4  # error; a configuration without any is taken to have this


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Mean and standard deviation of log error for each of the cells asked for."""

    mean: Floats
    sd: Floats


def _covariance(a: Floats, b: Floats, length: float, rough: float) -> Floats:
    """Return the covariance of two lists of rows: a wide linear surface and a smooth deviation.

    A row is a member's cost in doublings from the budget, 1 - 1/size, and the places, 0 to 1, of
    depth and of other axes.
    """
    scale = np.array([length, 0.7, *[1.0] * (a.shape[1] - 2)])
    distance = (((a[:, None] - b[None]) / scale) ** 2).sum(axis=2)
    return np.asarray(_basis(a) @ _basis(b).T + rough**2 * np.exp(-distance / 2))


def _basis(rows: Floats) -> Floats:
    cost, others = rows[:, :1] / 4, rows[:, 1:]
    return np.hstack([np.ones_like(cost), cost, cost**2, others, others * cost])


def fit(known: Floats, values: Floats, repeats: Floats, asked: Floats) -> Surface:
    """Return the posterior at `asked`, with the likeliest hyperparameters of a small grid.

    `repeats` is how many members stand behind each value: its noise is that of one member over
    them.
    """
    centre = float(values.mean())
    candidates = []
    for length in _LENGTHS:
        for rough in _ROUGH:
            base = _covariance(known, known, length, rough)
            for noise in _NOISE:
                lower = np.linalg.cholesky(base + np.diag(noise**2 / repeats))
                alpha = solve_triangular(lower, values - centre, lower=True)
                likelihood = -0.5 * float(alpha @ alpha) - float(np.log(np.diag(lower)).sum())
                candidates.append((likelihood, length, rough, lower, alpha))
    _, length, rough, lower, alpha = max(candidates, key=lambda candidate: candidate[0])
    cross = solve_triangular(lower, _covariance(known, asked, length, rough), lower=True)
    prior = (_basis(asked) ** 2).sum(axis=1) + rough**2
    variance = np.maximum(prior - (cross**2).sum(axis=0), 1e-8)
    return Surface(mean=centre + cross.T @ alpha, sd=np.sqrt(variance))


def staircase(costs: Floats, errors: Floats, start: float) -> tuple[Floats, Floats]:
    """Return the error front as ascending costs and falling errors; at `start` the error is 1."""
    steps = [(start, 1.0)]
    for cost, error in sorted(zip(costs.tolist(), errors.tolist(), strict=True)):
        if error < steps[-1][1]:
            steps.append((cost, error))
    front = np.array(steps)
    return front[:, 0], front[:, 1]


def expected_gain(
    surface: Surface, costs: Floats, front_costs: Floats, front_errors: Floats, budget: float
) -> Floats:
    """Return the expected area that each cell takes off the error front.

    The area is one over log10 cost, up to `budget`. The front is a staircase: from front_costs[k]
    on its error is front_errors[k].
    """
    edges = np.log10(np.append(front_costs, budget))
    left = np.maximum(edges[None, :-1], np.log10(costs)[:, None])
    lengths = np.maximum(edges[None, 1:] - left, 0.0)
    mean, sd = surface.mean[:, None], surface.sd[:, None]
    # E max(0, front - error) of a log-normal error.
    d = (np.log(front_errors)[None, :] - mean) / sd
    better = front_errors[None, :] * ndtr(d) - np.exp(mean + sd**2 / 2) * ndtr(d - sd)
    return np.asarray((np.maximum(better, 0) * lengths).sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the trials so far say.

    Of every cell told its accuracy and the members behind it; of every network the members paid.
    """

    accuracy: dict[Cell, float] = field(default_factory=dict)
    members: dict[Cell, int] = field(default_factory=dict)
    trained: dict[str, int] = field(default_factory=dict)


class GainSampler(LadderSampler):
    """Proposes the untried cell of largest expected gain per multiply-add of training.

    Single networks and ensembles take turns. The first trial is the cheapest cell.
    """

    def __init__(self, ladder: Ladder, seed: int) -> None:
        super().__init__(ladder, "random", seed)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._params(self._next(study, trial))

    def _next(self, study: Study, trial: FrozenTrial) -> Cell:
        rows = self._table.of_turn(self._seen(study, trial))
        cells: list[Cell] = [self._ladder.cells[row] for row in rows]
        known = self._known(study.get_trials(deepcopy=False))
        if not known.accuracy:
            return min(cells, key=lambda cell: cell.cost.macs)
        missing = [cell.size - known.trained.get(cell.network, 0) for cell in cells]
        free = [cell for cell, members in zip(cells, missing, strict=True) if members <= 0]
        if free:
            return free[0]
        prices = np.array(
            [m * c.member_macs * c.schedule.epochs for m, c in zip(missing, cells, strict=True)]
        )
        return cells[int(np.argmax(self._gains(known, cells) / prices))]

    def _known(self, trials: Sequence[FrozenTrial]) -> Known:
        """Return what the trials that have been told say, in the order of their numbers."""
        known = Known()
        for trial in trials:
            cell = self.cell(trial.params)
            if cell is not None and trial.state == TrialState.COMPLETE:
                trained = max(cell.size, known.trained.get(cell.network, 0))
                known.trained[cell.network] = trained
                known.accuracy[cell] = trial.values[0]
                known.members[cell] = trained
        return known

    def _gains(self, known: Known, cells: Sequence[Cell]) -> Floats:
        """Return the expected gains of `cells` over the front of the smoothed accuracies."""
        seen = list(known.accuracy)
        errors = np.array([max(1 - known.accuracy[cell], _LEAST) for cell in seen])
        repeats = np.array([known.members[cell] for cell in seen], dtype=np.float64)
        rows = self._rows([*seen, *cells])
        both = fit(rows[: len(seen)], np.log(errors), repeats, rows)
        smooth = np.exp(both.mean[: len(seen)])
        ahead = Surface(mean=both.mean[len(seen) :], sd=both.sd[len(seen) :])
        costs = np.array([cell.cost.macs for cell in cells], dtype=np.float64)
        spent = np.array([cell.cost.macs for cell in seen], dtype=np.float64)
        stairs = staircase(spent, smooth, float(self._ladder.cheapest.cost.macs))
        return expected_gain(ahead, costs, *stairs, self._ladder.budget.amount)

    def _rows(self, cells: Sequence[Cell]) -> Floats:
        places = [name for name in self._free if name not in ("total_macs", "members")]
        return np.array(
            [
                (
                    math.log2(cell.member_macs / self._ladder.budget.amount),
                    1 - 1 / cell.size,
                    *(place(self._params(cell)[name], self._free[name]) for name in places),
                )
                for cell in cells
            ]
        )
