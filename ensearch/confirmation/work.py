"""The members that a plan needs, and what training those costs that are not there yet."""

from ensearch.confirmation import distillation
from ensearch.confirmation.plan import Confirmation, Finalist
from ensearch.core import Member
from ensearch.errors import StorageError
from ensearch.seeds import derive
from ensearch.store import Store
from ensearch.study import work
from ensearch.study.speed import Speed
from ensearch.study.study import Study
from ensearch.study.work import MemberWork


def members(study: Study, store: Store, plan: Confirmation) -> dict[str, tuple[Member, ...]]:
    """Members by network, most expensive first: fresh ones, or without `retrain` the search's.

    StorageError if the search's are to be scored and some were removed.
    """
    ordered = sorted(
        plan.networks.items(), key=lambda item: (-(item[1].macs // item[1].size), item[0])
    )
    if plan.retrain:
        return {name: _fresh(study, finalist) for name, finalist in ordered}
    used = store.evaluation_members(study.config.name)
    keys = {name: used[name][: finalist.members] for name, finalist in ordered}
    records = store.members({key for each in keys.values() for key in each})
    lost = [key for each in keys.values() for key in each if key not in records]
    if lost:
        raise StorageError(
            f"{len(lost)} members of the search are in the storage no more, such as {lost[0]}. "
            "Train fresh ones.",
            problem="members_without_weights",
            study=study.config.name,
        )
    return {name: tuple(records[key].member for key in each) for name, each in keys.items()}


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


def ahead(study: Study, store: Store, plan: Confirmation, speed: Speed, workers: int) -> MemberWork:
    """What the plan still has to do, with those that learn from others."""
    groups = members(study, store, plan)
    wanted = [m for group in groups.values() for m in group]
    wanted += distillation.students(study, plan, groups)
    return work.of_members(study, store, wanted, speed, workers, splits=("val", "test"))
