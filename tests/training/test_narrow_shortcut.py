"""Strided 1 x 1 convolutions of few channels, which oneDNN must not compute on AVX2 CPUs."""

import copy
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn

from ensearch import families
from ensearch.core import Architecture
from ensearch.training.device import NarrowShortcut, prepared
from tests.networks import NAMES, SIZED, built


@pytest.fixture
def _avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU whose strided kernel overruns, whichever this one is."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")


def shortcut(channels: int, stride: tuple[int, int] = (2, 2), bias: bool = False) -> nn.Conv2d:
    """A layer with weights drawn from a fixed seed."""
    torch.manual_seed(0)
    return nn.Conv2d(channels, 12, 1, stride, bias=bias)


def by_hand(layer: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """What a 1 x 1 convolution computes, in float64 and without any convolution."""
    down, right = layer.stride
    kept = x[:, :, ::down, ::right].double()
    y = torch.einsum("nchw,oc->nohw", kept, layer.weight[:, :, 0, 0].double())
    return y if layer.bias is None else y + layer.bias.double()[:, None, None]


@pytest.mark.usefixtures("_avx2")
@pytest.mark.parametrize("stride", [(2, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("channels", range(1, 8))
def test_values_and_gradients_are_those_of_a_convolution(
    channels: int, stride: tuple[int, int]
) -> None:
    plain = shortcut(channels, stride, bias=channels % 2 == 0)
    narrow = prepared(copy.deepcopy(plain), "cpu")
    assert type(narrow) is NarrowShortcut
    x = torch.randn(5, channels, 9, 8).to(memory_format=torch.channels_last)
    with torch.no_grad():
        torch.testing.assert_close(narrow(x), plain(x))
    pairs = []
    for layer, compute in ((narrow, narrow), (plain, lambda x: by_hand(plain, x))):
        own = x.clone().requires_grad_()
        y = compute(own)
        weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype)
        (y * weights).sum().backward()
        pairs.append([y.detach(), own.grad, *(p.grad for p in layer.parameters())])
    for mine, expected in zip(*pairs, strict=True):
        torch.testing.assert_close(mine, expected, check_dtype=False, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("_avx2")
@pytest.mark.parametrize(
    ("layer", "is_narrow"),
    [
        (nn.Conv2d(1, 4, 1, 2), True),
        (nn.Conv2d(7, 4, 1, (1, 2)), True),
        (nn.Conv2d(8, 4, 1, 2), False),
        (nn.Conv2d(4, 4, 1, 1), False),
        (nn.Conv2d(4, 4, 3, 2), False),
        (nn.Conv2d(4, 4, 1, 2, groups=2), False),
        (nn.Conv2d(4, 4, 1, 2, padding=1), False),  # it keeps other pixels
    ],
)
def test_only_what_overruns_is_replaced(layer: nn.Conv2d, is_narrow: bool) -> None:
    assert (type(prepared(layer, "cpu")) is NarrowShortcut) == is_narrow


def test_where_the_cpu_has_avx512_nothing_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert type(prepared(shortcut(4), "cpu")) is nn.Conv2d


@pytest.mark.usefixtures("_avx2")
def test_the_state_and_its_names_stay_and_load_into_a_convolution() -> None:
    plain = shortcut(4, bias=True)
    narrow = prepared(copy.deepcopy(plain), "cpu")
    assert list(narrow.state_dict()) == ["weight", "bias"]
    assert all(torch.equal(narrow.state_dict()[k], v) for k, v in plain.state_dict().items())
    nn.Conv2d(4, 12, 1, 2).load_state_dict(narrow.state_dict())


@pytest.mark.usefixtures("_avx2")
@pytest.mark.parametrize("name", NAMES)
def test_no_family_keeps_a_shortcut_that_overruns(name: str) -> None:
    """Subclasses of Conv2d count too: `prepared` could not replace those."""
    family = families.get(name)
    narrowest = Architecture(
        family=name,
        width=family.WIDTHS.low,
        depth=family.DEPTHS.low,
        resolution=max(32, family.MIN_RESOLUTION),
    )
    for module in prepared(built(narrowest, seed=0), "cpu").modules():
        if isinstance(module, nn.Conv2d) and not isinstance(module, NarrowShortcut):
            strided = module.kernel_size == (1, 1) and module.stride != (1, 1)
            assert not (strided and module.groups == 1 and module.in_channels < 8), module


def test_wide_resnets_have_such_shortcuts() -> None:
    assert "wide_resnet" in SIZED
    narrow = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8)
    shortcuts = [m for m in built(narrow, seed=0).modules() if getattr(m, "stride", None) == (2, 2)]
    assert [m.in_channels for m in shortcuts if m.kernel_size == (1, 1)] == [4, 8]


def test_a_process_that_trains_a_narrow_wide_resnet_ends_well() -> None:
    """The heap was corrupted without an error at once: the process died later, or at its end."""
    program = """
        import torch

        from ensearch import families
        from ensearch.core import Architecture, Schedule
        from ensearch.training import measure_speed, optimizer
        from ensearch.training.device import prepared, reproducible
        from ensearch.training.loop import train_step
        from ensearch.training.state import State

        network = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8)
        with reproducible("cpu"):
            torch.manual_seed(0)
            model = prepared(families.build(network, 1, 10), "cpu").train()
            schedule = Schedule(epochs=1, batch_size=64)
            state = State(model=model, optimizer=optimizer.make(model, schedule))
            for _ in range(40):
                x = torch.randn(64, 1, 8, 8).to(memory_format=torch.channels_last)
                loss = train_step(state, x, torch.randint(10, (64,)), 0.1, "cpu")
            assert torch.isfinite(loss)
        assert measure_speed(network, (1, 10, 8), schedule, "cpu", 0.2) > 0
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
