"""Fixtures that open launchers, or start programs that do."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ensearch import launch
from ensearch.launch import ray as launch_ray
from tests import servers
from tests.launchers import (
    Driver,
    Opener,
    Program,
    opener_of,
)


@pytest.fixture(scope="package")
def ray_cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes, started with the first test that wants one.

    It ends with the last test of this folder: a cluster that nobody uses takes CPU time, too.
    """
    with servers.ray_cluster() as cluster:
        yield cluster


@pytest.fixture(params=launch.names())
def opener(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens any launcher, and closes what the test left open."""
    if request.param == "ray":
        yield request.getfixturevalue("ray")
    else:
        yield from opener_of(request.param)


@pytest.fixture
def processes() -> Iterator[Opener]:
    yield from opener_of("processes")


@pytest.fixture
def driver() -> Iterator[Driver]:
    """Starts programs that use `tests.trainers`, and ends what is left of them.

    Nothing there needs torch, whose import takes seconds: workers have it only on request.
    """
    programs: list[Program] = []

    def start(body: str, file: Path | None = None, preload: bool = False) -> Program:
        code = textwrap.dedent(body)
        if not preload:
            code = f"from ensearch.launch import _workers\n_workers._PRELOAD = []\n{code}"
        if file is not None:
            file.write_text(code)
        program = subprocess.Popen(
            [sys.executable, *(["-c", code] if file is None else [str(file)])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        programs.append(program)
        return program

    yield start
    for program in programs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()


@pytest.fixture(scope="package")
def ray_connection(ray_cluster: Any) -> Iterator[None]:
    """Ends what `ray` leaves open."""
    yield
    disconnect()


def disconnect() -> None:
    if launch_ray._opened:
        launch_ray._disconnect(launch_ray._connect())


@pytest.fixture
def ray(ray_connection: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Opens launchers on the cluster, and closes what the test left open, but not the connection.

    Of each connection Ray starts workers anew, which takes two nodes three seconds of a core.
    """
    monkeypatch.setattr(launch_ray, "_disconnect", lambda _: None)
    yield from opener_of("ray")


@pytest.fixture
def connecting(ray_cluster: Any) -> Iterator[Opener]:
    """Opens launchers that connect to the cluster each for itself."""
    disconnect()
    yield from opener_of("ray")
