"""What a storage holds: the results of its studies, and how far they are."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ensearch.report._layout import LEAST_WIDTH as LEAST_WIDTH
from ensearch.store import Store, StudySummary, storage_url

if TYPE_CHECKING:  # imports matplotlib
    from ensearch.report.study.results import Results as Results


def results(study: str, *, storage: str | Path | None = None) -> "Results":
    """Return what a study of the storage has found so far.

    Raises StorageError if there is no such study, or if nothing of it has been evaluated yet.
    """
    from ensearch.report.study.results import collect

    with Store.open(storage_url(storage), create=False) as store:
        return collect(store, study)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFailure:
    """A member that could not be trained, and why."""

    label: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStatus:
    """How far a study is. `train_macs` is the estimate of what its training has cost."""

    study: str
    state: Literal["running", "complete", "stopped"]
    trials_done: int
    trials_failed: int
    trials_asked: int | None
    evaluations: int
    members: int
    member_failures: int
    train_macs: float
    created: datetime
    failures: tuple[MemberFailure, ...] = field(default=())  # where one study is asked for

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "study": self.study,
            "state": self.state,
            "trials_done": self.trials_done,
            "trials_failed": self.trials_failed,
            "trials_asked": self.trials_asked,
            "evaluations": self.evaluations,
            "members": self.members,
            "member_failures": self.member_failures,
            "train_macs": self.train_macs,
            "created": self.created.isoformat(timespec="seconds"),
        }


def studies(study: str | None = None, *, storage: str | Path | None = None) -> list[StudyStatus]:
    """Return how far the studies of a storage are, the oldest first; or one of them.

    Raises StorageError if there is no storage, or no study of that name.
    """
    with Store.open(storage_url(storage), create=False) as store:
        if study is not None:
            store.study(study)  # refuses an unknown name with the nearest
        summaries = [s for s in store.summaries() if study in (None, s.name)]
        return [_status(store, summary, alone=study is not None) for summary in summaries]


def _status(store: Store, summary: StudySummary, *, alone: bool) -> StudyStatus:
    trials = store.trials_asked(summary.name)
    over = summary.trials_done + summary.trials_failed
    complete = trials is not None and over >= trials
    return StudyStatus(
        study=summary.name,
        state="running" if summary.running else "complete" if complete else "stopped",
        trials_done=summary.trials_done,
        trials_failed=summary.trials_failed,
        trials_asked=trials,
        evaluations=summary.evaluations,
        members=summary.members,
        member_failures=summary.member_failures,
        train_macs=summary.train_macs,
        created=summary.created,
        # Reading all members takes as long as all the rest, so only where one study is asked for.
        failures=_failures(store, summary.name) if alone else (),
    )


def _failures(store: Store, study: str) -> tuple[MemberFailure, ...]:
    """Return the failed members of the study's search and of its confirmations."""
    return tuple(
        MemberFailure(
            label=record.member.architecture.label,
            reason=record.reason or "",
            detail=record.detail or "",
        )
        for record in store.all_members()
        if record.state == "failed" and record.study == study
    )
