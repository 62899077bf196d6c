"""Devices: which is taken, what is refused, and in which precision members train on it."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from ensearch import families, training
from ensearch.core import Architecture
from ensearch.datasets import Dataset
from ensearch.errors import UnavailableError, UsageError
from ensearch.launch import MemberJob
from ensearch.training import device, hardware
from ensearch.training.depthwise import Depthwise
from ensearch.training.device import mixed_precision
from tests.members import (
    SHORT,
    changed,
    logits,
    trained,
)


def test_auto_is_the_gpu_where_there_is_one() -> None:
    assert training.resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert training.resolve_device("cpu") == "cpu"


def test_auto_asks_pytorch_unless_the_system_knows_of_no_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", lambda *_, **__: torch.zeros(1))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(hardware, "may_have_gpu", lambda: True)
    assert training.resolve_device("auto") == "cuda"
    monkeypatch.setattr(hardware, "may_have_gpu", lambda: False)
    assert training.resolve_device("auto") == "cpu"
    assert training.resolve_device("cuda") == "cuda"  # whoever asks for it has PyTorch asked


def test_an_unknown_device_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cuda'"):
        training.resolve_device("cude")


def test_cuda_without_a_gpu_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnavailableError, match="it found none") as caught:
        training.resolve_device("cuda")
    assert caught.value.problem == "no_cuda"


def test_a_gpu_that_does_not_answer_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nmore lines")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", dead)
    monkeypatch.setattr(hardware, "may_have_gpu", lambda: True)
    with pytest.raises(UnavailableError, match="no kernel image is available"):
        training.resolve_device("cuda")
    assert training.resolve_device("auto") == "cpu"


def test_a_device_has_a_name() -> None:
    assert training.describe_device("cpu").strip() != ""


@pytest.mark.parametrize("capable", [True, False])
def test_products_are_bfloat16_on_cuda_and_on_cpus_that_have_it(
    monkeypatch: pytest.MonkeyPatch, capable: bool
) -> None:
    asked: list[tuple[str, torch.dtype, bool]] = []
    monkeypatch.setattr(
        torch, "autocast", lambda device, dtype, enabled: asked.append((device, dtype, enabled))
    )
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: capable)
    mixed_precision("cuda")
    mixed_precision("cpu")
    assert asked == [("cuda", torch.bfloat16, True), ("cpu", torch.bfloat16, capable)]
    assert training.describe_device("cpu").endswith("(bfloat16)" if capable else "(float32)")


@pytest.mark.parametrize("capable", [True, False])
def test_a_member_trains_on_any_cpu_and_predicts_in_float32(
    job: MemberJob, digits: Dataset, monkeypatch: pytest.MonkeyPatch, capable: bool
) -> None:
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: capable)
    seen: set[tuple[bool, torch.dtype]] = set()
    built = families.build

    def watched(*arguments: Any) -> nn.Module:
        model = built(*arguments)
        model.register_forward_hook(lambda _, __, out: seen.add((model.training, out.dtype)))
        return model

    monkeypatch.setattr(families, "build", watched)
    outcome = trained(changed(job, schedule=replace(SHORT, epochs=10)))
    assert seen == {
        (True, torch.bfloat16 if capable else torch.float32),
        (False, torch.float32),
    }
    assert (logits(outcome).argmax(axis=1) == digits.y_val).mean() > 0.4


def test_depthwise_convolutions_stay_in_float32_on_a_cpu() -> None:
    """And nothing else of the network changes: names, weights, outputs, copies."""
    one = Architecture(family="efficientnet", width=0.1, depth=0.1, resolution=32)
    torch.manual_seed(0)
    plain = families.build(one, 3, 10).to(memory_format=torch.channels_last).eval()
    placed = device.prepared(copy.deepcopy(plain), "cpu")
    found = [m for m in copy.deepcopy(placed).modules() if isinstance(m, Depthwise)]
    assert len(found) == 7, "one in every block"
    seen = []
    for module in placed.modules():
        if isinstance(module, Depthwise):
            module.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(placed(x), plain(x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert placed(x).dtype == torch.bfloat16
    assert seen == 14 * [torch.float32]
    for (name, left), (other, right) in zip(
        plain.state_dict().items(), placed.state_dict().items(), strict=True
    ):
        assert name == other
        assert torch.equal(left, right)
