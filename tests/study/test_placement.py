"""Where members train: what is said about GPUs, and that the driver asks for none itself."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from ensearch import launch
from ensearch.errors import UnavailableError
from ensearch.study.placement import Placement, placement
from ensearch.training import Gpu, hardware


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Gpu | UnavailableError], list[str]]:
    """Lets workers answer; returns the devices on which they were asked."""

    def answer(found: Gpu | UnavailableError) -> list[str]:
        devices: list[str] = []

        def call_each(function: object, arguments: object, device: str) -> list[Gpu]:
            devices.append(device)
            if isinstance(found, UnavailableError):
                raise found
            return [found]

        module: Any = ModuleType("launcher")
        module.call_each = call_each
        module.warm_up = lambda modules: None
        module.usual = lambda device: {"cpu": 8, "cuda": 2}[device]
        monkeypatch.setattr(launch, "get", lambda name: module)
        monkeypatch.setattr(hardware, "may_have_gpu", lambda: True)
        return devices

    return answer


def placed(device: str | None) -> Placement:
    return placement(
        launcher=None,
        device=device,
        workers=None,
        ray_address=None,
        weights=None,
        families=["wide_resnet"],
    )


Asked = Callable[[Gpu | UnavailableError], list[str]]


def test_a_gpu_is_found_and_named_by_a_worker(asked: Asked) -> None:
    devices = asked(Gpu(name="NVIDIA H100", problem=None))
    where = placed(None)
    assert (where.device, where.name, where.workers, where.notes) == ("cuda", "NVIDIA H100", 2, ())
    assert devices == ["cuda"]
    torch = sys.modules.get("torch")
    assert torch is None or not torch.cuda.is_initialized()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Gpu(name="", problem="it found none"), "although this machine seems to have a GPU"),
        (
            UnavailableError("no node has a GPU", problem="no_ray_room"),
            "the CPU: no node has a GPU",
        ),
    ],
)
def test_auto_says_why_it_is_the_cpu(
    asked: Asked, found: Gpu | UnavailableError, said: str
) -> None:
    asked(found)
    where = placed("auto")
    assert (where.device, where.workers) == ("cpu", 8)
    (note,) = where.notes
    assert said in note


def test_auto_does_not_hide_that_no_worker_can_be_started(asked: Asked) -> None:
    asked(UnavailableError("no worker process can be started", problem="no_worker"))
    with pytest.raises(UnavailableError):
        placed("auto")


def test_whoever_asks_for_a_gpu_gets_one_or_an_error(asked: Asked) -> None:
    asked(Gpu(name="", problem="it found none"))
    with pytest.raises(UnavailableError, match="it found none") as caught:
        placed("cuda")
    assert caught.value.problem == "no_cuda"
    assert placed("cpu").notes == ()
