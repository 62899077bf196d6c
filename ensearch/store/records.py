"""What a storage keeps, as types, and their rows in the tables."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from ensearch.core import (
    Architecture,
    AxisCost,
    Cost,
    Distillation,
    Evaluation,
    Member,
    Schedule,
    Scores,
    evaluation_key,
)
from ensearch.errors import EnsearchError, StorageError
from ensearch.store import tables
from ensearch.store.study_state import AnswerRecord

# The stage of a study whose evaluations and members are meant where nothing else is said.
SEARCH = "search"
# Why a member failed that fails again whenever it is trained; all else may go well another time.
FOR_GOOD = "diverged"
# What stands behind the study that trained a member where that study is not in this storage any
# more, or never was. No name of a study has a parenthesis.
REMOVED, IMPORTED = " (removed)", " (imported)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """A study as it was started. `config` and `environment` are JSON: tuples come back as lists."""

    name: str
    config: dict[str, object]
    environment: dict[str, object]  # versions, device, ...
    created: datetime  # with a time zone; comes back in UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord:
    """What became of the training of a member; its predictions and weights lie in files."""

    member: Member
    cost: Cost
    train_macs: float
    state: Literal["trained", "failed"]
    reason: str | None
    detail: str | None
    seconds: float
    losses: tuple[float, ...]  # mean training loss of every epoch
    device: str
    study: str  # that trained it
    stage: str = SEARCH  # in which it was trained: the study's search, or a confirmation
    created: datetime  # with a time zone; comes back in UTC
    splits: tuple[str, ...] = ()  # of which there are predictions
    has_weights: bool = False
    strategy: str = ""  # by which it was trained: "8 fused, graph"; "" where nobody knows

    @property
    def is_of_a_study(self) -> bool:
        """Whether a study of this storage trained it, which can train it again."""
        return not self.study.endswith((REMOVED, IMPORTED))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """What became of a trial of a study. `number` is Optuna's."""

    number: int
    state: Literal["done", "failed"]
    network: str
    size: int
    reason: str | None
    overhead_seconds: float
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """A study in numbers. Members and their training are counted where they were trained.

    `trials_over` counts what later runs do not try again: trials that are done, and those that
    failed for good. `trained` is the sum of what the evaluations of its search were trained on, not
    a number of members: it grows with every member that is evaluated. `ended` says why the last run
    ended, None while one goes on. `settling` tells whether a plan to settle it is under way.
    """

    name: str
    created: datetime
    trials_done: int
    trials_failed: int
    trials_over: int
    evaluations: int
    members: int
    member_failures: int
    train_macs: float
    running: bool
    trials_asked: int | None
    ended: str | None
    trained: int
    answer: AnswerRecord | None
    settling: bool = False

    @property
    def under_way(self) -> bool:
        """Whether its search, or a plan to settle it, is to go on."""
        return self.settling or self.searching

    @property
    def searching(self) -> bool:
        """Whether its search is to go on: it runs, or it reached none of its limits.

        The limits are its trials and, if its last run was given them, a time or a budget of
        training. Whoever was killed, or ended by a signal, reached none.
        """
        if self.ended is not None and self.ended != "interrupted":
            return False
        asked = self.trials_asked or self.trials_over + 1
        return self.trials_over < asked or (self.ended is None and self.running)


AnyRow = Row[Any]
# Fields of a member that are columns of the same name.
_PLAIN = [each.name for each in fields(MemberRecord) if each.name not in ("member", "cost")]


def study_record(row: AnyRow) -> StudyRecord:
    return StudyRecord(
        name=row.name, config=row.config, environment=row.environment, created=row.created
    )


def member_row(record: MemberRecord) -> dict[str, Any]:
    return {
        "key": record.member.key,
        "member": record.member.content(),
        "macs": record.cost.macs,
        "params": record.cost.params,
        **{name: getattr(record, name) for name in _PLAIN},
    }


