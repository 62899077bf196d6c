"""How often a study was looked at for a verdict, and what was planned before each look.

Every look makes a share of the error that a study may make, for good: nothing here is ever taken
away, so that no error is spent twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from ensearch.store import tables
from ensearch.store.connection import Connected

_SETTLEMENTS, _LOOKS = tables.settlements, tables.looks


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRecord:
    """A plan to settle a study; `ended` says why it ended, None while it is under way.

    `cost` is what it may spend in times of the search's training, and `allowed` the same in
    multiply-adds; None until it begins. It looks at most `looks` times, each with a `share` of the
    study's error. `margin` is a fraction of accuracy.
    """

    number: int  # counts a study's plans from 1
    margin: float
    cost: float
    looks: int
    share: float
    created: datetime  # with a time zone; comes back in UTC
    allowed: float | None = None
    ended: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRecord:
    """A look at a study: planned, and with `seen` over.

    `members` are what is trained before it: networks with how many members each then has, and the
    size of the largest ensembles that are evaluated of them, for an estimated `train_macs`.
    `trained` is that of `StudySummary` at the look. `claims` are those of `ensearch.fronts.Claim`
    as plain data. `settlement` is the number of the plan, None for the look at the end of a search.
    """

    number: int  # counts a study's looks from 1
    share: float
    settlement: int | None = None
    members: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    train_macs: float = 0.0
    trained: int | None = None
    claims: Sequence[Mapping[str, Any]] = ()
    seen: datetime | None = None  # with a time zone; comes back in UTC


class Settlements(Connected):
    """The part of a `Store` that keeps these. Its methods raise StorageError."""

    def save_settlement(self, study: str, record: SettlementRecord) -> None:
        """Keep a plan, in place of an older state of it. Any other that is under way ends."""
        others = (
            (_SETTLEMENTS.c.study == study)
            & (_SETTLEMENTS.c.number != record.number)
            & _SETTLEMENTS.c.ended.is_(None)
        )
        with self._write() as connection:
            connection.execute(update(_SETTLEMENTS).where(others).values(ended="replaced"))
            tables.replace(connection, _SETTLEMENTS, [{"study": study} | asdict(record)])

    def settlements(self, study: str) -> list[SettlementRecord]:
        """A study's plans, by number."""
        query = select(_SETTLEMENTS).where(_SETTLEMENTS.c.study == study)
        with self._read() as connection:
            rows = connection.execute(query.order_by(_SETTLEMENTS.c.number)).all()
        return [SettlementRecord(**tables.fields_of(row)) for row in rows]

    def open_settlement(self, study: str) -> SettlementRecord | None:
        """The plan that is under way, None if there is none."""
        return next((each for each in self.settlements(study) if each.ended is None), None)

    def save_look(self, study: str, record: LookRecord) -> None:
        """Keep a look, in place of its plan. ValueError if it was seen before."""
        row = {"study": study} | asdict(record)
        with self._write() as connection:
            mine = (_LOOKS.c.study == study) & (_LOOKS.c.number == record.number)
            if connection.execute(select(_LOOKS.c.seen).where(mine)).scalar() is not None:
                raise ValueError(f"look {record.number} at study {study} is over.")
            tables.replace(connection, _LOOKS, [row])

    def looks(self, study: str) -> list[LookRecord]:
        """The looks at a study, by number; the last one may be only planned."""
        query = select(_LOOKS).where(_LOOKS.c.study == study).order_by(_LOOKS.c.number)
        with self._read() as connection:
            rows = connection.execute(query).all()
        return [
            LookRecord(
                **tables.fields_of(row)
                | {"members": {name: (n, largest) for name, (n, largest) in row.members.items()}}
            )
            for row in rows
        ]
