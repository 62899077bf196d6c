"""What measured points mean, in numpy: fronts, which to take at each budget, and how sure that is.

`analyse` in `analysis` is where to begin. It measures the `noise` of images and training seeds
(`seed_variance`), estimates all accuracies (`estimates`, by the model in `pooled` and `scales`),
compares the best of both kinds at matched costs (`matching`, `comparison`), and reads off the
`verdicts` (`judging`), with what would settle the open ones (`settling`). `rank_agreement` compares
the fronts of two schedules.
"""

from ensearch.fronts.analysis import Fronts, analyse
from ensearch.fronts.differences import Difference, difference
from ensearch.fronts.judging import FEWEST_DEGREES
from ensearch.fronts.matching import MATCHED_SHARE, USED_SHARE, best_within
from ensearch.fronts.multiplier import Multiplier
from ensearch.fronts.noise import WIDTH
from ensearch.fronts.rank_agreement import Correlation, Finding, Pairs, Ranks, Shift
from ensearch.fronts.rows import FrontRow
from ensearch.fronts.settling import ToSettle
from ensearch.fronts.verdicts import MARGIN, STRONG, WEAK, Verdict, Zone

__all__ = [
    "FEWEST_DEGREES",
    "MARGIN",
    "MATCHED_SHARE",
    "STRONG",
    "USED_SHARE",
    "WEAK",
    "WIDTH",
    "Correlation",
    "Difference",
    "Finding",
    "FrontRow",
    "Fronts",
    "Multiplier",
    "Pairs",
    "Ranks",
    "Shift",
    "ToSettle",
    "Verdict",
    "Zone",
    "analyse",
    "best_within",
    "difference",
]
