"""Evaluations in the tables, and beside each which images its ensembles got right."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, select

from ensearch.core import Evaluation, SubsetHits, evaluation_key
from ensearch.errors import StorageError
from ensearch.store import records, tables

_ROWS, _OUTCOMES = tables.evaluations, tables.outcomes


def save(
    connection: Connection,
    study: str,
    stage: str,
    evaluations: Sequence[Evaluation],
    members: Sequence[str],
    outcomes: Sequence[SubsetHits],
) -> None:
    """Keep evaluations: see `Store.save_evaluations`."""
    if not evaluations:
        return
    if len({evaluation.network for evaluation in evaluations}) > 1:
        raise ValueError("the evaluations of one call must be of one network.")
    if len(outcomes) not in (0, len(evaluations)):
        raise ValueError(f"{len(evaluations)} evaluations have as many outcomes: {len(outcomes)}.")
    rows = [records.evaluation_row(study, stage, e, members) for e in evaluations]
    tables.replace(connection, _ROWS, rows)
    tables.remove(connection, _OUTCOMES, rows)
    if outcomes:
        kept = [_outcomes_row(*pair) for pair in zip(rows, outcomes, strict=True)]
        connection.execute(_OUTCOMES.insert(), kept)


def _outcomes_row(evaluation: dict[str, Any], outcomes: SubsetHits) -> dict[str, Any]:
    return {
        **{column.name: evaluation[column.name] for column in _OUTCOMES.primary_key},
        "subsets": outcomes.subsets,
        "images": outcomes.hits.shape[1],
        "hits": np.packbits(outcomes.hits).tobytes(),
    }


def load(connection: Connection, study: str, stage: str, split: str | None) -> list[Evaluation]:
    """The evaluations: see `Store.evaluations`."""
    query = select(_ROWS).where(_ROWS.c.study == study, _ROWS.c.stage == stage)
    if split is not None:
        query = query.where(_ROWS.c.split == split)
    evaluations = [records.evaluation_record(row) for row in connection.execute(query)]
    return sorted(evaluations, key=lambda e: (e.cost.macs, e.network, e.size, e.split))


def members(connection: Connection, study: str, stage: str) -> dict[str, tuple[str, ...]]:
    """The members of evaluations: see `Store.evaluation_members`."""
    query = (
        select(_ROWS.c.network, _ROWS.c.members)
        .where(_ROWS.c.study == study, _ROWS.c.stage == stage)
        .order_by(_ROWS.c.network, _ROWS.c.trained)
    )
    # In a dict the last row wins, the one with most members.
    return {row.network: tuple(row.members) for row in connection.execute(query)}


def subset_hits(
    connection: Connection, study: str, stage: str, split: str
) -> dict[str, SubsetHits]:
    """What subsets got right: see `Store.subset_hits`."""
    columns = _OUTCOMES.c
    query = select(_OUTCOMES).where(
        columns.study == study, columns.stage == stage, columns.split == split
    )
    return {evaluation_key(r.size, r.network): _unpacked(r) for r in connection.execute(query)}


def _unpacked(row: Row[Any]) -> SubsetHits:
    """The hits of a row. StorageError where its bits are not those of the subsets and images."""
    bits, count = np.frombuffer(row.hits, np.uint8), len(row.subsets) * row.images
    if len(bits) != -(-count // 8):
        raise StorageError(
            f"the storage is damaged: {len(bits)} bytes hold no outcomes of {len(row.subsets)} "
            f"subsets on {row.images} images ({row.network}). Restore a copy of it."
        )
    hits = np.unpackbits(bits, count=count).view(np.bool_)
    return SubsetHits(subsets=tuple(map(tuple, row.subsets)), hits=hits.reshape(-1, row.images))
