"""Joined norms: what the layers of PyTorch compute, by kernels that are interpreted here.

`tests/conftest.py` asks Triton to interpret them where there is no GPU. What one says to them is
shown by test_cuda.py; that they compile for one, below.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ensearch import families
from ensearch.core import Architecture
from ensearch.training import norms
from ensearch.training.device import prepared
from ensearch.training.fused import NotFusible
from ensearch.training.joining import join
from ensearch.training.norms import JoinedNorm
from tests.joined_norms import Shape, Sum, check, images, joined_of, near, norm_of

pytest.importorskip("triton")
KERNELS = Path(norms.__file__).with_name("norm_kernels.py")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


# Less than a tile, and several parts of several tiles.
@pytest.mark.parametrize("shape", [(3, 5, 4), (7, 36, 12)])
@pytest.mark.parametrize("adds", get_args(Sum))
def test_values_gradients_and_statistics_are_those_of_the_layers(shape: Shape, adds: Sum) -> None:
    check(shape, adds, "cpu", torch.float32, 1e-5)


def test_a_sum_that_nobody_else_reads_has_the_gradient_of_the_norm() -> None:
    shape = (2, 4, 4)
    plain = norm_of(4)
    joined = joined_of(plain)
    x, other = images(shape).requires_grad_(), images(shape).requires_grad_()
    weights = torch.randn(x.shape)
    (expected,) = torch.autograd.grad((F.relu(plain(x + other)) * weights).sum(), x)
    found = torch.autograd.grad((joined(x, other)[1] * weights).sum(), (x, other))
    near(found[0], expected)
    near(found[1], expected)
    (past,) = torch.autograd.grad((joined(x, other)[0] * weights).sum(), x)
    near(past, weights)


def test_bfloat16_differs_by_its_last_bit() -> None:
    """What Triton interprets cuts bits off; the kernels round, see below."""
    shape = (4, 16, 6)
    plain = norm_of(16)
    joined = joined_of(plain)
    x, other = images(shape, torch.bfloat16), images(shape, torch.bfloat16)
    total, active = joined(x, other)
    assert total.dtype == active.dtype == torch.bfloat16
    torch.testing.assert_close(total, x + other, rtol=2**-7, atol=0.0)
    torch.testing.assert_close(active, F.relu(plain(total)), rtol=2**-7, atol=2**-7)


def test_what_is_no_number_stays_none() -> None:
    """A member that diverges is told by its loss, which a ReLU must not make finite."""
    joined, x = joined_of(norm_of(4)), images((2, 4, 4))
    with torch.no_grad():
        x[0, 0, 0, 0] = float("nan")
    assert joined(x)[:, 0].isnan().all()
    assert joined(x)[:, 1:].isfinite().all()


@pytest.mark.parametrize("case", ["evaluation", "one pixel", "other shapes", "double"])
def test_what_the_kernels_do_not_compute_the_layers_do(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(norms, "_NormRelu", None)
    plain = norm_of(4)
    joined = joined_of(plain)
    x, other = images((2, 4, 4)), None
    if case == "evaluation":
        plain.eval()
        joined.eval()
    elif case == "one pixel":
        x = images((1, 4, 1))
        with pytest.raises(ValueError, match="more than 1 value"):
            joined(x)
        return
    elif case == "double":
        x, plain, joined = x.double(), plain.double(), joined.double()
    else:
        other = torch.randn(1, 4, 1, 1)
    active = joined(x) if other is None else joined(x, other)[1]
    assert torch.equal(active, F.relu(plain(x if other is None else x + other)))


# Which norms of a network are joined.


class Block(nn.Module):
    """Norms of all kinds: with a sum before that is read twice, one behind, without a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.BatchNorm2d(4) for _ in range(3))
        self.fourth, self.fifth = nn.BatchNorm2d(4, momentum=None), nn.BatchNorm2d(4)
        self.act, self.nothing = nn.ReLU(inplace=True), nn.Identity()
        self.head = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.nothing(self.first(self.head(x))))
        total = torch.add(y, x)
        z = F.relu(self.second(total), inplace=True) + total
        z = torch.sigmoid(self.third(z)) + self.fourth(z).relu()
        y = self.fifth(z)
        y += z
        ends: torch.Tensor = y.relu()
        return ends


