"""Where members train: setting up the device. It is chosen and named in light.py."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ensearch.training import light


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
    """bfloat16 products on CUDA and on CPUs that multiply in it; float32 on other CPUs.

    A rule and not a measurement, so that a member is the same bits whenever it trains or resumes.
    """
    # One core of an EPYC with AVX-512 BF16: 1.2 (WRN-10-1 on 8 x 8) to 1.9 times (16-1, 32 x 32)
    # the images per second of float32, and more at every width from 1/16 to 2. Without the
    # instructions oneDNN imitates them: 1.9 times slower on AVX-512 (16-1), 9 times on AVX2.
    enabled = device == "cuda" or light.cpu_has_bfloat16()
    return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled)


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
