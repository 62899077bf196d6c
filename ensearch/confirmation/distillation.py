"""A single network that learns the mean probabilities of the ensemble in place of labels.

It is a rival of both: the best single network within the largest budget of a plan, trained once
more by the same schedule, with as many fresh seeds as it has on labels. Its teachers are the first
members of the best ensemble within that budget, which the confirmation trains anyway. `pair`,
`teachers` and `students` say who learns from whom, and `read` what came of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from ensearch.confirmation.finalists import Reason
from ensearch.confirmation.plan import Confirmation, Finalist
from ensearch.core import Distillation, Evaluation, Member, SubsetHits
from ensearch.errors import StorageError
from ensearch.fronts import Difference, difference, noise
from ensearch.seeds import derive
from ensearch.store import Store
from ensearch.study.study import Study
from ensearch.units import counted

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilled:
    """A single network trained on an ensemble's mean probabilities, beside both, on test.

    `on_labels` is the same network trained on labels. The differences are its accuracy, a fraction,
    less that of the two; each has an interval by itself. `train_macs` are the multiply-adds of
    training one such network, `teacher_macs` those that come in addition: to train the ensemble,
    and to let it predict the training images once.
    """

    pair: Pair
    val: Evaluation
    test: Evaluation
    on_labels: Evaluation
    ensemble: Evaluation
    over_labels: Difference
    over_ensemble: Difference
    train_macs: float
    teacher_macs: float

    @property
    def sentence(self) -> str:
        """What came out of it, for people."""
        student, teacher = self.pair.student.label, self.pair.teacher.label
        accuracy = 100 * self.test.scores.accuracy
        return (
            f"{student} that learns the mean probabilities of {teacher} in place of labels "
            f"({counted(self.test.trained, 'seed')}) is right on {accuracy:.2f} % of test: "
            f"{self.over_labels.points} points against the same network on labels, "
            f"{self.over_ensemble.points} against the ensemble (95 % each)."
        )


def read(store: Store, study: str, plan: Confirmation) -> Distilled | None:
    """Return what a plan distilled; None if nothing, or if its members failed.

    StorageError where what was scored is not stored any more.
    """
    who = pair(plan)
    own = {e.split: e for e in _scored(store, study, plan)} if who else {}
    if who is None or not {"val", "test"} <= own.keys():  # a kill may come after val
        return None
    others = store.evaluations(study, plan.stage, "test")
    by_key = {e.key: e for e in others}
    try:
        on_labels, ensemble = by_key[who.student.key], by_key[who.teacher.key]
    except KeyError:  # the members of one of them failed in a later run
        return None
    rows = [own["test"], *others]
    found = noise.measure(rows, _hits(store, study, plan, rows))
    images = cast(dict[str, int], store.study(study).config["images"])["train"]
    return Distilled(
        pair=who,
        val=own["val"],
        test=own["test"],
        on_labels=on_labels,
        ensemble=ensemble,
        over_labels=difference(found, 0, rows.index(on_labels)),
        over_ensemble=difference(found, 0, rows.index(ensemble)),
        train_macs=own["test"].train_macs,
        teacher_macs=ensemble.train_macs + ensemble.cost.macs * images,
    )


def _scored(store: Store, study: str, plan: Confirmation) -> list[Evaluation]:
    """The evaluations of the students on both splits, with what they learned."""
    evaluations = store.evaluations(study, stage(plan))
    members = store.evaluation_members(study, stage(plan))
    records = store.members({key for keys in members.values() for key in keys})
    learned = {r.member.distillation.key for r in records.values() if r.member.distillation}
    return [replace(e, distillation=key) for key in learned for e in evaluations]


def _hits(
    store: Store, study: str, plan: Confirmation, rows: Sequence[Evaluation]
) -> list[SubsetHits]:
    known = {
        **store.subset_hits(study, "test", plan.stage),
        **store.subset_hits(study, "test", stage(plan)),
    }
    lost = [e.key for e in rows if e.key not in known]
    if lost:
        raise StorageError(f"the storage is damaged: it has no outcomes of {lost[0]} on test.")
    return [known[e.key] for e in rows]
