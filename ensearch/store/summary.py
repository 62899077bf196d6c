"""Studies in numbers, by a few aggregate queries however many evaluations there are."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from ensearch.store import tables
from ensearch.store.lease import is_alive
from ensearch.store.records import FOR_GOOD, SEARCH, StudySummary
from ensearch.store.study_state import AnswerRecord


def summaries(connection: Connection) -> list[StudySummary]:
    """One summary a study, oldest first."""
    trials, members, evaluations = tables.trials.c, tables.members.c, tables.evaluations.c
    ended = _totals(connection, func.count(), trials.study, trials.state)
    for_good = trials.reason == FOR_GOOD
    repeating = _totals(connection, func.count(), trials.study, where=for_good)
    evaluated = _totals(connection, func.count(), evaluations.study)
    searched = evaluations.stage == SEARCH
    networks = _totals(connection, func.sum(evaluations.trained), evaluations.study, where=searched)
    of_search = members.stage == SEARCH
    trained = _totals(connection, func.count(), members.study, members.state, where=of_search)
    spent = _totals(connection, func.sum(members.train_macs), members.study, where=of_search)
    leases = connection.execute(select(tables.leases)).all()
    now = tables.now(connection)
    running = {row.study for row in leases if is_alive(row, now)}
    plans = tables.settlements.c
    settling = set(connection.scalars(select(plans.study).where(plans.ended.is_(None))))
    studies = tables.studies.c
    query = select(
        studies.name,
        studies.created,
        studies.trials_asked,
        studies.ended,
        studies.answer,
        studies.answer_of,
    ).order_by(studies.created, studies.name)
    return [
        StudySummary(
            name=name,
            created=created,
            trials_done=ended.get((name, "done"), 0),
            trials_failed=ended.get((name, "failed"), 0),
            trials_over=ended.get((name, "done"), 0) + repeating.get((name,), 0),
            evaluations=evaluated.get((name,), 0),
            members=trained.get((name, "trained"), 0),
            member_failures=trained.get((name, "failed"), 0),
            train_macs=spent.get((name,), 0.0),
            running=name in running,
            trials_asked=trials_asked,
            ended=ended_by,
            trained=networks.get((name,), 0),
            answer=AnswerRecord(of=answer_of, content=answer) if answer_of else None,
            settling=name in settling,
        )
        for name, created, trials_asked, ended_by, answer, answer_of in connection.execute(query)
    ]


def _totals(
    connection: Connection,
    total: ColumnElement[Any],
    *by: ColumnElement[str],
    where: ColumnElement[bool] | None = None,
) -> dict[tuple[str, ...], Any]:
    query = select(*by, total).group_by(*by)
    rows = connection.execute(query if where is None else query.where(where))
    return {tuple(row[:-1]): row[-1] for row in rows}
