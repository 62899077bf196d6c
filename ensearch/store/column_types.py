"""Types of columns that hold the same on every database."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Dialect, String, Text, TypeDecorator

from ensearch.errors import StorageError


class Json(TypeDecorator[Any]):
    """JSON as text, so that every float comes back exactly and on every database alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str:
        return json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        try:
            return json.loads(value or "")
        except ValueError as error:
            raise StorageError(
                f"the storage is damaged: {value!r:.80} is not JSON. Restore a copy of it."
            ) from error


class Utc(TypeDecorator[datetime]):
    """A time in UTC as ISO text, None as NULL: SQLite's own column of times drops the zone."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time needs a time zone; got {value!r}.")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        try:
            return None if value is None else datetime.fromisoformat(value)
        except ValueError as error:
            raise StorageError(
                f"the storage is damaged: {value!r:.80} is not a time. Restore a copy of it."
            ) from error


class OptionalJson(Json):
    """JSON as text, or nothing: None is NULL."""

    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:  # type: ignore[override]
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else super().process_result_value(value, dialect)
