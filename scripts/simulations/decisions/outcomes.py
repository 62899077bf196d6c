"""What the verdicts of one replayed study were worth, by the half of the images it never saw."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ensearch.core import Evaluation
from ensearch.fronts import STRONG, WEAK
from ensearch.fronts.matching import best_within
from ensearch.fronts.seed_variance import between_members, seed_spread
from scripts.simulations.decisions.studies import Replay, Study, everything
from scripts.simulations.replay import score
from scripts.simulations.verdicts.interface import RowVerdict

Pair = tuple[Evaluation | None, Evaluation | None]  # a single network and an ensemble


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutcome:
    """One budget of one replay; accuracies and advantages are fractions.

    `advantage` is the true one of the best configurations tried and `error` its standard error, of
    which the images alone make `image_error`. The best of many look better than they are;
    `held_out` is the advantage of those that all members and the seen half call the best, and
    `of_table` that of the best of the whole table: a study that tried poor single networks may be
    right about what it tried and yet mislead.
    `loss` is the accuracy of the table's best within the budget less that of the configuration
    taken; `loss_today` is the same for the best measured, `loss_search` for the best measured by
    today's search, `loss_informed` for who had measured the whole table on the seen half.
    """

    budget: float
    verdict: str
    matched: bool
    low: float | None
    high: float | None
    advantage: float
    held_out: float
    of_table: float
    error: float
    image_error: float
    loss: float
    loss_today: float
    loss_search: float
    loss_informed: float

    @property
    def strong(self) -> bool:
        """Whether a strong verdict was said where costs are matched; elsewhere it may not be."""
        return self.matched and self.verdict in STRONG

    @property
    def weak(self) -> bool:
        return self.verdict in WEAK

    @property
    def half(self) -> float:
        """Half the width of the interval; NaN where there is none or costs are not matched."""
        if not self.matched or self.low is None or self.high is None:
            return float("nan")
        return (self.high - self.low) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One replay: a row for each budget that the table can match, and what the study came to.

    `spent` are multiply-adds of training. `hypervolume` is a share of the table's best and `regret`
    a fraction of accuracy, both by `replay.score`. `earlier` are the rows of looks before the last,
    of a study that is settled.
    """

    rows: tuple[RowOutcome, ...]
    trials: int
    spent: float
    hypervolume: float
    regret: float
    earlier: tuple[tuple[RowOutcome, ...], ...] = ()

    @property
    def of_all_looks(self) -> list[RowOutcome]:
        return [row for rows in (*self.earlier, self.rows) for row in rows]


def most_accurate(evaluations: Sequence[Evaluation], budget: float) -> str | None:
    """Return the key of the best measured configuration within a budget: today's rule.

    The cheapest, where several are equally accurate.
    """
    found = [e for e in _pair(evaluations, budget) if e is not None]
    best = max(found, key=lambda e: (e.scores.accuracy, -e.cost.macs), default=None)
    return None if best is None else best.key


class Truth:
    """The truth of a replay, by the half of the images that no study sees."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._informed = {e.key: e for e in everything(replay.seen)[0]}
        self._all = list(replay.truth.values())
        self._spread = seed_spread(
            between_members(self._all, [replay.truth_hits[e.key] for e in self._all])
        )
        known = score.known(replay.other)
        self._reference = float(replay.other.truth.flat[replay.other.cost.argmin()])
        self._volume = score.front_hypervolume(replay.other, known, self._reference)

    def outcome(
        self, study: Study, rows: Sequence[RowVerdict], budgets: Sequence[float]
    ) -> Outcome:
        """Return what a study and its verdicts were worth at the comparable budgets."""
        said = {row.budget: row for row in rows}
        other = self._replay.other
        believed = score.matrix(other, study.belief)
        volume = score.front_hypervolume(other, believed, self._reference)
        return Outcome(
            rows=tuple(self._row(study, said[budget]) for budget in budgets),
            trials=study.trials,
            spent=study.spent,
            hypervolume=volume / self._volume,
            regret=score.regret(other, believed),
        )

    def _row(self, study: Study, row: RowVerdict) -> RowOutcome:
        truth = self._replay.truth
        tried = _pair([truth[e.key] for e in study.evaluations], row.budget)
        informed = _pair([self._informed[e.key] for e in study.evaluations], row.budget)
        whole = _pair(self._all, row.budget)
        today = most_accurate(study.evaluations, row.budget)
        best = max(e.scores.accuracy for e in whole if e is not None)
        return RowOutcome(
            budget=row.budget,
            verdict=row.verdict,
            matched=row.matched,
            low=row.low,
            high=row.high,
            advantage=_advantage(tried),
            held_out=_advantage([None if e is None else truth[e.key] for e in informed]),
            of_table=_advantage(whole),
            error=math.hypot(self._image_error(tried), self._seed_error(tried)),
            image_error=self._image_error(tried),
            loss=best - self._accuracy(row.take_key or today),
            loss_today=best - self._accuracy(today),
            loss_search=best
            - self._accuracy(most_accurate(self._replay.today.evaluations, row.budget)),
            loss_informed=best
            - self._accuracy(most_accurate(list(self._informed.values()), row.budget)),
        )

    def _accuracy(self, key: str | None) -> float:
        """Return the true accuracy of a configuration; chance for none."""
        if key is None:
            return 1 / self._replay.other.classes
        return self._replay.truth[key].scores.accuracy

    def _image_error(self, pair: Pair) -> float:
        """Return the standard error of a true advantage from the images."""
        single, ensemble = pair
        if single is None or ensemble is None:
            return math.nan
        right = [self._replay.truth_hits[e.key].hits.mean(axis=0) for e in (single, ensemble)]
        return float((right[1] - right[0]).std(ddof=1)) / math.sqrt(len(right[0]))

    def _seed_error(self, pair: Pair) -> float:
        """Return the standard error of a true advantage from the luck of the table's members."""
        single, ensemble = pair
        if single is None or ensemble is None or single.network == ensemble.network:
            return 0.0
        shares = [e.scores.accuracy * (1 - e.scores.accuracy) for e in (single, ensemble)]
        variances = [p**2 / e.trained for p, e in zip(shares, (single, ensemble), strict=True)]
        return self._spread * math.sqrt(sum(variances))


def _pair(evaluations: Sequence[Evaluation], budget: float) -> Pair:
    """Return the most accurate single network and ensemble of these within a budget."""
    return best_within(evaluations, budget, True), best_within(evaluations, budget, False)


def _advantage(pair: Sequence[Evaluation | None]) -> float:
    single, ensemble = pair
    if single is None or ensemble is None:
        return math.nan
    return ensemble.scores.accuracy - single.scores.accuracy
