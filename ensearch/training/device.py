"""Where members train: setting up the device. It is chosen and named in light.py."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


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
