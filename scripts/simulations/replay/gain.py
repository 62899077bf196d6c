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
from ensearch.fronts.analysis import MATCHED_SHARE
from ensearch.search_space.ladder import Cell, Ladder
from ensearch.study.sampler import _LadderSampler, _place

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
    """Of two lists of rows: a wide linear surface and a smooth deviation from it.

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
    """Posterior at `asked`, with the hyperparameters of largest likelihood on a small grid.

    `repeats` is how many members stand behind each value: its noise is that of one over them.
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
    """The error front as ascending costs and falling errors; from `start` on an error of 1."""
    steps = [(start, 1.0)]
    for cost, error in sorted(zip(costs.tolist(), errors.tolist(), strict=True)):
        if error < steps[-1][1]:
            steps.append((cost, error))
    front = np.array(steps)
    return front[:, 0], front[:, 1]


def expected_gain(
    surface: Surface, costs: Floats, front_costs: Floats, front_errors: Floats, budget: float
) -> Floats:
    """Expected area that each cell takes off the error front, over log10 cost up to `budget`.

    The front is a staircase: from front_costs[k] on its error is front_errors[k].
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
class Options:
    """Variants of `GainSampler`.

    The gain is divided by multiply-adds ** `power`. With `turns` single networks and ensembles
    alternate. With `strata` each kind begins on every rung in random order, with `climb` on every
    rung up to that share of the budget, from the cheapest up. With `kinds` a cell is to improve
    the front of its own kind besides the joint one. With `parts` the sampler sees every size that
    a trial has evaluated, else the trial's own only. With `start` the first single networks are
    those nearest to a quarter of the budget, an eighth and so on; without, the first trial is the
    cheapest cell.
    """

    power: float = 1.0
    turns: bool = True
    strata: bool = False
    climb: float = 0.0
    kinds: bool = False
    parts: bool = False
    start: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What trials so far say: accuracy and members behind it, cells not told yet, members paid."""

    seen: dict[Cell, tuple[float, int]] = field(default_factory=dict)
    waiting: list[Cell] = field(default_factory=list)
    trained: dict[str, int] = field(default_factory=dict)  # by network


class GainSampler(_LadderSampler):
    """Chooses the untried cell of largest expected gain per multiply-add of training."""

    def __init__(self, ladder: Ladder, seed: int, options: Options) -> None:
        super().__init__(ladder, "random", seed)
        self._options = options

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._params(self._choose(study, trial))

    def _choose(self, study: Study, trial: FrozenTrial) -> Cell:
        others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
        known = self._known(others)
        cells = self._allowed(study, trial)
        first = self._start(trial.number) if self._options.start else None
        if first in cells:
            return first
        if not known.seen:
            return min(cells, key=lambda cell: cell.cost.macs)
        missing = [cell.size - known.trained.get(cell.network, 0) for cell in cells]
        free = [cell for cell, members in zip(cells, missing, strict=True) if members <= 0]
        if free:
            return free[0]
        prices = np.array(
            [m * c.member_macs * c.schedule.epochs for m, c in zip(missing, cells, strict=True)]
        )
        return cells[int(np.argmax(self._gains(known, cells) / prices**self._options.power))]

    def _known(self, others: Sequence[FrozenTrial]) -> Known:
        """What the other trials say, in the order of their numbers."""
        known = Known()
        by_size = {(cell.network, cell.size): cell for cell in self._ladder.cells}
        for other in others:
            cell = self.cell(other.params)
            if cell is None or other.state == TrialState.FAIL:
                continue
            trained = max(cell.size, known.trained.get(cell.network, 0))
            known.trained[cell.network] = trained
            if other.values is None:
                known.waiting.append(cell)
                continue
            known.seen[cell] = other.values[0], trained
            for size, accuracy in other.user_attrs["parts"].items() if self._options.parts else ():
                part = by_size.get((cell.network, int(size)))
                if part is not None:
                    known.seen[part] = accuracy, trained
        return known

    def _allowed(self, study: Study, trial: FrozenTrial) -> list[Cell]:
        if self._options.strata:
            return self._candidates(study, trial)
        untried = self.unseen(study, trial)
        if not self._options.turns:
            return untried
        ids = {id(cell) for cell in untried}
        tried = [cell for cell in self._ladder.cells if id(cell) not in ids]
        single = 2 * sum(cell.is_single for cell in tried) <= len(tried)
        of_kind = [cell for cell in untried if cell.is_single == single] or untried
        visited = {cell.rung for cell in tried if cell.is_single == single}
        for rung in self._ladder.rungs[::-1]:
            inside = [cell for cell in of_kind if cell.rung == rung and rung not in visited]
            if inside and rung <= self._options.climb * self._ladder.budget.macs:
                return [cell for cell in inside if cell.cost.macs >= MATCHED_SHARE * rung] or inside
        return of_kind

    def _start(self, number: int) -> Cell | None:
        """Of the start's single networks the one whose turn it is."""
        turn = number // 2 if self._options.turns else number
        target = self._ladder.budget.macs / 2 ** (2 + turn)
        if target < min(self._ladder.rungs) or (self._options.turns and number % 2):
            return None
        singles = [cell for cell in self._ladder.cells if cell.is_single]
        return min(singles, key=lambda cell: abs(math.log(cell.cost.macs / target)), default=None)

    def _gains(self, known: Known, cells: Sequence[Cell]) -> Floats:
        """Expected gains of `cells`; what is waiting to be told counts as what is predicted."""
        budget, start = self._ladder.budget.macs, float(self._ladder.cheapest.cost.macs)
        seen = known.seen
        errors = np.array([max(1 - accuracy, _LEAST) for accuracy, _ in seen.values()])
        repeats = np.array([members for _, members in seen.values()], dtype=np.float64)
        front = [*seen, *known.waiting]
        rows = self._rows([*front, *cells])
        both = fit(rows[: len(seen)], np.log(errors), repeats, rows)
        smooth = np.exp(both.mean[: len(front)])
        ahead = Surface(mean=both.mean[len(front) :], sd=both.sd[len(front) :])
        costs = np.array([cell.cost.macs for cell in cells], dtype=np.float64)
        spent = np.array([cell.cost.macs for cell in front], dtype=np.float64)
        gains = expected_gain(ahead, costs, *staircase(spent, smooth, start), budget)
        for single in (True, False) if self._options.kinds else ():
            inside = np.array([cell.is_single == single for cell in front])
            stairs = staircase(spent[inside], smooth[inside], start)
            own = np.array([cell.is_single == single for cell in cells])
            gains = gains + own * expected_gain(ahead, costs, *stairs, budget)
        return gains

    def _rows(self, cells: Sequence[Cell]) -> Floats:
        places = [name for name in self._free if name not in ("total_macs", "members")]
        return np.array(
            [
                (
                    math.log2(cell.member_macs / self._ladder.budget.macs),
                    1 - 1 / cell.size,
                    *(_place(self._params(cell)[name], self._free[name]) for name in places),
                )
                for cell in cells
            ]
        )
