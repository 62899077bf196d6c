"""What a look at a study claims of D, and which of it later looks may still say.

A study may be looked at several times: after its search, and each time after more of its members
were trained. Every look has its own part of the error that the study may make (`spending`), so that
all its claims together are right as often as those of one look with the whole error. A bound of an
earlier look therefore still holds, if D is what it was: with more single networks tried D can only
be smaller, with more ensembles only larger.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one look claims at a matched budget, before any margin; see `comparison.Compared`.

    `singles` and `ensembles` count what had been tried within the budget.
    """

    budget: float
    low: float
    high: float
    least: float
    most: float
    singles: int
    ensembles: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `Claim(**...)` makes an equal claim of it."""
        return asdict(self)


def standing(now: Claim, earlier: Iterable[Claim], advantage: float) -> Claim:
    """Return what may be said now, with the bounds of earlier looks that still stand.

    A bound that `advantage`, the estimate of now, has crossed is withdrawn.
    """
    low, high, least, most = now.low, now.high, now.least, now.most
    for claim in earlier:
        if claim.budget != now.budget:
            continue
        if claim.singles == now.singles:
            low = max(low, claim.low) if claim.low <= advantage else low
            least = max(least, claim.least) if claim.least <= advantage else least
        if claim.ensembles == now.ensembles:
            high = min(high, claim.high) if claim.high >= advantage else high
            most = min(most, claim.most) if claim.most >= advantage else most
    return replace(now, low=low, high=high, least=least, most=most)