def test_norms_before_a_relu_are_joined_and_others_are_not() -> None:
    model = Block().train()
    x = torch.randn(2, 4, 4, 4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    expected = model(x)
    after = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(before)
    joined = join(model)
    kinds = {name: type(layer) for name, layer in model.named_children()}
    assert kinds["first"] is kinds["second"] is kinds["fifth"] is JoinedNorm
    assert kinds["third"] is kinds["fourth"] is nn.BatchNorm2d
    near(joined(x).detach(), expected.detach())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, after[name], msg=name)
    assert dict(joined.named_parameters()).keys() == dict(model.named_parameters()).keys()


@pytest.mark.parametrize(("family", "count"), [("wide_resnet", 7), ("resnet_cifar", 7)])
def test_networks_have_joined_norms(family: str, count: int) -> None:
    depth = {"wide_resnet": 10, "resnet_cifar": 8}[family]
    shape = Architecture(family=family, width=0.25, depth=depth, resolution=8)
    model = prepared(families.build(shape, 3, 10), "cpu")
    x = images((2, 3, 8))
    expected = model(x)
    stem = next(model.parameters())
    gradient = torch.autograd.grad(expected.square().sum(), stem)[0]
    joined = join(model)
    assert sum(isinstance(layer, JoinedNorm) for layer in model.modules()) == count
    found = joined(x)
    near(found.detach(), expected.detach())
    near(torch.autograd.grad(found.square().sum(), stem)[0], gradient, 1e-4)


def test_a_network_without_a_norm_before_a_relu_is_not_joined() -> None:
    with pytest.raises(NotFusible, match="followed by a ReLU"):
        join(nn.Sequential(nn.BatchNorm2d(2), nn.SiLU()))


# Compiling them.


@pytest.fixture
def fresh() -> Iterator[None]:
    norms.prepare.cache_clear()
    yield
    norms.prepare.cache_clear()


def test_kernels_that_do_not_compile_say_why(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise ModuleNotFoundError("No module named 'triton'")

    monkeypatch.setattr(norms, "_norm_relu", missing)
    with pytest.raises(ModuleNotFoundError, match="triton"):
        norms.prepare("cpu")


def test_a_compiler_that_hangs_is_not_waited_for(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(norms, "_SECONDS", 0.01)
    monkeypatch.setattr(norms, "_norm_relu", lambda *_: released.wait(60))
    try:
        with pytest.raises(RuntimeError, match="did not compile within"):
            norms.prepare("cpu")
    finally:
        released.set()


def test_kernels_that_compiled_are_not_compiled_again(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms.prepare("cpu")
    monkeypatch.setattr(norms, "_norm_relu", None)
    norms.prepare("cpu")


COMPILE = """
import sys
from importlib.util import module_from_spec, spec_from_file_location

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

spec = spec_from_file_location("kernels", sys.argv[1])
kernels = module_from_spec(spec)
spec.loader.exec_module(kernels)
constants = {"ADD": True, "MORE": True, "BEHIND": True, "ROWS": 128, "CHANNELS": 32, "PARTS": 128}
plain = {"rows": "i32", "per": "i32", "parts": "i32", "channels": "i32"}
plain |= {"momentum": "fp32", "eps": "fp32"}
images = ("x", "other", "total", "active", "gradient", "more", "behind", "of_total", "of_behind")
for name in ("reduce", "activate", "reduce_gradients", "propagate"):
    kernel = getattr(kernels, name)
    own = {a: constants[a] for a in kernel.arg_names if a in constants}
    types = {
        a: "constexpr" if a in own else plain.get(a, "*bf16" if a in images else "*fp32")
        for a in kernel.arg_names
    }
    source = ASTSource(kernel, types, constexprs=own)
    made = triton.compile(source, target=GPUTarget("cuda", 80, 32), options={"num_warps": 8})
    print(name, "cubin" in made.asm, ".rn.bf16" in made.asm["ptx"])
"""


def test_the_kernels_compile_for_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, where they are not interpreted; for compute capability 8.0.

    Those that write bfloat16 round to the nearest.
    """
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-c", COMPILE, str(KERNELS)], capture_output=True, text=True
    )
    assert ended.stdout.splitlines() == [
        "reduce True True",
        "activate True True",
        "reduce_gradients True False",
        "propagate True True",
    ], ended.stderr
