"""How many cores of the processor this process may use."""

import os


def usable_cores() -> int:
    """Return the number of cores: containers and job schedulers grant fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
