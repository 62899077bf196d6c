"""Where members train: choosing, naming and setting up the device."""

import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ensearch.errors import UnavailableError, unknown


def resolve_device(asked: str) -> str:
    """ "cpu" or "cuda" for "auto", "cpu" or "cuda"; UnavailableError if CUDA is not usable."""
    if asked not in ("auto", "cpu", "cuda"):
        raise unknown("device", asked, ("auto", "cpu", "cuda"))
    if asked == "cpu":
        return "cpu"
    problem = _cuda_problem()
    if problem is None:
        return "cuda"
    if asked == "auto":
        return "cpu"
    raise UnavailableError(
        f"--device cuda needs a CUDA GPU that PyTorch {torch.__version__} can use; {problem}. "
        "Check the driver with nvidia-smi, install a build of PyTorch for its CUDA version, or "
        "use --device cpu."
    )


def _cuda_problem() -> str | None:
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
    """The name of the GPU or CPU, for people: NVIDIA A100-SXM4-80GB, AMD EPYC 7763."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine() or "unknown CPU"


@contextmanager
def reproducible(device: str) -> Iterator[None]:
    """Within it, training gives the same bits every time; the process is left as it was found."""
    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        with (
            torch.random.fork_rng(
                devices=[torch.cuda.current_device()] if device == "cuda" else []
            ),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
        ):
            yield
    finally:
        torch.set_num_threads(threads)


def mixed_precision(device: str) -> torch.autocast:
    """bfloat16 matrix products on CUDA, nothing on a CPU: few have the instructions for it."""
    return torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, of the device or of the machine, did not suffice."""
    # A CPU allocation and cuBLAS report it as a RuntimeError with no class of its own.
    text = str(error)
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError)
        and any(
            sign in text
            for sign in (
                "can't allocate memory",
                "CUBLAS_STATUS_ALLOC_FAILED",
                "CUDA error: out of memory",
            )
        )
    )
