"""In which order a study gives each budget its first single network and its first ensemble."""

from collections.abc import Sequence

from optuna.study import Study
from optuna.trial import FrozenTrial

from ensearch.fronts import MATCHED_SHARE
from ensearch.search_space import Cell
from ensearch.study.sampler import _LadderSampler


class CheapestFirst(_LadderSampler):
    """A pair for every budget, from the cheapest up: the search before decisions were measured."""

    def _candidates(self, study: Study, trial: FrozenTrial) -> list[Cell]:
        untried = self.unseen(study, trial)
        ids = {id(cell) for cell in untried}
        tried = [cell for cell in self._ladder.cells if id(cell) not in ids]
        is_single = 2 * sum(cell.is_single for cell in tried) <= len(tried)
        if all(cell.is_single != is_single for cell in untried):
            is_single = not is_single
        of_kind = [cell for cell in untried if cell.is_single == is_single]
        budget_of = self._ladder.budget_of
        visited = {budget_of(cell) for cell in tried if cell.is_single == is_single}
        for budget in self._order(sorted(self._ladder.budgets)):
            inside = [cell for cell in of_kind if budget_of(cell) == budget not in visited]
            if inside:
                return [c for c in inside if c.cost.macs >= MATCHED_SHARE * budget] or inside
        return of_kind

    def _order(self, ascending: Sequence[float]) -> list[float]:
        return list(ascending)


class AskedSecond(CheapestFirst):
    """The same, but after the cheapest pair comes that of the largest budget, the one asked for."""

    def _order(self, ascending: Sequence[float]) -> list[float]:
        return [*ascending[:1], ascending[-1], *ascending[1:-1]]


ORDERS: dict[str, type[_LadderSampler]] = {
    "product": _LadderSampler,
    "cheapest": CheapestFirst,
    "asked second": AskedSecond,
}
