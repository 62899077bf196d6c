"""Records to put into a storage, and what tests of storages do with it."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import update

from ensearch.core import (
    Architecture,
    Cost,
    Evaluation,
    Member,
    Predictions,
    Schedule,
    Scores,
)
from ensearch.errors import StorageError
from ensearch.store import (
    MemberRecord,
    Store,
    StudyRecord,
    TrialRecord,
    lease,
    tables,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SCHEDULE = Schedule(epochs=3)
ONE_STORE = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def member_of(seed: int, width: float = 2.5, depth: int = 10) -> Member:
    return Member(
        architecture=Architecture(family="wide_resnet", width=width, depth=depth, resolution=32),
        schedule=Schedule(epochs=3),
        dataset="abc123",
        seed=seed,
    )


def trial_of(number: int, **changes: Any) -> TrialRecord:
    record = TrialRecord(
        number=number,
        state="done",
        network="wide_resnet-10-2.5@32",
        size=4,
        reason=None,
        overhead_seconds=0.125,
        members=("b", "a"),
    )
    return dataclasses.replace(record, **changes)


def record_of(seed: int, **changes: Any) -> MemberRecord:
    record = MemberRecord(
        member=member_of(seed),
        cost=Cost(macs=5_243_328_768, params=36_479_194),
        train_macs=1.5e15,
        state="trained",
        reason=None,
        detail=None,
        seconds=12.25,
        losses=(2.3, 1.1, 0.1 + 0.2),
        device="cpu",
        study="digits",
        created=NOW,
    )
    return dataclasses.replace(record, **changes)


def predictions_of(member: Member, *splits: str) -> tuple[Predictions, ...]:
    generator = np.random.default_rng(member.seed)
    return tuple(
        Predictions(
            member=member.key, split=s, logits=generator.normal(size=(5, 3)).astype(np.float16)
        )
        for s in splits
    )


def evaluation_of(size: int, trained: int = 4, width: float = 2.5, **scores: float) -> Evaluation:
    values = dict.fromkeys((field.name for field in dataclasses.fields(Scores)), 0.1)
    return Evaluation(
        architecture=Architecture(family="wide_resnet", width=width, depth=10, resolution=32),
        schedule=SCHEDULE,
        size=size,
        trained=trained,
        subsets=6,
        split="val",
        cost=Cost(macs=round(1000 * width) * size, params=7 * size),
        train_macs=3e9 * size,
        scores=Scores(**(values | scores)),
    )


def study_of(name: str, created: datetime = NOW) -> StudyRecord:
    return StudyRecord(name=name, config={"budget": 5e9}, environment={}, created=created)


def failure(call: Callable[[], object]) -> str:
    """The message of the StorageError that `call` must raise."""
    with pytest.raises(StorageError) as caught:
        call()
    assert caught.value.exit_code == 4
    assert "sqlalche.me" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def set_lease(store: Store, **values: object) -> None:
    with store._write() as connection:
        assert connection.execute(update(tables.leases).values(**values)).rowcount == 1


def holder_of(store: Store, study: str) -> lease.LeaseHolder | None:
    """Who holds the lease of a study, alive or not."""
    with store._read() as connection:
        return lease.holder(connection, study)


def done_trial(number: int, e: Evaluation) -> TrialRecord:
    """A trial that ended with the evaluation, as a report reads it."""
    return TrialRecord(
        number=number,
        state="done",
        network=e.network,
        size=e.size,
        reason=None,
        overhead_seconds=0.0,
        members=(),
    )
