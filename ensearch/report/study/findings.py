"""What a study found: all that its text, table, figures and files read; `reading` computes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ensearch.confirmation.conclusion import Conclusion
from ensearch.confirmation.plan import Confirmation
from ensearch.core import Evaluation, Schedule
from ensearch.fronts import analysis
from ensearch.pool.diversity import Diversity
from ensearch.store import FOR_GOOD
from ensearch.units import Axis, flops

# What scored: the members of the search, fresh members on a full schedule, or the members of the
# search on test.
Stage = Literal["search", "retrained", "rescored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the numbers of a study are true of."""

    study: str
    dataset: str
    classes: int
    images: Mapping[str, int]  # split -> number of images
    limit_train: int | None
    family: str
    schedule: Schedule
    stage: Stage
    split: str  # that the scores are of; val chose in any case
    sizes: tuple[int, ...]  # of ensembles in the search space
    epochs: tuple[int, ...]  # that members trained for, if the space has an axis of epochs
    seed: int
    rule: str  # how members' probabilities are averaged
    sampler: str
    budget: float
    budgets: tuple[float, ...]  # at which fronts are compared, ascending
    flops_per_mac: int  # how many FLOPs tables and axes count for one multiply-add
    resolutions: bool = False  # whether networks read images of more than one size
    other_axis: Axis | None = None  # than FLOPs, by which costs and budgets are compared here
    is_own: bool = True  # whether they are compared by the unit of the study's budget

    @property
    def axis(self) -> Axis:
        """What configurations are compared by. Budgets are in the unit that it keeps."""
        return self.other_axis or flops(self.flops_per_mac)


def of_confirmation(searched: Conditions, plan: Confirmation) -> Conditions:
    """Return the conditions of what a confirmation scored on test, from those of its search."""
    epochs = tuple(sorted({finalist.full.epochs for finalist in plan.finalists}))
    return replace(
        searched,
        stage="retrained" if plan.retrain else "rescored",
        split="test",
        schedule=replace(searched.schedule, epochs=epochs[0]),
        epochs=epochs,
        budgets=plan.budgets,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What settling a study has spent so far: an estimated `train_macs` in so many `looks`.

    `searched_macs` is what training in its search has cost. A plan may be `under_way`, and look
    `most_looks` times.
    """

    train_macs: float
    searched_macs: float
    looks: int
    most_looks: int
    under_way: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that a report may say about one study.

    `fronts.rows` stand at the budgets of the conditions. `train_macs` (an estimate) and
    `train_seconds` count all `members`, also those of the pool that another study trained. While
    the search, or a plan to settle it, is `under_way`, nothing is a verdict. `looks` counts how
    often verdicts of the study were shown, this time included; `settling` is None where nobody
    settled it. `beside` are the same findings on other axes: over milliseconds, where these were
    measured, beside FLOPs.
    """

    conditions: Conditions
    config: Mapping[str, object]
    environment: Mapping[str, object]
    evaluations: tuple[Evaluation, ...]
    fronts: analysis.Fronts
    trials_done: int
    trials_failed: int
    failures: Mapping[str, int]  # reason -> failed trials
    members: int
    train_macs: float
    train_seconds: float
    notes: tuple[str, ...]
    predicted: tuple[Evaluation, ...] = ()  # sizes that were not trained; in no front
    seed_errors: Mapping[str, float | None] = field(default_factory=dict)  # by evaluation key
    diversity: Diversity | None = None  # whether mixed ensembles are better; None if not known
    conclusion: Conclusion | None = None  # of a confirmation; None if there was none
    trials_asked: int | None = None
    under_way: bool = False
    looks: int = 1
    settling: Settling | None = None
    beside: tuple["Findings", ...] = ()

    @property
    def trials_over(self) -> int:
        """How many trials later runs do not try again."""
        return self.trials_done + self.failures.get(FOR_GOOD, 0)
