"""Fixtures that several files share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ensearch.store import Store


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/deep/ensearch.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url, create=True, busy_timeout=0.2)
    yield opened
    opened.close()
