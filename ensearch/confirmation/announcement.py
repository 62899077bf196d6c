"""What a confirmation is about to do, in lines for people, before anything trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ensearch.confirmation import distillation, settling
from ensearch.confirmation.finalists import Reason
from ensearch.confirmation.plan import Confirmation
from ensearch.store import UseOfTest, uses_of_test
from ensearch.study.config import StudyConfig
from ensearch.study.placement import Placement
from ensearch.study.work import MemberWork
from ensearch.units import Axis, counted, format_count, format_duration, unit_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A confirmation that is about to begin. `images` counts them by split.

    `before` holds the uses of the test split before this one, oldest first; `searched` are the
    trials of a search that is not over, and how many were asked for.
    """

    config: StudyConfig
    plan: Confirmation
    work: MemberWork
    images: Mapping[str, int]
    where: Placement
    device: str  # for people
    before: Sequence[UseOfTest]
    searched: tuple[int, int] | None = None

    def lines(self) -> list[str]:
        """Return it as lines of a label and what it says."""
        return [*self._finalists(), *self._search(), *self._training(), self._test()]

    def _search(self) -> list[str]:
        """What to know before test is opened for a search that may still find something better."""
        if self.searched is None:
            return []
        over, asked = self.searched
        return [
            f"search    is not over: {over} of {counted(asked, 'trial')} are. What the others find "
            "cannot be confirmed on a test split that was not used before"
        ]

    def _finalists(self) -> list[str]:
        config, plan, images = self.config, self.plan, self.images
        axis = config.axis
        labels = [f.label for f in plan.finalists]
        width = max(map(len, labels))
        return [
            f"study     {config.name}, confirmation {plan.number}",
            f"data      {config.dataset}: {images['train']} train, {images['val']} val, "
            f"{images['test']} test images",
            f"budgets   {', '.join(map(axis.show, reversed(plan.budgets)))} {_unit(config)}",
            f"finalists {counted(len(labels), 'configuration')} of "
            f"{counted(len(plan.networks), 'network')}, "
            "selected on val:",
            *(
                f"          {label:<{width}}  {axis.show(f.price or f.macs):>6}  "
                f"val {f.accuracy:.2%}  {reasons(f.reasons, axis)}"
                for label, f in zip(labels, plan.finalists, strict=True)
            ),
        ]

    def _training(self) -> list[str]:
        lines = self._members()
        if self.plan.request.settle:
            lines.append(
                f"settle    up to {settling.COST:g} x that training again, to decide what is "
                f"undecided: at most {settling.LOOKS} looks at test, which count as one use"
            )
        return lines

    def _members(self) -> list[str]:
        plan, work = self.plan, self.work
        if not plan.retrain:
            return [
                "schedule  the search's own: nothing is retrained",
                f"work      {counted(work.members, 'member')} to predict test; optimistic, "
                "because they also selected the finalists",
            ]
        missing = work.members - work.ready
        distilled = self._distilled()
        lines = [
            f"schedule  {plan.epochs}, everything else as in the search",
            f"members   {work.members} with fresh seeds, at least {plan.request.members} of every "
            f"network; {work.ready} are kept already",
            *distilled,
        ]
        if not missing:
            return [*lines, "work      nothing is left to train"]
        workers = f"{counted(self.where.workers, 'worker')} on {self.device}"
        return [
            *lines,
            f"work      {counted(missing, 'member')} and "
            f"{format_count(work.train_macs)} multiply-adds of training",
            f"time      about {format_duration(work.seconds)} with {workers}",
        ]

    def _distilled(self) -> list[str]:
        who = distillation.pair(self.plan)
        if who is None:
            return []
        count = self.plan.at_first[who.student.network]
        return [
            f"distil    {count} of these members, {who.student.label}, "
            f"{'learns' if count == 1 else 'learn'} the mean probabilities of "
            f"{who.teacher.label} in place of labels"
        ]

    def _test(self) -> str:
        if not self.before:
            return "test      this confirmation uses the test split for the first time"
        return (
            "test      the test split of this study has been used "
            f"{uses_of_test.summary(self.before)}: the numbers of confirmation {self.plan.number} "
            "are optimistic"
        )


def _unit(config: StudyConfig) -> str:
    axis = config.axis
    return unit_name(config.flops_per_mac) if config.budget.is_flops else axis.place or axis.unit


def reasons(every: Sequence[Reason], axis: Axis) -> str:
    """Return why a configuration is a finalist: `best of matched cost within 2M; near ...`."""
    told: dict[str, list[str]] = {}
    for reason in every:
        budget = axis.show(reason.budget)
        if reason.why == "near the crossover":
            told.setdefault(reason.why, [])
        elif reason.why == "matched cost":
            told.setdefault("matched cost at", []).append(budget)
        else:
            rank = "best" if reason.place == 1 else f"number {reason.place}"
            told.setdefault(f"{rank} of matched cost within", []).append(budget)
    return "; ".join(f"{what} {', '.join(budgets)}".strip() for what, budgets in told.items())
