"""What a network is worth that learned from the ensemble: a third row beside its two rivals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from ensearch.confirmation import distilling
from ensearch.confirmation.distilling import Pair
from ensearch.confirmation.plan import Confirmation
from ensearch.core import Evaluation, SubsetHits
from ensearch.errors import StorageError
from ensearch.fronts import Difference, difference, noise
from ensearch.store import Store
from ensearch.units import counted, format_points


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilled:
    """A single network trained on an ensemble's mean probabilities, beside both, on test.

    `on_labels` is the same network trained on labels. The differences are its accuracy less that of
    the two; each has an interval by itself. `train_macs` are the multiply-adds of training one such
    network, `teacher_macs` those that come in addition: to train the ensemble, and to let it
    predict the training images once.
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
            f"{points(self.over_labels)} points against the same network on labels, "
            f"{points(self.over_ensemble)} against the ensemble (95 % each)."
        )


def points(found: Difference) -> str:
    """Return a difference in points with its interval: +0.40 [-0.30, +1.10]."""
    return format_points(found.value, found.low, found.high)


def read(store: Store, study: str, plan: Confirmation) -> Distilled | None:
    """Return what a plan distilled; None if nothing, or if its members failed.

    StorageError where what was scored is not stored any more.
    """
    pair = distilling.pair(plan)
    learned = _scored(store, study, distilling.stage(plan)) if pair else []
    if pair is None or not learned:
        return None
    own = {e.split: e for e in learned}
    others = [e for e in store.evaluations(study, plan.stage) if e.split == "test"]
    by_key = {e.key: e for e in others}
    try:
        on_labels, ensemble = by_key[pair.student.key], by_key[pair.teacher.key]
    except KeyError:  # the members of one of them failed in a later run
        return None
    rows = [own["test"], *others]
    found = noise.measure(rows, _hits(store, study, plan, rows))
    images = cast(dict[str, int], store.study(study).config["images"])["train"]
    return Distilled(
        pair=pair,
        val=own["val"],
        test=own["test"],
        on_labels=on_labels,
        ensemble=ensemble,
        over_labels=difference(found, 0, rows.index(on_labels)),
        over_ensemble=difference(found, 0, rows.index(ensemble)),
        train_macs=own["test"].train_macs,
        teacher_macs=ensemble.train_macs + ensemble.cost.macs * images,
    )


def _scored(store: Store, study: str, stage: str) -> list[Evaluation]:
    """The evaluations of a stage whose members learned from others, with what they learned."""
    members = store.evaluation_members(study, stage)
    records = store.members({key for keys in members.values() for key in keys})
    learned = {r.member.distillation.key for r in records.values() if r.member.distillation}
    return [
        replace(e, distillation=key) for key in learned for e in store.evaluations(study, stage)
    ]


def _hits(
    store: Store, study: str, plan: Confirmation, rows: Sequence[Evaluation]
) -> list[SubsetHits]:
    stages = (plan.stage, distilling.stage(plan))
    known = {k: h for stage in stages for k, h in store.subset_hits(study, "test", stage).items()}
    lost = [e.key for e in rows if e.key not in known]
    if lost:
        raise StorageError(f"the storage is damaged: it has no outcomes of {lost[0]} on test.")
    return [known[e.key] for e in rows]
