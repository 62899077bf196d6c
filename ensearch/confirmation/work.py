"""The members that a plan needs, and what training those costs that are not there yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from ensearch.confirmation import distillation
from ensearch.confirmation.plan import Confirmation, Finalist
from ensearch.core import Member
from ensearch.cost import training_macs
from ensearch.seeds import derive
from ensearch.store import Store, files
from ensearch.study.speed import Speed
from ensearch.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a plan still has to do.

    It has so many `members` in all, with those that learn from others; `macs` are the multiply-adds
    of training those that are not ready, by key.
    """

    members: int
    macs: dict[str, float]
    seconds: float

    @property
    def ready(self) -> int:
        """How many members need no training."""
        return self.members - len(self.macs)

    @property
    def train_macs(self) -> float:
        """Multiply-adds of training the others."""
        return sum(self.macs.values())


def members(study: Study, store: Store, plan: Confirmation) -> dict[str, tuple[Member, ...]]:
    """Members by network, most expensive first: fresh ones, or without `retrain` the search's."""
    ordered = sorted(plan.networks.items(), key=lambda item: (-_macs(item[1]), item[0]))
    if plan.retrain:
        return {name: _fresh(study, finalist) for name, finalist in ordered}
    used = store.evaluation_members(study.config.name)
    records = store.members({key for name, _ in ordered for key in used[name]})
    return {
        name: tuple(records[key].member for key in used[name][: finalist.members])
        for name, finalist in ordered
    }


def _macs(finalist: Finalist) -> int:
    """The multiply-adds of one member."""
    return finalist.macs // finalist.size


def _fresh(study: Study, finalist: Finalist) -> tuple[Member, ...]:
    """Seeds that no search uses; member i of a network is the same in every confirmation."""
    return tuple(
        Member(
            architecture=finalist.architecture,
            schedule=finalist.full,
            dataset=study.dataset.fingerprint,
            seed=derive(study.config.seed, "confirm", index),
        )
        for index in range(finalist.members)
    )


def ahead(study: Study, store: Store, plan: Confirmation, speed: Speed, workers: int) -> Work:
    """What is ahead. Predicting costs next to nothing and is not counted."""
    groups = members(study, store, plan)
    wanted = [m for group in groups.values() for m in group]
    wanted += distillation.students(study, plan, groups)
    untrained = _missing(store, wanted)
    images = study.images["train"]
    seconds = [
        speed.seconds(study.count(m.architecture).macs) * images * m.schedule.epochs
        for m in untrained
    ]
    return Work(
        members=len(wanted),
        macs={
            m.key: training_macs(study.count(m.architecture), images, m.schedule) for m in untrained
        },
        seconds=sum(seconds) / workers,
    )


def _missing(store: Store, wanted: Sequence[Member]) -> list[Member]:
    """Members that must train: never trained, or trained and their files are gone."""
    stored = store.members([member.key for member in wanted])
    lost = {files.key_of(path) for path in store.missing_files(stored)}
    trained = {key for key, record in stored.items() if record.state == "trained"} - lost
    return [member for member in wanted if member.key not in trained]
