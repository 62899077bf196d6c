"""Which of a search's configurations are confirmed: selected on val, the same every time."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ensearch import fronts
from ensearch.core import Evaluation
from ensearch.fronts.matching import highest

# Fewer configurations tell too little of how well short schedules rank.
FEWEST = 12
# So many single networks, and as many ensembles, at each of the two budgets around the crossover:
# with the best alone, the noise of one configuration would move it.
NEAR = 2

Why = Literal["best", "near the crossover", "matched cost", "next best"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a configuration is a finalist.

    It is number `place` of the single networks, or of the ensembles, within `budget`, which is in
    the unit of the study's. "matched cost" says that the most expensive finalist of the others
    needs it as its match.
    """

    why: Why
    budget: float
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominee:
    """An evaluation that is to be confirmed, and all the reasons."""

    evaluation: Evaluation
    reasons: tuple[Reason, ...]


@dataclass(slots=True)
class _Selection:
    """Finalists as they are selected, one after another."""

    ranked: Mapping[tuple[float, bool], list[Evaluation]]  # by budget and whether single
    selected: dict[str, Evaluation] = field(default_factory=dict)  # by key
    reasons: dict[str, list[Reason]] = field(default_factory=dict)

    def take(self, budget: float, single: bool, place: int, why: Why) -> None:
        """Select number `place`, from 1 on, if there are so many."""
        if place <= len(self.ranked[budget, single]):
            e = self.ranked[budget, single][place - 1]
            self.selected[e.key] = e
            reason = Reason(why=why, budget=budget, place=place)
            self.reasons.setdefault(e.key, []).append(reason)

    def highest_cost(self, budget: float, single: bool) -> float:
        """Return the cost of the most expensive one selected, see `fronts.matching.highest`."""
        return highest(self.selected.values(), budget, single)


def select(
    evaluations: Sequence[Evaluation], budgets: Sequence[float], top: int = 1, fewest: int = FEWEST
) -> list[Nominee]:
    """Return the finalists among measured evaluations on val, by cost.

    They are the `top` single networks and the `top` ensembles within each of the ascending
    `budgets`; two of both at the budgets around the crossover; what keeps a budget matched that is;
    then the next best in turn over budgets, single networks and ensembles, until there are
    `fewest`. Within a budget, what has a match in cost among the others comes first.
    """
    measured = [e for e in evaluations if not e.is_predicted]
    matched = [row for row in fronts.analyse(measured, budgets, None).rows if row.matched]
    kinds = (True, False)
    selection = _Selection({(b, k): _ranked(measured, b, k) for b in budgets for k in kinds})
    for place, budget, single in itertools.product(range(1, top + 1), budgets, kinds):
        selection.take(budget, single, place, "best")
    around = _around_crossover(matched)
    for place, budget, single in itertools.product(range(1, NEAR + 1), around, kinds):
        selection.take(budget, single, place, "near the crossover")
    for row in matched:
        _keep_matched(selection, row.budget)
    deepest = max(map(len, selection.ranked.values()), default=0)
    for place, budget in itertools.product(range(top + 1, deepest + 1), reversed(budgets)):
        # Single networks or ensembles, whichever are fewer, go first: the last place may be the
        # only one left.
        singles = sum(e.is_single for e in selection.selected.values())
        for single in sorted(kinds, reverse=2 * singles <= len(selection.selected)):
            if len(selection.selected) < fewest:
                selection.take(budget, single, place, "next best")
    return [
        Nominee(evaluation=e, reasons=tuple(selection.reasons[e.key]))
        for e in sorted(selection.selected.values(), key=lambda e: (e.price, e.key))
    ]


def _keep_matched(selection: _Selection, budget: float) -> None:
    """Add finalists to a budget that is matched in the search until it is so among them too.

    Where accuracy is flat, the best within a budget may cost far less, and then nobody would use
    the largest budgets: on digits 3 of 7 matched budgets were left.
    """
    used = fronts.USED_SHARE * budget * (1 + 1e-9)
    for single in (True, False) * 3:  # what is added may want a match itself
        matching = fronts.MATCHED_SHARE * selection.highest_cost(budget, not single)
        for wanted in (max(used, matching), used):  # the second where nothing reaches the first
            if selection.highest_cost(budget, single) < wanted:
                ranked = selection.ranked[budget, single]
                places = (i for i, e in enumerate(ranked, 1) if e.price >= wanted)
                selection.take(budget, single, next(places, len(ranked) + 1), "matched cost")


def _ranked(evaluations: Sequence[Evaluation], budget: float, single: bool) -> list[Evaluation]:
    """Return the single networks, or the ensembles, within the budget, the best first.

    What the others cannot match in cost comes last.
    """
    most = highest(evaluations, budget, not single)
    return sorted(
        (e for e in evaluations if e.price <= budget and e.is_single == single),
        key=lambda e: (
            e.price * fronts.MATCHED_SHARE > most,
            -e.scores.accuracy,
            e.price,
            e.key,
        ),
    )


def _around_crossover(matched: Sequence[fronts.FrontRow]) -> list[float]:
    """Return the matched budgets on either side of where ensembles take the lead for good.

    Where single networks, or ensembles, lead throughout, it is the two at the nearer end of the
    range. Noise is not looked at.
    """
    behind = [i for i, row in enumerate(matched) if (row.advantage or 0) <= 0]
    last = behind[-1] if behind else 0
    first = max(0, min(last, len(matched) - 2))
    return [row.budget for row in matched[first : first + 2]]
