"""What a study knows beside its configuration, trials and evaluations, each with a type."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, select, update

from ensearch.core import Labels
from ensearch.store import tables
from ensearch.store.connection import Connected

_STUDIES = tables.studies


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRecord:
    """How fast a study's networks train on a device with a version of PyTorch.

    Seconds for each training image: `fixed`, and `per_mac` for each multiply-add of the network.
    """

    device: str
    torch: str
    batch_size: int
    fixed: float
    per_mac: float
    measured: datetime  # with a time zone; comes back in UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpeedRecord:
    """How fast `members` networks train side by side by each strategy, whatever their study.

    `lockstep_key` and `place` name what decides about the speed: see `ensearch.launch.Measured`.
    """

    lockstep_key: str
    place: str
    members: int
    strategy: str  # the fastest
    rates: Mapping[str, float]  # images a second of all members together, by strategy
    dropped: Mapping[str, str]  # strategies that do not work, and why
    complete: bool = True  # else one ended the worker, and others have not been tried


@dataclass(frozen=True, slots=True, kw_only=True)
class MixingGain:
    """What mixing a study's members gains in accuracy over copies of one, with its interval.

    `members` is a hash of the members that were compared and of the budget.
    """

    members: str
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationRecord:
    """A plan of confirmation. `request`, `finalists` are JSON: tuples come back as lists.

    `failures` are pairs of a network and the reason why it is left out. `looks` counts the looks at
    test that were begun.
    """

    number: int  # counts a study's plans from 1
    request: Mapping[str, Any]
    budgets: tuple[float, ...]  # in the unit of the study's, ascending
    finalists: tuple[Mapping[str, Any], ...]
    created: datetime  # with a time zone; comes back in UTC
    finished: bool
    failures: tuple[tuple[str, str], ...]
    looks: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConclusionRecord:
    """What a study's last confirmation with fresh members says of its search's crossover.

    `plan` is the number of its plan, `verdict` that of `ensearch.fronts.Shift`.
    """

    plan: int
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRecord:
    """What a study answers, as JSON, while its evaluations are in the state that `of` names."""

    of: str
    content: Mapping[str, Any]


class StudyState(Connected):
    """The part of a `Store` that keeps these. Its methods raise StorageError."""

    def begin_study(
        self, study: str, *, ladder: Mapping[str, Any], remarks: Sequence[str], val: Labels
    ) -> None:
        """Keep what a study found when it began: all of it or, if it is killed, nothing.

        `ladder` is JSON, `remarks` are on the images and for people, `val` are the N labels of the
        images on which the search scores.
        """
        values: dict[str, object] = {"ladder": dict(ladder), "remarks": list(remarks)}
        with self._write() as connection:
            _change(connection, study, values)
            _put_labels(connection, study, "val", val)

    def ladder(self, study: str) -> dict[str, Any] | None:
        """The ladder of costs that a study began with; None if it was killed before that."""
        ladder: dict[str, Any] | None = self._of_study(study, "ladder")
        return ladder

    def begin_run(self, study: str, trials: int) -> None:
        """Keep that a run has begun, and how many trials the study is asked for."""
        with self._write() as connection:
            _change(connection, study, {"trials_asked": trials, "ended": None})

    def end_run(self, study: str, reason: str) -> None:
        """Keep why a run ended: an `ensearch.study.events.EndReason`."""
        with self._write() as connection:
            _change(connection, study, {"ended": reason})

    def trials_asked(self, study: str) -> int | None:
        """How many trials a study was last asked for; None if it never searched."""
        trials: int | None = self._of_study(study, "trials_asked")
        return trials

    def save_answer(self, study: str, record: AnswerRecord) -> None:
        """Keep what a study answers, in place of what it answered before."""
        with self._write() as connection:
            _change(connection, study, {"answer": record.content, "answer_of": record.of})

    def set_confirmed(self, study: str, record: ConclusionRecord) -> None:
        """Keep what a study's confirmation concludes, in place of what an earlier one did."""
        values = {"confirmed_plan": record.plan, "confirmed_verdict": record.verdict}
        with self._write() as connection:
            _change(connection, study, values)

    def confirmed(self, study: str) -> ConclusionRecord | None:
        """What `set_confirmed` kept; None if there is nothing."""
        query = select(_STUDIES.c.confirmed_plan, _STUDIES.c.confirmed_verdict)
        with self._read() as connection:
            row = connection.execute(query.where(_STUDIES.c.name == study)).one_or_none()
        if row is None or row.confirmed_plan is None:
            return None
        return ConclusionRecord(plan=row.confirmed_plan, verdict=row.confirmed_verdict)

    def _of_study(self, study: str, column: str) -> Any:
        query = select(_STUDIES.c[column]).where(_STUDIES.c.name == study)
        with self._read() as connection:
            return connection.execute(query).scalar()

    # Labels of the images that a study scores on

    def study_labels(self, study: str, split: str) -> Labels | None:
        """The N labels of a split; None if they were never kept."""
        columns = tables.study_labels.c
        query = select(columns.labels).where(columns.study == study, columns.split == split)
        with self._read() as connection:
            labels = connection.execute(query).scalar()
        return None if labels is None else np.asarray(labels, dtype=np.int64)

    # Speeds

    def save_speed(self, study: str, record: SpeedRecord) -> None:
        """Keep a measured speed, in place of an older one of the same device and PyTorch."""
        with self._write() as connection:
            tables.replace(connection, tables.speeds, [{"study": study} | asdict(record)])

    def speed(self, study: str, *, device: str, torch: str, batch_size: int) -> SpeedRecord | None:
        """The speed that was measured for a study in these conditions; None if none was."""
        columns = tables.speeds.c
        query = select(tables.speeds).where(
            columns.study == study,
            columns.device == device,
            columns.torch == torch,
            columns.batch_size == batch_size,
        )
        with self._read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else SpeedRecord(**tables.fields_of(row))

    def forget_speed(self, study: str, record: SpeedRecord) -> None:
        """Delete the speed of the record's device, PyTorch and batch size, if it is there."""
        with self._write() as connection:
            tables.remove(connection, tables.speeds, [{"study": study} | asdict(record)])

    def save_group_speed(self, record: GroupSpeedRecord) -> None:
        """Keep a measurement for all studies, in place of an older one of as many members."""
        with self._write() as connection:
            tables.replace(connection, tables.group_speeds, [asdict(record)])

    def group_speeds(self, lockstep_key: str) -> list[GroupSpeedRecord]:
        """What was measured for members of this key, ordered by place and members."""
        columns = tables.group_speeds.c
        query = select(tables.group_speeds).where(columns.lockstep_key == lockstep_key)
        with self._read() as connection:
            rows = connection.execute(query.order_by(columns.place, columns.members)).all()
        return [GroupSpeedRecord(**row._asdict()) for row in rows]

    # Comparisons and confirmations

    def save_mixing_gain(self, study: str, gain: MixingGain) -> None:
        """Keep a comparison of mixed ensembles with copies, in place of an older one."""
        with self._write() as connection:
            tables.replace(connection, tables.mixing_gains, [{"study": study} | asdict(gain)])

    def mixing_gain(self, study: str) -> MixingGain | None:
        """The comparison that `save_mixing_gain` kept; None if there is none."""
        columns = tables.mixing_gains.c
        query = select(columns.members, columns.difference, columns.low, columns.high)
        with self._read() as connection:
            row = connection.execute(query.where(columns.study == study)).one_or_none()
        return None if row is None else MixingGain(**row._asdict())

    def save_confirmation(self, study: str, record: ConfirmationRecord) -> None:
        """Keep a plan of confirmation, in place of an older state of it."""
        with self._write() as connection:
            tables.replace(connection, tables.confirmations, [{"study": study} | asdict(record)])

    def confirmations(self, study: str) -> list[ConfirmationRecord]:
        """A study's plans of confirmation, by number."""
        columns = tables.confirmations.c
        query = select(tables.confirmations).where(columns.study == study)
        with self._read() as connection:
            rows = connection.execute(query.order_by(columns.number)).all()
        return [
            ConfirmationRecord(
                **tables.fields_of(row)
                | {
                    "budgets": tuple(row.budgets),
                    "finalists": tuple(row.finalists),
                    "failures": tuple((network, reason) for network, reason in row.failures),
                }
            )
            for row in rows
        ]


def _change(connection: Connection, study: str, values: Mapping[str, object]) -> None:
    """Set columns of a study. A study that is not there is an error of the caller."""
    changed = connection.execute(update(_STUDIES).where(_STUDIES.c.name == study).values(**values))
    if not changed.rowcount:
        raise ValueError(f"there is no study {study!r} whose state could be kept.")


def _put_labels(connection: Connection, study: str, split: str, labels: Labels) -> None:
    row = {"study": study, "split": split, "labels": labels.tolist()}
    tables.replace(connection, tables.study_labels, [row])
