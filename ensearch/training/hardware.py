"""Facts about the device on which members train. Importing it does not import torch.

Importing torch takes 2 s, more than all else of a resume whose workers train in other processes.
"""

import functools
import platform
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from ensearch.errors import UnavailableError, unknown

# Without one of these there is no GPU that PyTorch could use on Linux: NVIDIA's, also of a Jetson
# or under Windows, and AMD's.
_GPUS = ("nvidia*", "nvhost*", "dxg", "kfd")


DEVICES = ("auto", "cpu", "cuda")  # that may be asked for


class Gpu(NamedTuple):
    """A GPU by its name, or why none can be used."""

    name: str
    problem: str | None


def find_gpu() -> Gpu:
    """The GPU that this process uses from now on; it holds some hundred megabytes of it."""
    problem = gpu_problem()
    return Gpu(name="" if problem else name_device("cuda"), problem=problem)


def resolve_device(asked: str, find: Callable[[], Gpu] = find_gpu) -> str:
    """ "cpu" or "cuda" for "auto", "cpu" or "cuda"; UnavailableError if CUDA is not usable.

    `find` looks for the GPU, if there may be one.
    """
    if asked not in DEVICES:
        raise unknown("device", asked, DEVICES)
    if asked == "cpu" or (asked == "auto" and not may_have_gpu()):
        return "cpu"
    problem = find().problem
    if problem is None:
        return "cuda"
    if asked == "auto":
        return "cpu"
    raise UnavailableError(
        f"the device cuda needs a CUDA GPU that PyTorch {version('torch')} can use; {problem}. "
        "Check the driver with nvidia-smi, or install a build of PyTorch for its CUDA version.",
        problem="no_cuda",
    )


def may_have_gpu() -> bool:
    """Whether the system knows of a GPU; torch, which knows for sure, takes 2 s to import."""
    return sys.platform != "linux" or any(any(Path("/dev").glob(name)) for name in _GPUS)


def gpu_problem() -> str | None:
    """Why PyTorch cannot use a CUDA GPU in this process; None if it can.

    Whoever asks holds some hundred megabytes of the GPU from then on.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a driver that is too old is warned of, then False
        if not torch.cuda.is_available():
            return "it found none"
        try:
            # A GPU that is too old for this build or held by another process fails at first use.
            torch.ones(1, device="cuda").item()
        except RuntimeError as error:
            return f"the GPU answered: {str(error).splitlines()[0]}"
    return None


def describe_device(device: str) -> str:
    """The name of the GPU or CPU: NVIDIA A100-SXM4-80GB, AMD EPYC 9354 (bfloat16).

    A study records it. A CPU is named with the precision in which members train there; on GPUs
    all train in bfloat16.
    """
    if device == "cuda":
        return name_device(device)
    return f"{name_device(device)} ({'bfloat16' if cpu_has_bfloat16() else 'float32'})"


def name_device(device: str) -> str:
    """The name of the GPU or CPU alone: AMD EPYC 9354."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    return _cpu("model name") or platform.processor() or platform.machine() or "unknown CPU"


def cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 by itself (AVX-512 BF16, which AMX machines have too)."""
    return "avx512_bf16" in _cpu("flags").split()


@functools.cache
def _cpu(field: str) -> str:
    """What the system says of its first core; "" where it is not Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    values = (
        line.partition(":")[2].strip() for line in lines if line.split(":")[0].strip() == field
    )
    return next(values, "")
