"""A budget with its two fronts and its verdict."""

from dataclasses import dataclass

from ensearch.core import Evaluation
from ensearch.fronts.claims import Claim
from ensearch.fronts.multiplier import Multiplier
from ensearch.fronts.settling import ToSettle
from ensearch.fronts.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontRow:
    """Both fronts at one budget.

    `single` and `ensemble` are the best within the budget by the estimates of their accuracies,
    which allow for the luck of selecting them: `single_accuracy` and `ensemble_accuracy`
    (fractions; the measured ones where nothing is stored to estimate from). `advantage` is their
    difference where costs are matched.

    `matched` says that single networks and ensembles both had their chance at this cost; see
    `matching.is_matched`. `low` and `high` bound the advantage of the best ensemble tried over the
    best single network tried, at all matched budgets at once; None without stored predictions.
    `least` and `most` bound it from one side alone, as surely, which is what verdicts about the
    margin need: only one of the two can be wrong.
    `tried_singles` and `tried_ensembles` count what competed: measured, within the budget and
    comparable in cost.

    `take` is what to take within the budget, and `runner_up` the best of the other kind, with the
    estimates `take_accuracy` and `runner_up_accuracy`.
    `expected_loss` is how much accuracy (a fraction) taking it loses on average against the best
    within the budget. `to_settle` says what would settle it where the verdict is `undecided`.
    `claim` is what this look alone says of the advantage, without earlier looks.
    """

    budget: float
    single: Evaluation | None
    ensemble: Evaluation | None
    advantage: float | None
    low: float | None
    high: float | None
    matched: bool
    single_accuracy: float | None = None
    ensemble_accuracy: float | None = None
    multiplier: Multiplier | None = None
    tried_singles: int = 0
    tried_ensembles: int = 0
    verdict: Verdict = "undecided"
    take: Evaluation | None = None
    runner_up: Evaluation | None = None
    take_accuracy: float | None = None
    runner_up_accuracy: float | None = None
    expected_loss: float | None = None
    to_settle: ToSettle | None = None
    claim: Claim | None = None
    least: float | None = None
    most: float | None = None

    @property
    def side(self) -> int:
        """1 where ensembles are clearly ahead, -1 where they are clearly behind, else 0."""
        return int(self.verdict == "ensembles") - int(self.verdict == "single")
