"""Trained members in a storage: one pool for all studies, with models trained elsewhere."""

import dataclasses
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from sqlalchemy import func, select

from ensearch.core import Predictions
from ensearch.errors import StorageError
from ensearch.store import digests, files, records, tables
from ensearch.store.connection import Connected
from ensearch.store.member_files import MemberFiles
from ensearch.store.models import ModelStore
from ensearch.store.records import SEARCH, MemberRecord


class Members(Connected):
    """The part of a store that keeps members, their predictions, weights and checkpoints."""

    # Both are made once: each asks the database a single time where the files lie.

    @cached_property
    def pool(self) -> ModelStore:
        return ModelStore(self._address, self._engine, self.member_files)

    @cached_property
    def member_files(self) -> MemberFiles:
        """The files of members and of models, with their digests."""
        return MemberFiles(self._address, self._engine)

    def members(self, keys: Iterable[str]) -> dict[str, MemberRecord]:
        """Records by key of those members that there are."""
        with self._read() as connection:
            rows = records.member_rows(connection, keys)
        return {row.key: records.member_record(row) for row in rows}

    def all_members(self) -> list[MemberRecord]:
        """All members, oldest first, without those of an older recipe: nobody asks for these."""
        members = tables.members.c
        query = select(tables.members).order_by(members.created, members.key)
        with self._read() as connection:
            pairs = [(row.key, records.member_record(row)) for row in connection.execute(query)]
        return [record for key, record in pairs if record.member.key == key]

    def failed_members(self, study: str) -> list[MemberRecord]:
        """The members that a study's search and confirmations could not train, oldest first."""
        members = tables.members.c
        query = (
            select(tables.members)
            .where(members.study == study, members.state == "failed")
            .order_by(members.created, members.key)
        )
        with self._read() as connection:
            return [records.member_record(row) for row in connection.execute(query)]

    def add_trained(
        self,
        record: MemberRecord,
        predictions: tuple[Predictions, ...],
        weights: bytes | None,
    ) -> None:
        """Keep a trained member, in place of an older record of it.

        Files come first and the row last, so a kill in between leaves a member that is trained
        again, never one whose files are missing. The record's own splits do not count.
        """
        found = self.member_files.write(record.member.key, predictions, weights)
        splits = tuple(prediction.split for prediction in predictions)
        whole = dataclasses.replace(record, splits=splits, has_weights=weights is not None)
        with self._write() as connection:
            tables.replace(connection, tables.members, [records.member_row(whole)])
            digests.forget(connection, record.member.key)
            digests.put(connection, record.member.key, found)

    def add_predictions(self, key: str, predictions: tuple[Predictions, ...]) -> None:
        """Keep predictions of more splits of a trained member. StorageError if there is none."""
        record = self.members([key]).get(key)
        if record is None:
            raise StorageError(
                f"predictions came for member {key}, which the storage does not hold."
            )
        found = self.member_files.write(key, predictions)
        splits = tuple(sorted({*record.splits, *found}))
        row = records.member_row(dataclasses.replace(record, splits=splits))
        with self._write() as connection:
            tables.replace(connection, tables.members, [row])
            digests.put(connection, key, found)

    def add_failed(self, record: MemberRecord) -> None:
        """Keep that a member could not be trained, in place of an older record of it."""
        row = records.member_row(dataclasses.replace(record, splits=(), has_weights=False))
        with self._write() as connection:
            tables.replace(connection, tables.members, [row])
            digests.forget(connection, record.member.key)

    def trained_macs(self, study: str) -> float:
        """Multiply-adds spent on members that a study's search trained, without failed ones."""
        members = tables.members.c
        query = select(func.sum(members.train_macs)).where(
            members.study == study, members.stage == SEARCH, members.state == "trained"
        )
        with self._read() as connection:
            return connection.execute(query).scalar() or 0.0

    def predictions(self, key: str, split: str) -> Predictions:
        """Logits (N x C, float16) of a member or model.

        Raises StorageError if the file is missing or damaged, or holds others than were written.
        """
        return self.member_files.predictions(key, split)

    def weights_path(self, key: str) -> Path:
        """The safetensors file of a member, as it was written. StorageError if there is none."""
        return self.member_files.weights(key)

    def checkpoint_path(self, key: str) -> Path:
        """Where a member in training may leave its state; the folder exists."""
        with self._root() as root:
            path = files.checkpoint_path(root, key)
            path.parent.mkdir(exist_ok=True)
        return path

    def discard_checkpoint(self, key: str) -> None:
        """Delete what a member in training left; none is no error."""
        path = self.checkpoint_path(key)
        with self.translated():
            files.discard_checkpoint(path)

    def missing_files(self, keys: Iterable[str]) -> list[Path]:
        """Files that the trained members among `keys` should have and do not."""
        with self._read() as connection:
            rows = records.member_rows(connection, keys)
        root = self._present_files()
        return files.missing(root, [(row.key, row.splits, row.has_weights) for row in rows])
