"""Intervals of advantages -> verdicts: for each budget, and for the study as a whole.

D(B) is the expected accuracy of the best ensemble within the budget B less that of the best single
network, among those that were tried. All intervals of a study hold at once with 95 % confidence, so
the signs that are read off them may stand together; of what is read off the bounds for margins,
`comparison` says when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

MARGIN = 0.01  # delta: a difference in accuracy below which it does not matter which one is taken

Verdict = Literal[
    "ensembles",
    "single",
    "equal",
    "ensemble at worst equal",
    "single at worst equal",
    "undecided",
]
STRONG: tuple[Verdict, ...] = ("ensembles", "single", "equal")
WEAK: tuple[Verdict, ...] = ("ensemble at worst equal", "single at worst equal")

Status = Literal["crossed", "ensembles", "singles", "equal", "crosses back", "undecided"]


class Ruled(NamedTuple):
    """A compared budget with its verdict."""

    budget: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """What a study says as a whole: where ensembles overtake single networks.

    `crossed`: single networks are ahead at the budget `low`, ensembles at `high`, so that the
    crossover lies between the two; larger budgets may be undecided. `ensembles`: from `low` on.
    `singles`: up to `high`. `equal`: at every compared budget. `crosses back`: ensembles are ahead
    at a budget, single networks at a larger one. `undecided`: none of these can be said. Ends are
    budgets in the unit of prices, None where the status has none. `open` are the budgets whose
    verdict is `undecided`.
    """

    status: Status
    low: float | None = None
    high: float | None = None
    open: tuple[float, ...] = ()


NOTHING_KNOWN = Zone(status="undecided")


def verdict(
    signs: tuple[float, float], margins: tuple[float, float], margin: float, *, strong: bool
) -> Verdict:
    """Return what intervals of D say, with `margin` the difference that does not matter.

    `signs` are the ends that hold together, `margins` those of which only one can be wrong, see
    `comparison.Compared`. Without `strong` there is no strong verdict: where costs are not matched,
    the better kind may be so for its cost alone.
    """
    least, most = margins
    if strong and signs[0] > 0:
        return "ensembles"
    if strong and signs[1] < 0:
        return "single"
    if strong and -margin < least and most < margin:
        return "equal"
    if least > -margin and least + most >= 0:
        return "ensemble at worst equal"
    if most < margin and least + most <= 0:
        return "single at worst equal"
    return "undecided"


def zone(ruled: Sequence[Ruled]) -> Zone:
    """Return what the verdicts of ascending budgets say together."""
    open_at = tuple(row.budget for row in ruled if row.verdict == "undecided")
    ahead = [row.budget for row in ruled if row.verdict == "ensembles"]
    behind = [row.budget for row in ruled if row.verdict == "single"]
    if ahead and behind:
        if behind[-1] > ahead[0]:
            return Zone(status="crosses back", low=ahead[0], high=behind[-1], open=open_at)
        return Zone(status="crossed", low=behind[-1], high=ahead[0], open=open_at)
    if ruled and all(row.verdict == "equal" for row in ruled):
        return Zone(status="equal", low=ruled[0].budget, high=ruled[-1].budget)
    if ahead and _only(ruled, ahead[0], ruled[-1].budget, "ensembles", "ensemble at worst equal"):
        return Zone(status="ensembles", low=ahead[0], open=open_at)
    if behind and _only(ruled, ruled[0].budget, behind[-1], "single", "single at worst equal"):
        return Zone(status="singles", high=behind[-1], open=open_at)
    return Zone(status="undecided", open=open_at)


def _only(ruled: Sequence[Ruled], low: float, high: float, *verdicts: Verdict) -> bool:
    """Whether all budgets from `low` to `high` have one of these verdicts."""
    return all(row.verdict in verdicts for row in ruled if low <= row.budget <= high)
