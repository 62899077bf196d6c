"""What measured points mean, in numpy: fronts, the crossover between them and their noise.

`analyse` in `analysis` is where to begin: it compares at matched costs (`matching`), in many
replicates (`bootstrap`, `seed_variance`), and reads off the `crossover`, the `multiplier` and a
fitted `surface`. `rank_agreement` compares the fronts of two schedules.
"""

from ensearch.fronts.analysis import Fronts, analyse, biased_upward
from ensearch.fronts.crossover import WIDTH, Crossover, Status
from ensearch.fronts.matching import MATCHED_SHARE, USED_SHARE, FrontRow, best_within
from ensearch.fronts.multiplier import Multiplier
from ensearch.fronts.rank_agreement import Correlation, Finding, Pairs, Ranks, Shift
from ensearch.fronts.surface import Fitted
from ensearch.fronts.verdicts import MARGIN, STRONG, WEAK, ToSettle, Verdict, Zone

__all__ = [
    "MARGIN",
    "MATCHED_SHARE",
    "STRONG",
    "USED_SHARE",
    "WEAK",
    "WIDTH",
    "Correlation",
    "Crossover",
    "Finding",
    "Fitted",
    "FrontRow",
    "Fronts",
    "Multiplier",
    "Pairs",
    "Ranks",
    "Shift",
    "Status",
    "ToSettle",
    "Verdict",
    "Zone",
    "analyse",
    "best_within",
    "biased_upward",
]
