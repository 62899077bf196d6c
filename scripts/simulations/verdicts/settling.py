"""Studies that are settled: members are added to decide what is undecided; looks are graded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts import allocation, analyse, spending, stopping
from ensearch.fronts.analysis import Fronts
from ensearch.fronts.claims import Claim
from scripts.simulations.verdicts.interface import Answer
from scripts.simulations.verdicts.methods import said
from scripts.simulations.verdicts.rules import RULES
from scripts.simulations.verdicts.study import Drawn, Study


@dataclass(frozen=True, kw_only=True)
class Settling:
    """How a study is settled: for `cost` times its search's training, by a rule of allocation.

    `shown` tells whether the search's own verdicts were shown: then they are a look of their own,
    as of a study that was not to be settled at first.
    """

    cost: float
    rule: str
    shown: bool

    @property
    def name(self) -> str:
        shown = ", shown" if self.shown else ""
        return f"settled at {self.cost:g} by {self.rule}{shown}"

    @classmethod
    def parse(cls, name: str) -> "Settling":
        """Return what a `name` means. ValueError for another text."""
        whole, comma, shown = name.partition(", ")
        first, _, rule = whole.partition(" by ")
        if not first.startswith("settled at ") or rule not in RULES:
            raise ValueError(f"not a way to settle: {name}")
        cost = float(first.removeprefix("settled at "))
        return cls(cost=cost, rule=rule, shown=bool(comma) and shown == "shown")


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What every look said, and what was spent before it, in times of the search's training."""

    answers: list[Answer]
    costs: list[float]

    @property
    def cost(self) -> float:
        return self.costs[-1]


class Grown(Protocol):
    """A study whose networks may get more members, of which `most` says how many more."""

    @property
    def evaluations(self) -> Sequence[Evaluation]: ...
    @property
    def hits(self) -> Mapping[str, SubsetHits]: ...
    @property
    def most(self) -> Mapping[str, int] | None: ...
    def with_more(self, more: Mapping[str, int]) -> "Grown": ...


@dataclass(frozen=True, kw_only=True)
class _OfWorld:
    """A study of a world, which never runs out of members."""

    drawn: Drawn
    study: Study
    most: None = None

    @property
    def evaluations(self) -> Sequence[Evaluation]:
        return self.study.evaluations

    @property
    def hits(self) -> Mapping[str, SubsetHits]:
        return self.study.hits

    def with_more(self, more: Mapping[str, int]) -> "_OfWorld":
        drawn = self.drawn.with_more(more)
        return _OfWorld(drawn=drawn, study=drawn.study())


def settle(
    drawn: Drawn, budgets: Sequence[float], margin: float, seed: int, how: Settling
) -> Settled:
    """Settle a study of a world as `ensearch.settle` does, and return what its looks said."""
    return settle_grown(_OfWorld(drawn=drawn, study=drawn.study()), budgets, margin, seed, how)


def settle_grown(
    study: Grown, budgets: Sequence[float], margin: float, seed: int, how: Settling
) -> Settled:
    """Settle a study, and return what its looks said."""
    claims: list[Claim] = []

    def look(share: float) -> Fronts:
        return analyse(
            study.evaluations,
            budgets,
            study.hits,
            seed=seed,
            margin=margin,
            share=share,
            before=claims,
        )

    known = allocation.networks(study.evaluations, study.most)
    search = math.fsum(each.members * each.cost for each in known.values())
    left = how.cost * search
    shares = [spending.next_share([])] if how.shown else []
    each = spending.next_share(shares, spending.LOOKS)
    fronts = look(shares[0] if how.shown else each)
    answers, claims, costs = [said(fronts)], list(fronts.claims), [0.0]
    looks = spending.LOOKS - (not how.shown)
    while looks and stopping.reason(fronts, left) is None:
        known = allocation.networks(study.evaluations, study.most)
        ahead = look(each) if len(answers) == 1 and how.shown else fronts
        more = RULES[how.rule](ahead, known, left / looks)
        if not more:
            break
        left -= allocation.cost_of(more, known)
        looks -= 1
        study = study.with_more(more)
        fronts = look(each)
        answers.append(said(fronts))
        claims += fronts.claims
        costs.append(how.cost - left / search)
    return Settled(answers=answers, costs=costs)
