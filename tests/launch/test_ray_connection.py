"""To which cluster the Ray launcher is connected, with a stand-in for Ray."""

from types import SimpleNamespace
from typing import Any

import pytest

from ensearch.launch import ray as launch_ray


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses in the order in which the stand-in was connected to them; "" where it was ended."""
    told: list[str] = []

    def init(address: str, **_options: Any) -> None:
        told.append(address)

    def shutdown() -> None:
        told.append("")

    fake = SimpleNamespace(
        init=init,
        shutdown=shutdown,
        is_initialized=lambda: bool(told and told[-1]),
        nodes=lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}],
        _private=SimpleNamespace(worker=SimpleNamespace(_worker_logs_enabled=True)),
    )
    monkeypatch.setattr(launch_ray, "_imported", lambda: fake)
    monkeypatch.setattr(launch_ray, "_opened", [])
    return told


def test_a_connection_that_was_left_open_is_used_for_its_own_address_alone(
    connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    launch_ray.usual("cpu")
    launch_ray.usual("cpu")
    assert connected == ["local"]
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    launch_ray.usual("cpu")
    assert connected == ["local", "", "auto"]


def test_the_connection_of_a_program_itself_is_used_for_every_address(
    connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.append("of the program")
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    launch_ray.usual("cpu")
    assert connected == ["of the program"]
