"""Fixtures that several files share."""

import functools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic.util.pyfiles import load_python_file
from hypothesis import settings
from sqlalchemy import URL, Engine, event

from ensearch.exports import verification
from ensearch.store import Store
from ensearch.training import hardware
from tests import models, servers
from tests.command_line import TINY, ensearch, quick

# Kernels of training are interpreted where there is no GPU; Triton asks when it is imported.
if not hardware.may_have_gpu():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# A busy machine is no fault of the code: no example is timed. Every run tries the same examples.
settings.register_profile("untimed", deadline=None, derandomize=True)
settings.load_profile("untimed")

# Files that take longest, from the longest on. They are begun first, so that of several processes
# none is left with one of them when the others have nothing to do. The two that need Ray follow
# each other: of two processes one runs both, on one cluster, while the other is at the first file.
LONGEST = (
    "cli/test_app.py", "launch/test_ray.py", "launch/test_contract.py", "study/test_search.py",
    "confirmation/test_run.py", "fronts/test_attacks.py", "study/test_sampler.py", "test_docs.py",
    "study/test_settlement.py", "api/test_library.py", "cli/test_settle.py",
    "store/test_postgres.py", "training/test_group.py", "cli/test_front.py",
    "exports/test_folder.py", "training/test_fused.py", "study/test_kill.py",
    "store/test_migrations.py", "report/test_browser.py", "cli/test_pool.py",
    "exports/test_cascade.py", "confirmation/test_settling.py", "cli/test_study.py",
)  # fmt: skip

# A shell starts what runs in the background with Ctrl-C ignored, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    ranks = {here / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(LONGEST)))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws by torch's own generator depends on no test before it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def revisions_read_once() -> Iterator[None]:
    """For every new storage Alembic runs the files of all revisions of Optuna's tables, 0.12 s."""
    kept = functools.cache(load_python_file)

    def load(folder: str, file: str) -> Any:
        # This one is no revision: to run it is to do what was asked.
        return (load_python_file if file == "env.py" else kept)(folder, file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alembic.util.load_python_file", load)
        yield


@pytest.fixture(scope="session", autouse=True)
def not_waiting_for_the_disk() -> Iterator[None]:
    """Nothing that runs or is killed in a test can show what only a cut of the power loses.

    A file that is no longer open is refused still, and tests of a full disk refuse on their own.
    """

    def unsynced(descriptor: int) -> None:
        os.fstat(descriptor)

    # What the package itself sets for its connections comes after this.
    def unsynced_sqlite(connection: Any, record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", unsynced_sqlite)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", unsynced)
        yield
    event.remove(Engine, "connect", unsynced_sqlite)


# All tests have these without `monkeypatch`, which a test that asks for it last undoes first.


@pytest.fixture(autouse=True)
def measured_briefly() -> Iterator[None]:
    """The same measurement of the speed, on fewer steps: two seconds of every new storage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ensearch.study.speed._MEASURED_SECONDS", 0.02)
        yield


@pytest.fixture(autouse=True)
def undrawn() -> Iterator[None]:
    """Files of figures hold next to nothing: drawing nine takes longer than a short study.

    The tests of reports override this. Programs in processes of their own draw, too.
    """
    empty = b"<svg><defs></defs></svg>"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ensearch.report._matplotlib._saved", lambda *_, **__: empty)
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """A PostgreSQL server, started with the first test that wants one."""
    with servers.server() as url:
        yield url


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


@pytest.fixture(scope="session")
def quick_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `studies` after `command_line.quick`, to be copied."""
    where = tmp_path_factory.mktemp("quick")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        (where / "tiny.toml").write_text(TINY)
        ran = quick()
        assert ran.exit_code == 0, ran.stderr
    return where / "studies"


@pytest.fixture
def studied(folder: Path, quick_study: Path) -> Path:
    """A working directory with the study of `command_line.quick`, trained once for all tests."""
    shutil.copytree(quick_study, folder / "studies")
    return folder


@pytest.fixture(scope="session")
def imported_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose storage holds the models of `models.world`, to be copied."""
    where = tmp_path_factory.mktemp("imported")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        for name, network, content in models.world():
            models.write(Path("p.npz"), content)
            macs = "1M" if network == "small" else "10M"
            line = f"pool import p.npz --name {name} --macs {macs} --network {network}"
            assert ensearch(line).exit_code == 0
    return where


@pytest.fixture
def pool(folder: Path, imported_models: Path) -> Path:
    """A working directory whose storage holds the models of `models.world`."""
    shutil.copytree(imported_models, folder, dirs_exist_ok=True)
    return folder


def run_here(command: list[str], *, cwd: Path, **_: object) -> "subprocess.CompletedProcess[str]":
    """`subprocess.run` of `python -B -c PROGRAM ...`, in this process and without ensearch."""
    _python, _option, _c, program, *arguments = command
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["-c", *arguments])
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(sys, "path_importer_cache", {})
        patch.setattr(sys, "dont_write_bytecode", True)
        for name in ("ensearch", "predict", "model"):
            patch.setitem(sys.modules, name, None)
        del sys.modules["predict"], sys.modules["model"]
        exec(program, {"__name__": "__main__"})
    return subprocess.CompletedProcess(command, 0)


@pytest.fixture
def verified_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports are verified in this process: in one of its own, torch is imported for seconds."""
    monkeypatch.setattr(verification, "subprocess", SimpleNamespace(run=run_here))
