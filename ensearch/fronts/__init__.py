"""What measured points mean, in numpy: fronts, the crossover between them and their noise.

`analyse` in `analysis` is where to begin: it draws on `bootstrap` for replicates, on `crossover`,
`multiplier` and `surface` for what they say, and on `seed_variance` for the noise of training
seeds. `rank_agreement` compares the fronts of two schedules.
"""

from ensearch.fronts.analysis import (
    MATCHED_SHARE,
    USED_SHARE,
    FrontRow,
    Fronts,
    analyse,
    best_within,
    biased_upward,
)
from ensearch.fronts.crossover import WIDTH, Crossover, Status
from ensearch.fronts.multiplier import Multiplier
from ensearch.fronts.rank_agreement import Estimate, Pairs, Ranks, Shift
from ensearch.fronts.surface import Fitted

__all__ = [
    "MATCHED_SHARE",
    "USED_SHARE",
    "WIDTH",
    "Crossover",
    "Estimate",
    "Fitted",
    "FrontRow",
    "Fronts",
    "Multiplier",
    "Pairs",
    "Ranks",
    "Shift",
    "Status",
    "analyse",
    "best_within",
    "biased_upward",
]
