"""Intervals of advantages -> verdicts: for each budget, and for the study as a whole.

D(B) is the expected accuracy of the best ensemble within the budget B less that of the best single
network, among those that were tried. All intervals of a study hold at once with 95 % confidence, so
whatever is read off them may stand together.
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

    `crossed`: single networks are ahead at the budget `low`, ensembles from `high` on, so that the
    crossover lies between the two. `ensembles`: from `low` on. `singles`: up to `high`. `equal`: at
    every compared budget. `crosses back`: ensembles are ahead at a budget, single networks at a
    larger one. `undecided`: none of these can be said. Ends are budgets in multiply-adds per
    example, None where the status has none. `open` are the budgets whose verdict is `undecided`.
    """

    status: Status
    low: float | None = None
    high: float | None = None
    open: tuple[float, ...] = ()


NOTHING_KNOWN = Zone(status="undecided")


def verdict(low: float, high: float, margin: float, *, matched: bool = True) -> Verdict:
    """Return what an interval of D says, with `margin` the difference that does not matter.

    A budget at which costs are not matched gets no strong verdict: the better kind may be so for
    its cost alone.
    """
    if matched and low > 0:
        return "ensembles"
    if matched and high < 0:
        return "single"
    if matched and -margin < low and high < margin:
        return "equal"
    if low > -margin and low + high >= 0:
        return "ensemble at worst equal"
    if high < margin and low + high <= 0:
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


class ToSettle(NamedTuple):
    """What would settle an undecided budget, at today's estimates.

    `seeds` maps `network_key` to how many more members of it, which cost `train_macs` (an estimate,
    multiply-adds of training); None where no number up to 64 would do. `images` is how many images
    would do with today's members, None where no number would. Half widths of the interval of D, as
    fractions: today's, with infinitely many members, and with infinitely many images.
    """

    seeds: dict[str, int] | None
    train_macs: float
    images: int | None
    half_width: float
    half_width_members: float
    half_width_images: float
