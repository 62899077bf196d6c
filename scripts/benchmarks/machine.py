"""What a benchmark ran on, for the head of its figures."""

import os
import platform
from importlib.metadata import version
from typing import Any

from ensearch.training import describe_device


def machine(*packages: str) -> dict[str, Any]:
    """Return CPU, number of cores, Python, and the versions of PyTorch and other packages.

    PyTorch is not imported for it: that would add to the memory of what is measured.
    """
    return {
        "cpu": describe_device("cpu"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", *packages)},
    }
