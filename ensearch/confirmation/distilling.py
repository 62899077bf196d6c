"""A single network that learns the mean probabilities of the ensemble in place of labels.

It is a rival of both: the best single network within the largest budget of a plan, trained once
more by the same schedule, with as many fresh seeds as it has on labels. Its teachers are the first
members of the best ensemble within that budget, which the confirmation trains anyway.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ensearch.confirmation.finalists import Reason
from ensearch.confirmation.plan import Confirmation, Finalist
from ensearch.core import Distillation, Member
from ensearch.errors import StorageError
from ensearch.seeds import derive
from ensearch.store import Store
from ensearch.study.study import Study

Groups = Mapping[str, tuple[Member, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Finalists: the network of `student` learns from the first members of `teacher`."""

    student: Finalist
    teacher: Finalist


def pair(plan: Confirmation) -> Pair | None:
    """Return who learns from whom; None where nothing is distilled."""
    if not plan.request.distil:
        return None
    student, teacher = (_best(plan, single) for single in (True, False))
    return None if student is None or teacher is None else Pair(student=student, teacher=teacher)


def _best(plan: Confirmation, single: bool) -> Finalist | None:
    wanted = Reason(why="best", budget=plan.budgets[-1], place=1)
    return next(
        (f for f in plan.finalists if f.is_single == single and wanted in f.reasons),
        None,
    )


def stage(plan: Confirmation) -> str:
    """The stage under which the evaluations of what was distilled are stored."""
    return f"{plan.stage}-distilled"


def teachers(plan: Confirmation, groups: Groups) -> tuple[Member, ...]:
    """Return the members of the ensemble that teaches; none where nothing is distilled.

    `groups` are the members of the plan by network.
    """
    who = pair(plan)
    return () if who is None else groups[who.teacher.network][: who.teacher.size]


def students(study: Study, plan: Confirmation, groups: Groups) -> tuple[Member, ...]:
    """Return the members that learn from the ensemble: seeds that nothing else of a study has."""
    who = pair(plan)
    if who is None:
        return ()
    learned = Distillation(
        teachers=tuple(member.key for member in teachers(plan, groups)), rule=study.config.rule
    )
    return tuple(
        Member(
            architecture=who.student.architecture,
            schedule=who.student.full,
            dataset=study.dataset.fingerprint,
            seed=derive(study.config.seed, "distil", index),
            distillation=learned,
        )
        for index in range(plan.at_first[who.student.network])
    )


def check_weights(store: Store, study: str, plan: Confirmation, groups: Groups) -> None:
    """Raise StorageError where teachers were trained before, and their weights were not kept."""
    records = store.members([member.key for member in teachers(plan, groups)])
    blind = [r for r in records.values() if r.state == "trained" and not r.has_weights]
    if blind:
        raise StorageError(
            f"{len(blind)} members of the ensemble cannot teach: an earlier confirmation trained "
            "them and did not keep their weights. Others are trained with another number of "
            "epochs.",
            problem="teachers_without_weights",
            study=study,
        )
