"""A GPU that is not there: CUDA tensors without contents, and stubs of streams, graphs and memory.

`fake_gpu` runs the CUDA paths of training on any machine. Tensors have shapes, types and devices
and no numbers (PyTorch's FakeTensorMode); whatever would wait for the GPU is noted, and refused
while a graph is recorded, as CUDA refuses it. Gradients are zeros: the autograd engine wants a real
device.
"""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from ensearch.training import hardware, loss

GIB = 2**30


class Stream:
    """A stream, which does nothing."""

    def __init__(self, *_: object) -> None:
        self.waited_for: list[object] = []

    def wait_stream(self, other: object) -> None:
        self.waited_for.append(other)


@dataclass
class Gpu:
    """What the fake GPU was asked, and what it shall answer."""

    streams: list[Any] = field(default_factory=lambda: [Stream()])  # the last one is current
    recording: bool = False
    steps_on: list[tuple[Any, bool]] = field(default_factory=list)  # stream, and whether recorded
    syncs: list[str] = field(default_factory=list)
    operations: int = 0
    recorded: int = 0  # graphs
    replays: int = 0
    free: int = 80 * GIB
    peak: int = GIB  # of a step
    fails: BaseException | None = None  # at the end of a recording
    dead: bool = False  # does not answer any more
    learning: list[torch.Tensor] = field(default_factory=list)  # get gradients in `backward`

    def sync(self, what: str) -> None:
        """Note what waits for the GPU; refuse it as CUDA does."""
        self.syncs.append(what)
        if self.recording:
            raise RuntimeError(
                f"CUDA error: operation not permitted when stream is capturing: {what}"
            )
        if self.dead:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    @contextlib.contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        self.streams.append(stream)
        try:
            yield
        finally:
            self.streams.pop()

    @contextlib.contextmanager
    def graph(self, graph: Any, stream: Any = None, **_: object) -> Iterator[None]:
        """As torch.cuda.graph: an end that fails leaves the stream current."""
        self.streams.append(stream)
        self.recording = True
        try:
            yield
        finally:
            self.recording = False
            if self.fails is None:
                self.streams.pop()
        if self.fails is not None:
            raise self.fails
        self.recorded += 1

    def set_stream(self, stream: Any) -> None:
        self.streams[-1:] = [stream]


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what is computed and what would wait for the GPU."""

    def __init__(self, gpu: Gpu) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.gpu = gpu

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        self.gpu.operations += 1
        if name == "_local_scalar_dense":
            if args[0].is_cuda:
                self.gpu.sync("item")
            return 1.0
        if name == "equal":
            return True
        to_host = name == "_to_copy" and args[0].is_cuda and str(kwargs.get("device")) == "cpu"
        if to_host or (name == "copy_" and args[1].is_cuda and not args[0].is_cuda):
            self.gpu.sync(name)
        from_host = name == "_to_copy" and "cuda" in str(kwargs.get("device")) and args[0].is_cpu
        if from_host or (name == "copy_" and args[0].is_cuda and args[1].is_cpu and args[1].ndim):
            self.gpu.sync(f"{name} of pageable memory")
        if name == "_fused_sgd_":
            self.gpu.steps_on.append((self.gpu.streams[-1], self.gpu.recording))
            _check_sgd(args[0], args[1], args[2], kwargs["lr"])
            return None
        return func(*args, **kwargs)


def _check_sgd(
    weights: Sequence[torch.Tensor],
    gradients: Sequence[torch.Tensor],
    momentum: Sequence[torch.Tensor],
    lr: torch.Tensor | float,
) -> None:
    """What the kernel that updates all weights at once takes for granted."""
    for w, g, m in zip(weights, gradients, momentum, strict=True):
        assert w.dtype == g.dtype == m.dtype == torch.float32
        assert w.device == g.device == m.device
        assert all(
            s == 1 or a == b for a, b, s in zip(w.stride(), m.stride(), w.shape, strict=True)
        )
    if isinstance(lr, torch.Tensor):
        assert (lr.dtype, lr.device) == (torch.float32, weights[0].device)
    else:
        assert float(torch.tensor(lr, dtype=torch.float32)) == lr


def _moved(module: torch.nn.Module, *to: Any, **how: Any) -> torch.nn.Module:
    """As Module.to, which cannot swap tensors without contents."""
    for one in module.modules():
        for kind in (one._parameters, one._buffers):
            for name, old in list(kind.items()):
                if old is not None and ("memory_format" not in how or old.ndim == 4):
                    new = old.detach().to(*to, **how)
                    if isinstance(old, torch.nn.Parameter):
                        new = torch.nn.Parameter(new, requires_grad=old.requires_grad)
                    kind[name] = new  # type: ignore[assignment]
    return module


class _Graph:
    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def replay(self) -> None:
        self.gpu.replays += 1


@contextlib.contextmanager
def fake_gpu() -> Iterator[Gpu]:
    """Within it there is a GPU; tensors must be made within it too."""
    gpu, cuda = Gpu(), torch.cuda
    zeros = torch.zeros(16, dtype=torch.uint8)
    answers: dict[str, Any] = {
        "Stream": Stream,
        "stream": gpu.stream,
        "set_stream": gpu.set_stream,
        "current_stream": lambda *_: gpu.streams[-1],
        "graph": gpu.graph,
        "CUDAGraph": lambda: _Graph(gpu),
        "synchronize": lambda *_: gpu.sync("synchronize"),
        "empty_cache": lambda: gpu.sync("empty_cache"),
        "current_device": lambda: 0,
        "device_count": lambda: 1,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "is_bf16_supported": lambda *_, **__: True,
        "is_current_stream_capturing": lambda: gpu.recording,
        "get_device_name": lambda *_: "NVIDIA H100 80GB HBM3",
        "get_rng_state": lambda *_: zeros,
        "set_rng_state": lambda *_: None,
        "manual_seed_all": lambda seed: None,
        "mem_get_info": lambda *_: (gpu.free, 80 * GIB),
        "memory_allocated": lambda *_: 0,
        "max_memory_allocated": lambda *_: gpu.peak,
        "memory_reserved": lambda *_: 0,
        "reset_peak_memory_stats": lambda *_: None,
        "get_per_process_memory_fraction": lambda *_: 1.0,
    }

    def tolist(tensor: torch.Tensor) -> list[float]:
        gpu.sync("tolist")
        return [1.0] * tensor.numel()

    def gradients(loss: Any, leaves: Sequence[torch.Tensor], **_: object) -> tuple[Any, ...]:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)

    def backward(loss: torch.Tensor) -> None:
        for parameter in gpu.learning:
            parameter.grad = torch.zeros_like(parameter)

    with pytest.MonkeyPatch.context() as patch:
        # There seems to be a GPU, which it would initialise.
        patch.setattr(FakeTensorMode, "avoid_device_init", True)
        # A copy of a network would have a mode of its own.
        patch.setattr(FakeTensorMode, "__deepcopy__", lambda mode, memo: mode, raising=False)
        for name, answer in answers.items():
            patch.setattr(cuda, name, answer)
        patch.setattr(torch.Tensor, "tolist", tolist)
        patch.setattr(torch.autograd, "grad", gradients)
        patch.setattr(torch.Tensor, "backward", backward)
        patch.setattr(hardware, "gpu_problem", lambda: None)
        patch.setattr(torch.nn.Module, "to", _moved)
        loss._targets.cache_clear()
        try:
            with warnings.catch_warnings(), FakeTensorMode(), _Watch(gpu):
                warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")
                yield gpu
        finally:
            loss._targets.cache_clear()
