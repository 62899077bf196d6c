"""What runs a configuration: PyTorch, or ONNX Runtime on a CPU."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import nn

from ensearch.errors import UnavailableError, invalid
from ensearch.latency.timing import Run

Builder = Callable[[Sequence[nn.Module], tuple[int, int, int], Sequence[int]], list[Run]]


class Averaged(nn.Module):
    """Members one after another: N x C x R x R images to the mean of their N x classes probs."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first, *others = self.members
        total: torch.Tensor = first(images).softmax(1)
        for member in others:
            total = total + member(images).softmax(1)
        return total / len(self.members)


def versions(runtime: str) -> str:
    """Return what a latency depends on besides the machine: torch 2.14.1."""
    return f"torch {version('torch')}" if runtime == "torch" else _onnx_versions()


def _onnx_versions() -> str:
    try:
        found = {name: version(name) for name in ("onnxruntime", "onnx", "onnxscript")}
    except PackageNotFoundError as error:
        raise UnavailableError(
            f"the runtime onnx needs the packages onnxruntime, onnx and onnxscript ({error}).",
            problem="no_onnx",
            package="ensearch[export]",
        ) from error
    return f"onnxruntime {found['onnxruntime']}, torch {version('torch')}"


def builder(runtime: str, device: str, threads: int) -> Builder:
    """Return what turns networks into a run for each of some batches.

    A run computes the mean probabilities of a batch of images that lie on the device. Raises
    UsageError where the runtime does not run there.
    """
    if runtime == "onnx":
        if device != "cpu":
            raise invalid("runtime", f"onnx is measured on a CPU; the device is {device}.")
        return lambda networks, shape, batches: _onnx_runs(networks, shape, batches, threads)
    return lambda networks, shape, batches: _torch_runs(networks, shape, batches, device)


@contextmanager
def threads_of_torch(count: int) -> Iterator[None]:
    """Within it PyTorch computes on so many threads, and takes the tiniest numbers for 0.

    Arithmetic on those is slow, and random weights may lead to them where trained ones do not.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)


def _torch_runs(
    networks: Sequence[nn.Module], shape: tuple[int, int, int], batches: Sequence[int], device: str
) -> list[Run]:
    model = Averaged(networks).eval().to(device).to(memory_format=torch.channels_last)

    def run_of(batch: int) -> Run:
        images = torch.randn(batch, *shape).to(device).to(memory_format=torch.channels_last)

        def run() -> None:
            with torch.inference_mode():
                model(images)
            if device == "cuda":
                torch.cuda.synchronize()

        return run

    return [run_of(batch) for batch in batches]


def _onnx_runs(
    networks: Sequence[nn.Module], shape: tuple[int, int, int], batches: Sequence[int], threads: int
) -> list[Run]:
    """One file of all members, as an export writes it, on a session of its own."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = onnxruntime.InferenceSession(
        _onnx(Averaged(networks).eval(), shape), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def run_of(batch: int) -> Run:
        images = torch.randn(batch, *shape).numpy()
        return lambda: session.run(None, {name: images})

    return [run_of(batch) for batch in batches]


def _onnx(model: nn.Module, shape: tuple[int, int, int]) -> bytes:
    # Traced with one image the batch would stay one for good.
    example = torch.zeros(2, *shape)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # it tells of its steps
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("images")},),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise UnavailableError("PyTorch gave no ONNX program.")
    return bytes(program.model_proto.SerializeToString())
