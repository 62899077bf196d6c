"""Fixtures that several files share."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import URL

from ensearch.store import Store
from tests import models, servers
from tests.command_line import TINY, ensearch

# A busy machine is no fault of the code: no example is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell starts what runs in the background with Ctrl-C ignored, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """A PostgreSQL server, started with the first test that wants one."""
    with servers.server() as url:
        yield url


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes, started with the first test that wants one."""
    with servers.ray_cluster() as cluster:
        yield cluster


@pytest.fixture
def postgresql(server: URL) -> Iterator[URL]:
    """An empty PostgreSQL database."""
    with servers.database(server) as url:
        yield url


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage that does not exist yet: SQLite, or as `servers.BOTH_DATABASES` asks."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/deep/ensearch.db"
    database: URL = request.getfixturevalue("postgresql")
    named = database.set(query={"files": f"{tmp_path}/deep/ensearch.members"})
    return named.render_as_string(hide_password=False)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url, create=True, busy_timeout=0.2)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with a tiny search space in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


@pytest.fixture
def pool(folder: Path) -> Path:
    """A working directory whose storage holds the models of `models.world`."""
    for name, network, content in models.world():
        models.write(Path("p.npz"), content)
        macs = "1M" if network == "small" else "10M"
        line = f"pool import p.npz --name {name} --macs {macs} --network {network}"
        assert ensearch(line).exit_code == 0
    return folder
