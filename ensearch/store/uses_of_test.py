"""Who has used the labels of a test split: after the first use, numbers are biased upward.

Every use is kept for good. A use of a half of a test split is one of the whole as well, because who
has seen the half has seen a part of the whole, and the other way round.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from ensearch.core import Labels
from ensearch.store import tables
from ensearch.store.connection import Connected
from ensearch.store.records import REMOVED

_USES, _HALVES = tables.uses_of_test, tables.halves
CONFIRM = "confirm"


@dataclass(frozen=True, slots=True, kw_only=True)
class UseOfTest:
    """One use of test labels by `verb`, such as "front" or "pool list".

    `details` tell this use from others of its verb, such as what was searched. `labels` is the
    fingerprint of the labels that were seen; None where it is known only that it was a half of
    them. A confirmation names its `study` and its `plan`.
    """

    verb: str
    used: datetime  # with a time zone; comes back in UTC
    labels: str | None
    details: str = ""
    study: str = ""
    plan: int | None = None

    def repeats(self, verb: str, details: str) -> bool:
        """Whether it is the same use as one by `verb` with these details."""
        return (self.verb, self.details) == (verb, details)


class UsesOfTest(Connected):
    """The part of a `Store` that keeps them. Its methods raise StorageError."""

    def link_halves(self, whole: str, one: str, other: str) -> None:
        """Keep that the labels `one` and `other` are of the halves of the test labels `whole`."""
        rows = [
            {"labels": half, "whole": whole, "other": rest}
            for half, rest in ((one, other), (other, one))
        ]
        with self._read() as connection:
            if all(_half(connection, row["labels"]) == (whole, row["other"]) for row in rows):
                return
        with self._write() as connection:
            tables.replace(connection, _HALVES, rows)

    def record_use_of_test(
        self, labels: str, verb: str, details: str = ""
    ) -> tuple[UseOfTest, ...]:
        """Record that `verb` uses test labels; the uses before, oldest first.

        Confirmations of studies on the same images count, and so does the same use before: what
        was seen then may have led to this one.
        """
        with self._write() as connection:
            before = _uses(connection, labels)
            whole, _ = _half(connection, labels)
            connection.execute(_USES.insert(), [_row(verb, details, labels, whole)])
        return before

    def uses_of_test(self, labels: str) -> tuple[UseOfTest, ...]:
        """Every use of these labels, of the whole of which they are a half, and of its halves.

        Oldest first. The other half of the same whole shares no image with these labels, so its
        uses do not count; halves by other seeds share some.
        """
        with self._read() as connection:
            return _uses(connection, labels)

    def confirm_on_test(self, study: str, plan: int, labels: Labels) -> None:
        """Record that a plan of confirmation uses test, unless it did before.

        The N labels are kept for reports.
        """
        with self._write() as connection:
            if plan in {use.plan for use in _by_confirmations(connection, study)}:
                return
            row = {"study": study, "split": "test", "labels": labels.tolist()}
            tables.replace(connection, tables.study_labels, [row])
            row = _row(CONFIRM, study, None, None) | {"study": study, "plan": plan}
            connection.execute(_USES.insert(), [row])

    def confirmations_on_test(self, study: str) -> tuple[UseOfTest, ...]:
        """The uses of test by a study's confirmations, oldest first.

        Nothing is ever taken away: numbers after the first use are biased upward, because the
        first ones may have led to the second plan.
        """
        with self._read() as connection:
            return tuple(_by_confirmations(connection, study))

    def uses_before_confirmation(self, study: str, plan: int) -> tuple[UseOfTest, ...]:
        """Uses of a study's test labels before those by a plan of confirmation, or so far."""
        by_plans = self.confirmations_on_test(study)
        own = next((use.used for use in by_plans if use.plan == plan), None)
        others = [use for use in by_plans if use.plan != plan]
        uses = (*others, *self.other_uses_of_test(study))
        return tuple(use for use in uses if own is None or use.used <= own)

    def other_uses_of_test(self, study: str) -> tuple[UseOfTest, ...]:
        """Uses of a study's test labels by others than its confirmations, oldest first."""
        with self._read() as connection:
            labels = _test_labels(connection).get(study)
            uses = () if labels is None else _uses(connection, labels)
        return tuple(use for use in uses if use.study != study)


