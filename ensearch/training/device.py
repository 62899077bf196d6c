"""Where members train: setting up the device. It is chosen and named in hardware.py."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ensearch.training import hardware
from ensearch.training.depthwise import Depthwise


@contextmanager
def reproducible(device: str) -> Iterator[None]:
    """Within it, training gives the same bits every time; the process is left as it was found.

    On CUDA by deterministic kernels where PyTorch has them. It has none for the backward pass of
    some layers that pool or resize (torch.use_deterministic_algorithms lists them): networks with
    those are the same up to rounding.
    """
    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        with (
            torch.random.fork_rng(
                devices=[torch.cuda.current_device()] if device == "cuda" else []
            ),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
            _deterministic_kernels(device),
        ):
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _deterministic_kernels(device: str) -> Iterator[None]:
    if device != "cuda":
        yield
        return
    # cuBLAS reads it when it is first used; without it its sums depend on what else runs.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    on, warns = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    memory.fill_uninitialized_memory = False  # a kernel for every tensor
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*deterministic")
            yield
    finally:
        torch.use_deterministic_algorithms(on, warn_only=warns)
        memory.fill_uninitialized_memory = filled


def rate_on(device: str, rate: float) -> float:
    """The learning rate as an optimizer on the device reads it: in single precision on CUDA.

    There recorded steps read it from a tensor, and steps without a recording take the same one.
    """
    return float(np.float32(rate)) if device == "cuda" else rate


def in_bfloat16(device: str) -> bool:
    """Whether members train in bfloat16 on the device."""
    return device == "cuda" or hardware.cpu_has_bfloat16()


def mixed_precision(device: str) -> torch.autocast:
    """bfloat16 products on CUDA and on CPUs that multiply in it; float32 on other CPUs.

    A rule and not a measurement, so that a member is the same bits whenever it trains or resumes.
    """
    # One core of an EPYC with AVX-512 BF16: 1.2 (WRN-10-1 on 8 x 8) to 1.9 times (16-1, 32 x 32)
    # the images per second of float32, and more at every width from 1/16 to 2. Without the
    # instructions oneDNN imitates them: 1.9 times slower on AVX-512 (16-1), 9 times on AVX2.
    return torch.autocast(device, dtype=torch.bfloat16, enabled=in_bfloat16(device))


def prepared(model: nn.Module, device: str) -> nn.Module:
    """The model on the device, as members train there: channels_last, with convolutions of ours."""
    model = model.to(device).to(memory_format=torch.channels_last)
    if device == "cpu":
        for module in model.modules():
            if type(module) is nn.Conv2d and module.groups == module.in_channels > 1:
                module.__class__ = Depthwise  # all else of it stays: weights, names, copies
            elif type(module) is nn.Conv2d and _overruns(module):
                module.__class__ = NarrowShortcut
    return model


def _overruns(convolution: nn.Conv2d) -> bool:
    """Whether oneDNN writes past its buffers in the backward pass; see `NarrowShortcut`."""
    return (
        convolution.kernel_size == (1, 1)
        and convolution.stride != (1, 1)
        and convolution.groups == 1
        and convolution.in_channels < 8
        and convolution.padding in ((0, 0), "valid")
        and torch.backends.cpu.get_cpu_capability() != "AVX512"
    )


class NarrowShortcut(nn.Conv2d):
    """A strided 1 x 1 convolution of fewer than 8 channels: the same sums, of the pixels it keeps.

    On CPUs with AVX2 and without AVX-512 the backward pass that oneDNN takes for those (torch
    2.14.1, 1 to 7 channels in 7 of 7 tries) corrupts the heap, and the process dies. With 8 and
    more channels, with groups and without a stride it does not.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        down, right = self.stride
        # Groups are those of members that train fused; alone there is one.
        kept = input[:, :, ::down, ::right]
        return F.conv2d(kept, self.weight, self.bias, groups=self.groups)


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
