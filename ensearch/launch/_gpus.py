"""The GPUs of this machine, found without CUDA: a process that asks CUDA holds a part of each."""

import os
import re
import subprocess
from itertools import takewhile
from pathlib import Path

# What CUDA reads, once, when a process first uses it.
MASK = "CUDA_VISIBLE_DEVICES"
_SECONDS = 10.0  # for nvidia-smi to answer


def visible() -> tuple[str, ...]:
    """The GPUs that this process may use, each as CUDA_VISIBLE_DEVICES names it.

    Those of CUDA_VISIBLE_DEVICES where that is set, as job schedulers do; else all, and of a GPU
    that is divided (MIG) its parts, of which a process can use one only. None where nobody knows.
    """
    mask = os.environ.get(MASK)
    if mask is None:
        return _listed()
    # CUDA takes no notice of what follows something that is no GPU.
    return tuple(takewhile(_is_gpu, (name.strip() for name in mask.split(","))))


def _is_gpu(name: str) -> bool:
    return name.isdecimal() or name.startswith(("GPU-", "MIG-"))


def _listed() -> tuple[str, ...]:
    try:
        answer = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return tuple(str(i) for i, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*")))
    return _parsed(answer)


def _parsed(listing: str) -> tuple[str, ...]:
    """The names in what `nvidia-smi -L` prints: a GPU a line, its parts in the lines below it."""
    gpus: list[list[str]] = []
    for line in listing.splitlines():
        found = re.search(r"UUID: ((?:GPU|MIG)-[^)\s]+)", line)
        if found is None:
            continue
        if found[1].startswith("GPU-"):
            gpus.append([found[1]])
        elif gpus:
            gpus[-1].append(found[1])
    return tuple(name for whole, *parts in gpus for name in parts or [whole])
