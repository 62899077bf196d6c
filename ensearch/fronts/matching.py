"""The best single network and the best ensemble within a budget, and whether they can be compared.

Costs within 5 % are matched. Without this, 4 x EfficientNet-B2 (3.97 G) meets B3 (1.83 G), the best
single network that fits, and is credited with about 1.15 points of pure grid granularity. It holds
both ways: with ensembles at every other budget only, and no true difference, single networks seemed
clearly ahead in 60 of 60 simulated studies; matched both ways, in 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ensearch.core import Evaluation
from ensearch.fronts.bootstrap import DIGITS
from ensearch.fronts.multiplier import Multiplier
from ensearch.fronts.verdicts import ToSettle, Verdict

# What costs at least this share of the other's cost is matched with it.
MATCHED_SHARE = 0.95
# Of a budget, something of both must cost more than this share: one step between budgets.
USED_SHARE = 0.5**0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontRow:
    """Both fronts at one budget.

    `advantage` is E - S as a fraction, None where costs are not matched. Where the same split
    selects and scores, what selection lifts E more than S is taken off the advantage
    (`Fronts.correction`), so it may differ from the difference of the two accuracies.

    `matched` says that single networks and ensembles both had their chance at this cost. Within the
    budget, the most expensive single network costs at least 95 % of the best ensemble, and the most
    expensive ensemble at least 95 % of the best single network; and something of either costs more
    than the budget over sqrt(2), so that nothing is said of budgets that nobody tried to use.

    `low` and `high` bound the advantage, at all matched budgets at once with 95 % confidence; None
    where costs are not matched or predictions not stored. `tried_singles` and `tried_ensembles`
    count what competed: measured, within the budget and comparable in cost.

    `verdict` is read off `low` and `high`. `take` is what to take within the budget, `runner_up`
    the best of the other kind, None where there is none, and `expected_loss` how much accuracy (a
    fraction) one loses on average by taking the wrong kind. `to_settle` says what would settle it
    where the verdict is `undecided`.
    """

    budget: float
    single: Evaluation | None
    ensemble: Evaluation | None
    advantage: float | None
    low: float | None
    high: float | None
    matched: bool
    multiplier: Multiplier | None = None
    tried_singles: int = 0
    tried_ensembles: int = 0
    verdict: Verdict = "undecided"
    take: Evaluation | None = None
    runner_up: Evaluation | None = None
    expected_loss: float | None = None
    to_settle: ToSettle | None = None

    @property
    def side(self) -> int:
        """1 where ensembles are clearly ahead, -1 where they are clearly behind, else 0."""
        return int((self.low or 0) > 0) - int((self.high or 0) < 0)


def best_within(
    evaluations: Sequence[Evaluation], budget: float, singles: bool
) -> Evaluation | None:
    """Return the most accurate single network (or ensemble) of at most `budget`, if there is one.

    The cheapest, where several are equally accurate.
    """
    fitting = [e for e in evaluations if e.is_single == singles and e.cost.macs <= budget]
    return max(fitting, key=lambda e: (e.scores.accuracy, -e.cost.macs), default=None)


def matched_row(
    evaluations: Sequence[Evaluation], selecting: Sequence[Evaluation], budget: float
) -> FrontRow:
    """Return both fronts at a budget, without band and multiplier.

    `selecting` holds the same evaluations, in the same order, on the split that selects.
    """
    best = [best_within(selecting, budget, singles) for singles in (True, False)]
    comparable = [_comparable(selecting, budget, singles) for singles in (True, False)]
    matched = all(
        any(selecting[i] is selected for i in tried) and _is_used(selecting, budget, singles)
        for selected, tried, singles in zip(best, comparable, (True, False), strict=True)
    )
    scored = {id(there): e for there, e in zip(selecting, evaluations, strict=True)}
    single, ensemble = (scored[id(selected)] if selected else None for selected in best)
    advantage = None
    if single and ensemble and matched:
        advantage = round(ensemble.scores.accuracy - single.scores.accuracy, DIGITS)
    return FrontRow(
        budget=budget,
        single=single,
        ensemble=ensemble,
        advantage=advantage,
        low=None,
        high=None,
        matched=matched,
        tried_singles=len(comparable[0]),
        tried_ensembles=len(comparable[1]),
    )


def _comparable(evaluations: Sequence[Evaluation], budget: float, singles: bool) -> list[int]:
    """Indices of single networks (or ensembles) within the budget that the others can match."""
    within = [(i, e.cost.macs, e.is_single == singles) for i, e in enumerate(evaluations)]
    within = [entry for entry in within if entry[1] <= budget]
    highest = max((macs for _, macs, wanted in within if not wanted), default=0)
    return [i for i, macs, wanted in within if wanted and MATCHED_SHARE * macs <= highest]


def _is_used(evaluations: Sequence[Evaluation], budget: float, singles: bool) -> bool:
    """Whether a single network (or ensemble) uses the budget."""
    least = USED_SHARE * budget * (1 - 1e-9)
    return any(e.is_single == singles and least < e.cost.macs <= budget for e in evaluations)
