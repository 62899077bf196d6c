"""What a settlement trains before its next look: more seeds, and matches that are missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ensearch.core import (
    Architecture,
    Evaluation,
    Member,
    Schedule,
    distinctions,
    evaluation_key,
    full_label,
)
from ensearch.errors import StorageError
from ensearch.fronts import FrontRow, Fronts, allocation
from ensearch.fronts.matching import missing
from ensearch.search_space import Cell
from ensearch.study.study import Study

MOST_FAILED = 500  # members of a network that were tried in vain: studies have a few, if any


class Shape(NamedTuple):
    """What distinguishes a network from others."""

    architecture: Architecture
    schedule: Schedule


class Match(NamedTuple):
    """A cell that gives a budget its match, and what training its members costs."""

    cell: Cell
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyNetworks:
    """The networks of a study: those evaluated on val and those it could try.

    `members` has the keys of their members by network.
    """

    study: Study
    evaluations: Sequence[Evaluation]
    members: Mapping[str, Sequence[str]]

    def shape(self, network: str) -> Shape:
        """Return the shape of a network that was evaluated, or is in the ladder."""
        every: list[Evaluation | Cell] = [*self.evaluations, *self.study.ladder.cells]
        found = next(each for each in every if each.network == network)
        return Shape(found.architecture, found.schedule)

    def label(self, network: str) -> str:
        """Return what people call a network, which no other of the study is called: 28-10@64."""
        config, (architecture, schedule) = self.study.config, self.shape(network)
        several = config.space.has_resolutions
        found = distinctions(architecture, schedule, config.schedule, several)
        return full_label(architecture.label, found)

    def first(self, network: str, count: int) -> tuple[Member, ...]:
        """Return the first members of a network."""
        return self.study.members_of(*self.shape(network), count)

    def matches(self, rows: Sequence[FrontRow]) -> dict[str, Match]:
        """Return by network the cheapest match of each budget that lacks one."""
        found: dict[str, Match] = {}
        for row in rows:
            options = [] if row.matched else self._matching(row)
            if options:
                best = min(options, key=lambda match: match.cost)
                found.setdefault(best.cell.network, best)
        return found

    def _matching(self, row: FrontRow) -> list[Match]:
        wanted = missing(self.evaluations, row.single, row.ensemble, row.budget)
        if wanted is None:
            return []
        is_single, least = wanted
        tried = {e.key for e in self.evaluations}
        return [
            Match(cell, self._cost(cell))
            for cell in self.study.ladder.cells
            if cell.is_single == is_single
            and least <= self.study.ladder.price(cell) <= row.budget
            and evaluation_key(cell.size, cell.network) not in tried
        ]

    def _cost(self, cell: Cell) -> float:
        count = max(cell.size, self.study.config.seeds)
        new = max(count - len(self.members.get(cell.network, ())), 0)
        return new * self.study.train_macs(cell.architecture, cell.schedule)

    def following(
        self, fronts: Fronts, left: float, looks: int
    ) -> tuple[dict[str, tuple[int, int]], float]:
        """Return the members before the next of so many looks, and their cost of training.

        By network how many it then has, and the largest size that is evaluated: that of before, so
        that more seeds change nothing of what is compared. More seeds come first, for an equal part
        of what is left; then matches, the cheapest first.
        """
        known = allocation.networks(self.evaluations)
        largest: dict[str, int] = {}
        for e in self.evaluations:
            largest[e.network] = max(e.size, largest.get(e.network, 0))
        more = allocation.by_variance(fronts, known, left / looks)
        cost, room = allocation.cost_of(more, known), left / looks if more else left
        members = {name: (self._tried(name) + n, largest[name]) for name, n in more.items()}
        for name, match in sorted(self.matches(fronts.rows).items(), key=lambda m: m[1].cost):
            if cost + match.cost <= room and name not in members:
                count = max(match.cell.size, self.study.config.seeds, self._tried(name))
                members[name] = (count, max(match.cell.size, largest.get(name, 0)))
                cost += match.cost
        return members, cost

    def _tried(self, network: str) -> int:
        """How many members were tried to get those that are evaluated: some may have failed.

        StorageError where they are members of another recipe, which are not to be had again.
        """
        waiting, count = set(self.members.get(network, ())), 0
        most = len(waiting) + MOST_FAILED
        while waiting:
            count += 1
            if count > most:
                raise StorageError(
                    f"{self.label(network)} of study {self.study.config.name} has members of "
                    "another version of ensearch, which trained otherwise: no more can be added to "
                    "them. Begin a new study."
                )
            waiting.discard(self.first(network, count)[-1].key)
        return count
