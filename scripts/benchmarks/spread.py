"""How a benchmark shows repeated measurements."""

import statistics
from collections.abc import Sequence


def median_and_range(values: Sequence[float], digits: int = 0) -> str:
    """Return "median [least, most]" of the values, or the value if there is only one."""
    middle = f"{statistics.median(values):,.{digits}f}"
    if len(values) < 2:
        return middle
    return f"{middle} [{min(values):,.{digits}f}, {max(values):,.{digits}f}]"
