"""What a network costs: Architecture -> Cost, and the width that fits a cost."""

from ensearch.cost.counter import (
    count,
    count_operators,
    count_with_thop,
    disagreement,
    solve_width,
    training_macs,
)

__all__ = [
    "count",
    "count_operators",
    "count_with_thop",
    "disagreement",
    "solve_width",
    "training_macs",
]
