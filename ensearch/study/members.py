"""The members of a running study: one that is stored is taken, a missing one is trained."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ensearch.core import Member, Split
from ensearch.errors import StorageError, UnavailableError
from ensearch.launch import (
    Failed,
    Launcher,
    Measured,
    MemberJob,
    Parted,
    Progress,
    Teacher,
    Trained,
    lockstep_key,
)
from ensearch.store import FOR_GOOD, SEARCH, GroupSpeedRecord, MemberRecord, Store, files
from ensearch.study.events import (
    Event,
    MemberDone,
    MemberFailed,
    MemberProgress,
    Note,
    StrategyMeasured,
)
from ensearch.study.study import Study

# Members that train side by side on a GPU: more give it little more to do, and a task that is
# killed loses more.
SIDE_BY_SIDE = 8


@dataclass(slots=True, kw_only=True)
class MemberQueue:
    """Members of one run: asks the launcher for what is missing and stores what comes back."""

    study: Study
    store: Store
    launcher: Launcher
    device: str
    keep_weights: bool
    retrain_missing: bool  # else a member that lost a file is an error
    on_event: Callable[[Event], None]
    stage: str = SEARCH  # for which members train; those of a confirmation are not the search's
    # Multiply-adds of members this study has trained, and of those under way.
    spent: float = 0.0
    committed: float = 0.0
    waited: float = 0.0  # seconds in the launcher's `wait`: the driver itself did nothing
    # Of every member required in this run: None while it trains, then "" or why it failed.
    _outcomes: dict[str, str | None] = field(default_factory=dict)
    _training: dict[str, Member] = field(default_factory=dict)
    _predicting: set[str] = field(default_factory=set)  # those under way that are trained already

    def require(self, members: Sequence[Member], splits: tuple[Split, ...] = ("val",)) -> None:
        """Submit those members that are neither stored nor under way.

        One that is stored without predictions of all `splits` predicts the others from its
        weights. Raises StorageError if one is stored and its files are missing, unless it is to
        be trained again (its row stays until then, so that an interruption forgets nothing), and
        if one without weights must predict more.
        """
        new = [member for member in members if member.key not in self._outcomes]
        stored = self.store.members([member.key for member in new])
        for key in self._lost(stored):
            del stored[key]
        together: dict[str, list[MemberJob]] = {}
        for member in new:
            record = stored.get(member.key)
            # Divergence is a fact about the member; being killed or out of memory is not.
            trained = record is not None and record.state == "trained"
            missing = tuple(s for s in splits if record is None or s not in record.splits)
            if record is not None and record.reason == FOR_GOOD:
                self._outcomes[member.key] = record.reason
                detail = f"{record.detail} (an earlier run's; it would diverge again)"
                self.on_event(_failure(member, record.reason, detail))
            elif record is not None and trained and not missing:
                self._outcomes[member.key] = ""
            elif trained:
                self.launcher.submit((self._job(member, missing, self._weights(member)),))
            else:
                name = member.network
                together.setdefault(name, []).append(self._job(member, splits, None))
        for jobs in together.values():
            if self.device == "cuda":
                self._submit_together(jobs)
            else:  # every slot is a core, which a single member keeps busy
                for job in jobs:
                    self.launcher.submit((job,))

    def _submit_together(self, jobs: Sequence[MemberJob]) -> None:
        """Tasks of jobs of one network, with what is known about the speed of such tasks."""
        known = self._measured(lockstep_key(jobs[0].member))
        jobs = [replace(job, measured=known) for job in jobs]
        for start in range(0, len(jobs), SIDE_BY_SIDE):
            self.launcher.submit(tuple(jobs[start : start + SIDE_BY_SIDE]))

    def _measured(self, key: str) -> tuple[Measured, ...]:
        return tuple(Measured(**asdict(record)) for record in self.store.group_speeds(key))

    def _remember(self, new: Measured) -> None:
        """Keep a measurement for all studies of the storage, in place of an older one."""
        self.store.save_group_speed(GroupSpeedRecord(**asdict(new)))
        self.on_event(
            StrategyMeasured(
                network=new.lockstep_key,
                members=new.members,
                strategy=new.strategy,
                rates=new.rates,
                dropped=new.dropped,
            )
        )

    def _job(self, member: Member, splits: tuple[Split, ...], weights: Path | None) -> MemberJob:
        """The job of a member, which from now on is under way."""
        self._outcomes[member.key] = None
        self._training[member.key] = member
        if weights is None:
            self.committed += self.study.train_macs(member.architecture, member.schedule)
        else:
            self._predicting.add(member.key)
        return MemberJob(
            member=member,
            source=self.study.source,
            device=self.device,
            keep_weights=self.keep_weights,
            checkpoint=self.store.checkpoint_path(member.key) if weights is None else None,
            splits=splits,
            weights=weights,
            teachers=() if weights is not None else self._teachers(member),
        )

    def _teachers(self, member: Member) -> tuple[Teacher, ...]:
        """The members that it learns from; StorageError if their weights were not kept."""
        if member.distillation is None:
            return ()
        records = self.store.members(member.distillation.teachers)
        every = [records[key].member for key in member.distillation.teachers]
        return tuple(Teacher(member=one, weights=self._weights(one)) for one in every)

    def _weights(self, member: Member) -> Path:
        """Its file of weights; StorageError if they were not kept."""
        if not self.store.members([member.key])[member.key].has_weights:
            raise StorageError(
                f"member {member.key} ({member.architecture.label}) must predict more than it did, "
                "and its weights were not kept. Only training it anew helps."
            )
        return self.store.weights_path(member.key)

    def _lost(self, keys: Iterable[str]) -> set[str]:
        missing = self.store.missing_files(keys)
        if missing and not self.retrain_missing:
            raise StorageError(
                f"{len(missing)} files of members that this study needs are missing, such as "
                f"{missing[0]}. Restore them, or train those members again.",
                problem="files_missing",
                study=self.study.config.name,
            )
        return {files.key_of(path) for path in missing}

    def outcomes(self, keys: Sequence[str]) -> list[str] | None:
        """For each member "" or the reason of its failure; None while one still trains.

        By keys, which whoever waits makes once: to make those of all members at every update took
        a fifth of the driver's time.
        """
        outcomes = [self._outcomes[key] for key in keys]
        done = [outcome for outcome in outcomes if outcome is not None]
        return done if len(done) == len(outcomes) else None

    def collect(self, timeout: float) -> None:
        """Wait for the launcher at most `timeout` seconds and store what has ended."""
        unavailable = None
        start = time.monotonic()
        updates = self.launcher.wait(timeout)
        self.waited += time.monotonic() - start
        for update in updates:
            if isinstance(update, Measured):
                self._remember(update)
            elif isinstance(update, Parted):
                self._tell_parted(update)
            elif isinstance(update, Progress):
                self._tell_progress(update)
            elif isinstance(update, Failed) and update.reason == "unavailable":
                self._uncommit(update.key)
                unavailable = UnavailableError(
                    update.detail, problem=update.problem, **update.facts
                )
            else:
                self._store_outcome(update)
        if unavailable is not None:  # raised only now: what came beside it is kept
            raise unavailable

    def _tell_parted(self, update: Parted) -> None:
        text = (
            f"{update.members} members of {update.lockstep_key} train one after another, "
            f"not side by side: {update.detail}"
        )
        self.on_event(Note(text=text))

    def _tell_progress(self, update: Progress) -> None:
        self.on_event(
            MemberProgress(
                key=update.key,
                label=self._training[update.key].architecture.label,
                epoch=update.epoch,
                epochs=update.epochs,
            )
        )

    def _uncommit(self, key: str) -> bool:
        """Take back what a member was expected to cost; whether it was predicted only."""
        only_predicted = key in self._predicting
        self._predicting.discard(key)
        if not only_predicted:
            member = self._training[key]
            self.committed -= self.study.train_macs(member.architecture, member.schedule)
        return only_predicted

    def _store_outcome(self, update: Trained | Failed) -> None:
        """Store the outcome of a member."""
        member = self._training[update.key]
        only_predicted = self._uncommit(update.key)
        if isinstance(update, Trained) and only_predicted:
            self.store.add_predictions(update.key, update.predictions)
            self._done(member, update)
        elif isinstance(update, Failed) and only_predicted:
            self._fail(member, update)  # its training stays what it was
        elif isinstance(update, Trained):
            self._keep(member, update)
        else:
            self._keep_failure(member, update)
        # Only now: a driver that dies before the outcome is stored must not lose the training.
        # A killed member goes on from its checkpoint at the next run.
        if self._outcomes[update.key] != "killed":
            self.store.discard_checkpoint(update.key)
        del self._training[update.key]

    def _keep(self, member: Member, update: Trained) -> None:
        record = self._record(member, update)
        self.store.add_trained(record, update.predictions, update.weights)
        self.spent += record.train_macs
        self._done(member, update, record.train_macs)

    def _done(self, member: Member, update: Trained, train_macs: float = 0.0) -> None:
        self._outcomes[member.key] = ""
        self.on_event(
            MemberDone(
                key=member.key,
                label=member.architecture.label,
                seconds=update.seconds,
                train_macs=train_macs,
            )
        )

    def _keep_failure(self, member: Member, update: Failed) -> None:
        self.store.add_failed(self._record(member, update))
        self._fail(member, update)

    def _fail(self, member: Member, update: Failed) -> None:
        self._outcomes[member.key] = update.reason
        self.on_event(_failure(member, update.reason, update.detail))

    def _record(self, member: Member, update: Trained | Failed) -> MemberRecord:
        failed = update if isinstance(update, Failed) else None
        trained = update if isinstance(update, Trained) else None
        return MemberRecord(
            member=member,
            cost=self.study.count(member.architecture),
            train_macs=self.study.train_macs(member.architecture, member.schedule),
            state="failed" if failed else "trained",
            reason=failed.reason if failed else None,
            detail=failed.detail if failed else None,
            seconds=trained.seconds if trained else 0.0,
            losses=trained.losses if trained else (),
            strategy=trained.strategy if trained else "",
            device=self.device,
            study=self.study.config.name,
            stage=self.stage,
            created=datetime.now(UTC),
        )


def _failure(member: Member, reason: str, detail: str) -> MemberFailed:
    label = member.architecture.label
    return MemberFailed(key=member.key, label=label, reason=reason, detail=detail)