def member_record(row: AnyRow) -> MemberRecord:
    """The member of a row. Raises StorageError where it holds none of this version."""
    try:
        content = dict(row.member)
        architecture = Architecture(**content.pop("architecture"))
        schedule = Schedule(**content.pop("schedule"))
        learned = content.pop("distillation", None)
        if learned is not None:
            content["distillation"] = Distillation(
                teachers=tuple(learned["teachers"]), rule=learned["rule"]
            )
        member = Member(architecture=architecture, schedule=schedule, **content)
        losses = tuple(row.losses)
    except (TypeError, ValueError, KeyError, EnsearchError) as error:
        raise StorageError(
            f"the storage is damaged: the row of member {row.key} does not describe one ({error}). "
            "Restore a copy of it."
        ) from error
    plain = {name: getattr(row, name) for name in _PLAIN}
    return MemberRecord(
        member=member,
        cost=Cost(macs=row.macs, params=row.params),
        **plain | {"losses": losses, "splits": tuple(row.splits)},
    )


def evaluation_row(
    study: str, stage: str, evaluation: Evaluation, members: Sequence[str]
) -> dict[str, Any]:
    """The row of an evaluation. ValueError for NaN, or fewer members than were evaluated."""
    architecture, scores = evaluation.architecture, asdict(evaluation.scores)
    shape = (architecture.width, architecture.depth)
    if any(math.isnan(x) for x in (*shape, evaluation.train_macs, *scores.values())):
        raise ValueError(f"an evaluation with NaN cannot be stored: {evaluation}.")
    if len(members) < evaluation.trained:
        raise ValueError(f"{evaluation.trained} members were evaluated, {len(members)} given.")
    return {
        "study": study,
        "stage": stage,
        "network": evaluation.network,
        "size": evaluation.size,
        "split": evaluation.split,
        "family": architecture.family,
        "width": architecture.width,
        "depth": architecture.depth,
        "resolution": architecture.resolution,
        "schedule": asdict(evaluation.schedule),
        "trained": evaluation.trained,
        "subsets": evaluation.subsets,
        "macs": evaluation.cost.macs,
        "params": evaluation.cost.params,
        "train_macs": evaluation.train_macs,
        # Plain floats: a driver may refuse numpy's, or store their bytes.
        **{name: float(value) for name, value in scores.items()},
        "members": list(members[: evaluation.trained]),
        "price": None if evaluation.on_axis is None else evaluation.on_axis.value,
    }


def evaluation_record(row: AnyRow) -> Evaluation:
    """The evaluation of a row. Raises StorageError where it holds none of this version.

    Its members know what they learned: `distillation` is empty.
    """
    try:
        schedule = Schedule(**row.schedule)
    except (TypeError, ValueError, EnsearchError) as error:
        raise StorageError(
            f"the storage is damaged: the row of {evaluation_key(row.size, row.network)} of study "
            f"{row.study!r} has no schedule of this version ({error}). Restore a copy of it."
        ) from error
    return Evaluation(
        architecture=Architecture(
            family=row.family, width=row.width, depth=row.depth, resolution=row.resolution
        ),
        schedule=schedule,
        size=row.size,
        trained=row.trained,
        subsets=row.subsets,
        split=row.split,
        cost=Cost(macs=row.macs, params=row.params),
        train_macs=row.train_macs,
        scores=Scores(
            accuracy=row.accuracy,
            nll=row.nll,
            nll_scaled=row.nll_scaled,
            brier=row.brier,
            ece=row.ece,
            disagreement=row.disagreement,
            member_accuracy=row.member_accuracy,
        ),
        on_axis=None if row.price is None else AxisCost(value=row.price),
    )


def trial_row(study: str, record: TrialRecord) -> dict[str, Any]:
    return asdict(record) | {"study": study, "members": list(record.members)}


def trial_record(row: AnyRow) -> TrialRecord:
    return TrialRecord(**tables.fields_of(row) | {"members": tuple(row.members)})


def member_rows(connection: Connection, keys: Iterable[str]) -> list[AnyRow]:
    """Rows of those members that there are."""
    return [
        row
        for chunk in _chunks(keys)
        for row in connection.execute(select(tables.members).where(tables.members.c.key.in_(chunk)))
    ]


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    """SQLite before 3.32 takes at most 999 values in one statement."""
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), 500):
        yield ordered[start : start + 500]
