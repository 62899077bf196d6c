"""What a study may try: families, widths, depths and sizes, and the ladder of costs.

`space` says what a search space holds, `reading` reads it from TOML, and `ladder` solves its widths
for a budget.
"""

from ensearch.search_space.ladder import Cell, Ladder
from ensearch.search_space.space import AXES, SearchSpace, has_resolutions
from ensearch.search_space.toml import check_keys, read_toml

__all__ = ["AXES", "Cell", "Ladder", "SearchSpace", "check_keys", "has_resolutions", "read_toml"]
