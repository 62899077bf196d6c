"""In which order a study gives each budget its first single network and its first ensemble."""

from collections.abc import Sequence

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from ensearch.fronts import MATCHED_SHARE
from ensearch.study.cell_rows import Rows
from ensearch.study.ladder_sampler import LadderSampler


class CheapestFirst(LadderSampler):
    """A pair for every budget, from the cheapest up: the search before decisions were measured."""

    def _candidates(self, study: Study, trial: FrozenTrial) -> Rows:
        seen, cells = self._seen(study, trial), self._ladder.cells
        rows = self._table.of_turn(seen)
        is_single = cells[rows[0]].is_single
        budget_of = [self._ladder.budget_of(cell) for cell in cells]
        visited = {budget_of[row] for row in seen if cells[row].is_single == is_single}
        for budget in self._order(sorted(self._ladder.budgets)):
            inside = [row for row in rows if budget_of[row] == budget not in visited]
            if inside:
                near = [row for row in inside if cells[row].cost.macs >= MATCHED_SHARE * budget]
                return np.array(near or inside)
        return rows

    def _order(self, ascending: Sequence[float]) -> list[float]:
        return list(ascending)


class AskedSecond(CheapestFirst):
    """The same, but after the cheapest pair comes that of the largest budget, the one asked for."""

    def _order(self, ascending: Sequence[float]) -> list[float]:
        return [*ascending[:1], ascending[-1], *ascending[1:-1]]


ORDERS: dict[str, type[LadderSampler]] = {
    "product": LadderSampler,
    "cheapest": CheapestFirst,
    "asked second": AskedSecond,
}
