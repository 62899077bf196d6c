"""What a study may try: families, widths, depths and sizes, and the ladder of costs.

`space` reads a search space; `ladder` solves its widths for a budget. `toml` reads any table.
"""

from ensearch.search_space.ladder import Cell, Ladder
from ensearch.search_space.space import AXES, SearchSpace, has_resolutions
from ensearch.search_space.toml import check_keys, read_toml

__all__ = ["AXES", "Cell", "Ladder", "SearchSpace", "check_keys", "has_resolutions", "read_toml"]
