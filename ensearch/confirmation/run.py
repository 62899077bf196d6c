"""Confirm a search: retrain its finalists with fresh seeds and a full schedule, score on test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ensearch.confirmation import plan as confirmation_plan
from ensearch.confirmation.plan import Confirmation, Finalist
from ensearch.core import Member
from ensearch.cost import training_macs
from ensearch.errors import StorageError, TrialsFailedError
from ensearch.launch import Train
from ensearch.seeds import derive
from ensearch.store import Store, files
from ensearch.study import driving, scoring
from ensearch.study.driving import Counting, Ended
from ensearch.study.events import Event
from ensearch.study.members import MemberQueue
from ensearch.study.placement import Placement
from ensearch.study.scoring import Scorer
from ensearch.study.speed import Speed
from ensearch.study.study import Study
from ensearch.training import train_members


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationWork:
    """What a plan still has to do: members in all, those that are ready, and the rest's cost."""

    members: int
    ready: int
    train_macs: float
    seconds: float


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


def work(
    study: Study, store: Store, plan: Confirmation, speed: Speed, workers: int
) -> ConfirmationWork:
    """What is ahead. Predicting costs next to nothing and is not counted."""
    wanted = [m for group in members(study, store, plan).values() for m in group]
    missing = _missing(store, wanted)
    images = study.images["train"]
    seconds = [
        speed.seconds(study.count(m.architecture).macs) * images * m.schedule.epochs
        for m in missing
    ]
    return ConfirmationWork(
        members=len(wanted),
        ready=len(wanted) - len(missing),
        train_macs=sum(_train_macs(study, member) for member in missing),
        seconds=sum(seconds) / workers,
    )


def _missing(store: Store, wanted: Sequence[Member]) -> list[Member]:
    """Members that must train: never trained, or trained and their files are gone."""
    stored = store.members([member.key for member in wanted])
    lost = {files.key_of(path) for path in store.missing_files(stored)}
    trained = {key for key, record in stored.items() if record.state == "trained"} - lost
    return [member for member in wanted if member.key not in trained]


def _train_macs(study: Study, member: Member) -> float:
    return training_macs(study.count(member.architecture), study.images["train"], member.schedule)


def run(
    study: Study,
    store: Store,
    plan: Confirmation,
    where: Placement,
    *,
    ahead: ConfirmationWork,
    seconds: float | None = None,
    train: Train = train_members,
    take_over: bool = False,
    retrain_missing: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> Ended:
    """Train and score the plan's members: "done", or "time" or "interrupted" before that.

    Uses the test split, and records it. StorageError if another driver works on the study or
    files are missing, TrialsFailedError if no finalist is left.
    """
    name = study.config.name
    with driving.held(store, name, take_over=take_over) as renew:
        groups = members(study, store, plan)
        wanted = [member for group in groups.values() for member in group]
        _check_files(study, store, plan, wanted, retrain_missing)
        confirmation_plan.save(store, name, plan)
        store.confirm_on_test(name, plan.number, study.dataset.y_test)
        missing = {m.key: _train_macs(study, m) for m in _missing(store, wanted)}
        counting = Counting(
            members=ahead.members, seconds=ahead.seconds, on_event=on_event, macs=missing
        )
        with driving.trained(
            study,
            store,
            where,
            train=train,
            retrain_missing=retrain_missing,
            on_event=counting,
            stage=plan.stage,
        ) as queue:
            ended = driving.collect(
                queue,
                renew,
                wanted,
                counting,
                splits=("val", "test"),
                seconds=seconds,
                is_interrupted=is_interrupted,
            )
        if ended == "done":
            _conclude(study, store, plan, groups, queue)
        return ended


def _check_files(
    study: Study,
    store: Store,
    plan: Confirmation,
    wanted: Sequence[Member],
    retrain_missing: bool,
) -> None:
    """Raise StorageError where files are missing that this confirmation needs."""
    records = store.members([member.key for member in wanted])
    blind = [r for r in records.values() if r.state == "trained" and not r.has_weights]
    blind = [record for record in blind if "test" not in record.splits]
    lost = store.missing_files(records)
    name = study.config.name
    if not plan.retrain and blind:
        raise StorageError(
            f"{len(blind)} members of the search cannot predict test: their weights were not kept. "
            "Train fresh ones.",
            problem="members_without_weights",
            study=name,
        )
    if plan.retrain and lost and not retrain_missing:
        raise StorageError(
            f"{len(lost)} files of members that this confirmation needs are missing, such as "
            f"{lost[0]}. Restore them, or train those members again.",
            problem="confirmed_files_missing",
            study=name,
        )


def _conclude(
    study: Study,
    store: Store,
    plan: Confirmation,
    groups: dict[str, tuple[Member, ...]],
    queue: MemberQueue,
) -> None:
    """Score every network whose members are all there; the others are left out, and named."""
    config, dataset = study.config, study.dataset
    scorer = Scorer(
        store=store,
        labels={"val": dataset.y_val, "test": dataset.y_test},
        rule=config.rule,
        seed=config.seed,
    )
    failures = {}
    for name, group in groups.items():
        reasons = sorted({outcome for outcome in queue.outcomes(group) or () if outcome})
        if reasons:
            failures[name] = ", ".join(reasons)
            continue
        keys = [member.key for member in group]
        # The search's own members score what the search did.
        largest = None if plan.retrain else study.largest_size(group[0].architecture)
        for split in ("val", "test"):
            scored = scorer.score(name, keys, split, largest)
            rows = scoring.evaluations(
                scored,
                len(keys),
                group[0].architecture,
                group[0].schedule,
                split,
                study.count(group[0].architecture),
                queue.train_macs(group[0]),
            )
            outcomes = [hits for _, hits in scored]
            store.save_evaluations(config.name, rows, keys, outcomes, stage=plan.stage)
    # Only divergence is a fact about a member; the others are tried again by the same command.
    finished = set(failures.values()) <= {"diverged"}
    done = replace(plan, failures=tuple(sorted(failures.items())), finished=finished)
    confirmation_plan.save(store, config.name, done)
    if len(failures) == len(groups):
        raise TrialsFailedError(
            f"the members of all {len(groups)} networks failed: "
            f"{', '.join(sorted(set(failures.values())))}.",
            problem="members_failed",
            study=config.name,
        )