def summary(uses: Iterable[UseOfTest], verb: str = "", details: str = "") -> str:
    """Words for uses: `3 times before (front twice, once this same use; pool list once)`."""
    every = list(uses)
    parts = []
    for name, count in Counter(map(_name, every)).items():
        same = sum(use.repeats(verb, details) for use in every if _name(use) == name)
        again = "" if not same else f", {'' if same == count else _times(same) + ' '}this same use"
        parts.append(f"{name} {_times(count)}{again}")
    return f"{_times(len(every))} before ({'; '.join(parts)})"


def sentence(labels: str, before: Iterable[UseOfTest], verb: str, details: str = "") -> str:
    """The news of a use of test labels: whether they were used before, by whom and how often."""
    every = tuple(before)
    if not every:
        return f"the test split {labels[:8]} is used for the first time"
    partly = any(use.labels != labels for use in every)
    return (
        f"the test split {labels[:8]}{', or images of it,' * partly} has been "
        f"used {summary(every, verb, details)}: its numbers are optimistic"
    )


def _name(use: UseOfTest) -> str:
    return f"{use.verb} {use.study}" if use.study else use.verb


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _uses(connection: Connection, labels: str) -> tuple[UseOfTest, ...]:
    whole, other = _half(connection, labels)
    match = or_(_USES.c.whole == whole, _USES.c.labels == labels)
    rows = connection.execute(select(_USES).where(match, _USES.c.study.is_(None)))
    uses = [(row.id, _use(row)) for row in rows]
    if whole != labels:
        uses = [(number, use) for number, use in uses if use.labels not in (None, other)]
    studies = {name for name, test in _test_labels(connection).items() if test == whole}
    rows = connection.execute(select(_USES).where(_USES.c.study.is_not(None)))
    uses += [(row.id, _use(row, whole)) for row in rows if row.study in studies]
    return tuple(use for _, use in sorted(uses, key=lambda pair: (pair[1].used, pair[0])))


def _by_confirmations(connection: Connection, study: str) -> list[UseOfTest]:
    query = select(_USES).where(_USES.c.study == study).order_by(_USES.c.used, _USES.c.id)
    labels = _test_labels(connection).get(study)
    return [_use(row, labels) for row in connection.execute(query)]


def _test_labels(connection: Connection) -> dict[str, str]:
    """The fingerprint of the test labels of each study whose labels are known."""
    known = {row.fingerprint: row.labels for row in connection.execute(select(tables.datasets))}
    rows = connection.execute(select(tables.studies.c.name, tables.studies.c.config))
    of_studies = {row.name: known.get(str(row.config.get("fingerprint")), {}) for row in rows}
    return {name: labels["test"] for name, labels in of_studies.items() if "test" in labels}


def _half(connection: Connection, labels: str) -> tuple[str, str]:
    """The labels of which these are a half, and the other half; else these and nothing."""
    query = select(_HALVES.c.whole, _HALVES.c.other).where(_HALVES.c.labels == labels)
    row = connection.execute(query).one_or_none()
    return (labels, "") if row is None else (row.whole, row.other)


def forget_study(connection: Connection, study: str) -> None:
    """Keep the uses of test by a study that is taken out: as uses of its labels."""
    labels = _test_labels(connection).get(study)
    values = {"study": None, "plan": None, "labels": labels, "whole": labels}
    kept = update(_USES).where(_USES.c.study == study)
    connection.execute(kept.values(values | {"details": study + REMOVED}))


def _row(verb: str, details: str, labels: str | None, whole: str | None) -> dict[str, object]:
    return {
        "verb": verb,
        "details": details,
        "used": datetime.now(UTC),
        "labels": labels,
        "whole": whole,
        "study": None,
        "plan": None,
    }


def _use(row: Row[Any], labels: str | None = None) -> UseOfTest:
    return UseOfTest(
        verb=row.verb,
        details=row.details,
        used=row.used,
        labels=labels if row.study else row.labels,
        study=row.study or "",
        plan=row.plan,
    )
