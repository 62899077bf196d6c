"""Tables of TOML and JSON, read key by key: errors name what is not legal, and what would be."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ensearch.errors import UsageError, unknown

T = TypeVar("T")


def read_toml(path: Path) -> dict[str, object]:
    """Return the file's table; UsageError with the place of the mistake if it is not TOML."""
    try:
        # Editors of Windows put a byte order mark in front.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    # ValueError: not TOML, not UTF-8, or a number of thousands of digits.
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def check_keys(table: Mapping[str, object], known: list[str], where: str) -> None:
    """Raise UsageError for the first key that does not exist, naming the nearest that does."""
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {unknown('key', key, known)}")


class Reader:
    """Takes one key at a time out of a table, checked and converted."""

    def __init__(self, table: Mapping[str, object], where: str) -> None:
        self.table, self.where = table, where

    def __call__(
        self,
        key: str,
        expected: str,
        is_legal: Callable[[object], bool],
        convert: Callable[..., T],
        default: T | None = None,
    ) -> T:
        if key not in self.table:
            if default is not None:
                return default
            raise UsageError(f"{self.where}: the key {key!r} is missing; it must be {expected}.")
        value = self.table[key]
        if not is_legal(value):
            raise UsageError(f"{self.where}: {key} must be {expected}; got {value!r}.")
        return convert(value)


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
