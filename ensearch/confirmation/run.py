"""Confirm a search: retrain its finalists with fresh seeds and a full schedule, score on test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ensearch.confirmation import distillation, settling, work
from ensearch.confirmation import plan as confirmation_plan
from ensearch.confirmation.plan import Confirmation
from ensearch.core import Member, full_label
from ensearch.errors import StorageError, TrialsFailedError
from ensearch.launch import Train
from ensearch.store import FOR_GOOD, Store
from ensearch.study import driving, scoring
from ensearch.study.driving import Counting, Ended, Waiting
from ensearch.study.events import Evaluated, Event, LookPlanned
from ensearch.study.members import MemberQueue
from ensearch.study.options import RunControl
from ensearch.study.placement import Placement
from ensearch.study.scoring import Scorer
from ensearch.study.speed import Speed
from ensearch.study.study import Study
from ensearch.study.work import MemberWork
from ensearch.training import train_members


def run(
    study: Study,
    store: Store,
    plan: Confirmation,
    where: Placement,
    control: RunControl = RunControl(),
    *,
    speed: Speed,
    seconds: float | None = None,
    train: Train = train_members,
) -> Ended:
    """Train and score the plan's members: "done", or "time" or "interrupted" before that.

    Uses the test split, and records it once, however often a plan that is settled looks at it.
    `speed` says how long members take here. StorageError if another driver works on the study or
    files are missing, TrialsFailedError if no finalist is left.
    """
    name = study.config.name
    with driving.held(store, name, take_over=control.take_over) as renew:
        groups = work.members(study, store, plan)
        wanted = [member for group in groups.values() for member in group]
        students = distillation.students(study, plan, groups)
        _check_files(study, store, plan, [*wanted, *students], control.retrain_missing)
        distillation.check_weights(store, name, plan, groups)
        confirmation_plan.save(store, name, plan)
        store.confirm_on_test(name, plan.number, study.dataset.y_test)
        found = tuple(store.evaluations(name, split="val"))
        budgets = tuple(sorted(study.ladder.budgets))
        control.on_event(Evaluated(evaluations=found, budgets=budgets, is_over=True))
        with driving.trained(study, store, where, control, train=train, stage=plan.stage) as queue:
            confirming = _Confirming(
                study=study,
                store=store,
                waiting=Waiting(
                    queue=queue,
                    renew=renew,
                    seconds=seconds,
                    is_interrupted=control.is_interrupted,
                ),
                speed=speed,
                workers=where.workers,
                on_event=control.on_event,
            )
            return confirming.run(plan)


@dataclass(slots=True, kw_only=True)
class _Confirming:
    """One run of a plan. Each step is stored before the next begins, and follows from those."""

    study: Study
    store: Store
    waiting: Waiting
    speed: Speed
    workers: int
    on_event: Callable[[Event], None]

    def run(self, plan: Confirmation) -> Ended:
        """Train and score until nothing is left to look at."""
        following: Confirmation | None = plan
        while following is not None:
            plan = following
            groups = work.members(self.study, self.store, plan)
            ended = self._train(plan, groups)
            if ended != "done":
                return ended
            scored = _conclude(self.study, self.store, plan, groups, self.waiting)
            following = self._following(scored) if plan.request.settle else None
        return "done"

    def _train(self, plan: Confirmation, groups: dict[str, tuple[Member, ...]]) -> Ended:
        wanted = [member for group in groups.values() for member in group]
        students = distillation.students(self.study, plan, groups)
        ahead = work.ahead(self.study, self.store, plan, self.speed, self.workers)
        if plan.looks > 1:
            self.on_event(self._planned(plan, ahead))
        counting = Counting(
            members=ahead.members,
            seconds=ahead.seconds,
            on_event=self.on_event,
            macs=ahead.macs,
        )
        ended = self.waiting.collect(wanted, counting, splits=("val", "test"))
        teachers = [member.key for member in distillation.teachers(plan, groups)]
        taught = self.waiting.queue.outcomes(teachers)
        if ended != "done" or not students or any(taught or ()):
            return ended
        return self.waiting.collect([*wanted, *students], counting, splits=("val", "test"))

    def _planned(self, plan: Confirmation, ahead: MemberWork) -> LookPlanned:
        first = plan.at_first
        return LookPlanned(
            number=plan.looks,
            looks=settling.LOOKS,
            members={
                full_label(finalist.architecture.label, finalist.changes): finalist.members
                for name, finalist in plan.networks.items()
                if finalist.members > first[name]
            },
            missing=len(ahead.macs),
            total=ahead.members,
            seconds=ahead.seconds,
        )

    def _following(self, scored: Confirmation) -> Confirmation | None:
        """The plan with the next look; None if this was the last or members must be tried again.

        A plan that ends is stored as finished.
        """
        if not set(dict(scored.failures).values()) <= {FOR_GOOD}:
            return None
        look = settling.look(self.study, self.store, scored)
        self.on_event(look.done)
        if look.ended is not None:
            self.on_event(look.ended)
        following = look.following or replace(scored, finished=True)
        confirmation_plan.save(self.store, self.study.config.name, following)
        return look.following


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
    waiting: Waiting,
) -> Confirmation:
    """Score every network whose members are all there; the others are left out, and named.

    Return the plan as it is then stored: finished, unless members failed that are tried again, or
    it may look at test again.
    """
    name_of_study, queue = study.config.name, waiting.queue
    scorer = Scorer.of(study, store, "val", "test")
    failures = {}
    for name, group in groups.items():
        waiting.renew()  # scoring all of them may take longer than a silent driver is waited for
        failures[name] = _failed(queue, group)
        if not failures[name]:
            # The search's own members score what the search did.
            largest = None if plan.retrain else study.largest_size(group[0].architecture)
            _score(scorer, study, group, plan.stage, largest)
    left = sum(not reason for reason in failures.values())
    students = distillation.students(study, plan, groups)
    if students:
        name, taught = students[0].network, distillation.teachers(plan, groups)
        failures[name] = _failed(queue, taught) or _failed(queue, students)
        if not failures[name]:
            _score(scorer, study, students, distillation.stage(plan), 1)
    failures = {name: reason for name, reason in failures.items() if reason}
    # Only divergence is a fact about a member; the others are tried again by the same command.
    finished = set(failures.values()) <= {FOR_GOOD} and not plan.request.settle
    done = replace(plan, failures=tuple(sorted(failures.items())), finished=finished)
    confirmation_plan.save(store, name_of_study, done)
    if not left:
        raise TrialsFailedError(
            f"the members of all {len(groups)} networks failed: "
            f"{', '.join(sorted(set(failures.values())))}.",
            problem="members_failed",
            study=name_of_study,
        )
    return done


def _failed(queue: MemberQueue, group: Sequence[Member]) -> str:
    """Why members of a group failed, in words; empty if none did."""
    outcomes = queue.outcomes([member.key for member in group]) or ()
    return ", ".join(sorted({outcome for outcome in outcomes if outcome}))


def _score(
    scorer: Scorer,
    study: Study,
    group: Sequence[Member],
    stage: str,
    largest: int | None,
) -> None:
    """Score sizes up to `largest`, or all, of members of one network on val and test."""
    first, keys = group[0], [member.key for member in group]
    for split in ("val", "test"):
        scored = scorer.score(first.network, keys, split, largest)
        rows = scoring.evaluations(
            study,
            first.architecture,
            first.schedule,
            scored,
            len(keys),
            split,
            "" if first.distillation is None else first.distillation.key,
        )
        outcomes = [hits for _, hits in scored]
        scorer.store.save_evaluations(study.config.name, rows, keys, outcomes, stage=stage)
