"""Which of a search's configurations deserve a confirmation: chosen on val, the same every time."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ensearch import fronts
from ensearch.core import Evaluation

# Fewer configurations tell too little of how well short schedules rank (science: at least 12).
FEWEST = 12
# Of either kind at the two budgets around the crossover: with the best alone, the noise of one
# configuration would move it.
NEAR = 2

Why = Literal["best", "near the crossover", "matched cost", "next best"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """It is number `place` of its kind within `budget` (multiply-adds), and that is `why`.

    `matched cost`: it is there so that the other kind's dearest finalist has its match.
    """

    why: Why
    budget: float
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A finalist and all that speaks for it."""

    evaluation: Evaluation
    reasons: tuple[Reason, ...]


@dataclass(slots=True)
class _Chosen:
    """Finalists as they are taken, one by one."""

    ranked: Mapping[tuple[float, bool], list[Evaluation]]  # by budget and whether single
    found: dict[str, Evaluation] = field(default_factory=dict)
    reasons: dict[str, list[Reason]] = field(default_factory=dict)

    def take(self, budget: float, single: bool, place: int, why: Why) -> None:
        """The one at `place` from 1 on, if there are so many."""
        if place <= len(self.ranked[budget, single]):
            e = self.ranked[budget, single][place - 1]
            self.found[e.key] = e
            reason = Reason(why=why, budget=budget, place=place)
            self.reasons.setdefault(e.key, []).append(reason)

    def dearest(self, budget: float, single: bool) -> int:
        """Cost of the most expensive single network (or ensemble) within the budget; 0 if none."""
        kind = (e.cost.macs for e in self.found.values() if e.is_single == single)
        return max((macs for macs in kind if macs <= budget), default=0)


def choose(
    evaluations: Sequence[Evaluation], budgets: Sequence[float], top: int = 1, fewest: int = FEWEST
) -> list[Choice]:
    """Finalists among measured evaluations on val, by cost; single networks and ensembles.

    The `top` of either kind within each of the ascending `budgets`, two of either kind at the
    budgets around the crossover, what keeps a budget matched that is, then the next best in turn
    over budgets and kinds, until there are `fewest`. Within a budget, what is comparable in cost
    with the other kind comes first.
    """
    measured = [e for e in evaluations if not e.is_predicted]
    matched = [row for row in fronts.analyse(measured, budgets, None).rows if row.matched]
    kinds = (True, False)
    chosen = _Chosen({(b, k): _ranked(measured, b, k) for b in budgets for k in kinds})
    for place, budget, single in itertools.product(range(1, top + 1), budgets, kinds):
        chosen.take(budget, single, place, "best")
    around = _around_crossover(matched)
    for place, budget, single in itertools.product(range(1, NEAR + 1), around, kinds):
        chosen.take(budget, single, place, "near the crossover")
    for row in matched:
        _keep_matched(chosen, row.budget)
    deepest = max(map(len, chosen.ranked.values()), default=0)
    for place, budget in itertools.product(range(top + 1, deepest + 1), reversed(budgets)):
        # The kind of which there are fewer goes first: the last place may be the only one left.
        singles = sum(e.is_single for e in chosen.found.values())
        for single in sorted(kinds, reverse=2 * singles <= len(chosen.found)):
            if len(chosen.found) < fewest:
                chosen.take(budget, single, place, "next best")
    return [
        Choice(evaluation=e, reasons=tuple(chosen.reasons[e.key]))
        for e in sorted(chosen.found.values(), key=lambda e: (e.cost.macs, e.key))
    ]


def _keep_matched(chosen: _Chosen, budget: float) -> None:
    """Add to a budget that is matched in the search until it is so among the finalists too.

    Where accuracy is flat, the best within a budget may cost far less, and then nobody would use
    the largest budgets: on digits 3 of 7 matched budgets were left.
    """
    used = fronts.USED_SHARE * budget * (1 + 1e-9)
    for single in (True, False) * 3:  # what is added may want a match itself
        matching = fronts.MATCHED_SHARE * chosen.dearest(budget, not single)
        for wanted in (max(used, matching), used):  # the second where nothing reaches the first
            if chosen.dearest(budget, single) < wanted:
                ranked = chosen.ranked[budget, single]
                places = (i for i, e in enumerate(ranked, 1) if e.cost.macs >= wanted)
                chosen.take(budget, single, next(places, len(ranked) + 1), "matched cost")


def _ranked(evaluations: Sequence[Evaluation], budget: float, single: bool) -> list[Evaluation]:
    """One kind within the budget, the best first; what the other kind cannot match comes last."""
    within = [e for e in evaluations if e.cost.macs <= budget]
    dearest = max((e.cost.macs for e in within if e.is_single != single), default=0)
    return sorted(
        (e for e in within if e.is_single == single),
        key=lambda e: (
            e.cost.macs * fronts.MATCHED_SHARE > dearest,
            -e.scores.accuracy,
            e.cost.macs,
            e.key,
        ),
    )


def _around_crossover(matched: Sequence[fronts.FrontRow]) -> list[float]:
    """The matched budgets on either side of where ensembles take the lead for good.

    The two at the nearer end of the range where one kind leads throughout; no noise is looked at.
    """
    behind = [i for i, row in enumerate(matched) if (row.advantage or 0) <= 0]
    last = behind[-1] if behind else 0
    first = max(0, min(last, len(matched) - 2))
    return [row.budget for row in matched[first : first + 2]]
