"""Where a ladder lets single networks and ensembles meet at equal cost, and what would mend it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from ensearch.budget import Budget
from ensearch.core import Architecture, Cost, Schedule
from ensearch.errors import BudgetError, UsageError
from ensearch.fronts import MATCHED_SHARE, USED_SHARE
from ensearch.search_space import Ladder, SearchSpace, ladder, reading

# Two budgets tell where the lead changes; one tells who leads there.
FEWEST = 2
# Doublings of the budget, in halves, that are looked at for one that would do.
_STEPS = 12
_FEWEST_PIXELS = 8  # a side; of less nobody sees anything

Obstacle = Literal["no ensemble", "one ensemble", "no match", "one match"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A change that lets single networks and ensembles meet at `budgets` budgets.

    `value` is the budget in its unit, pixels a side, or the name of a shipped search space.
    """

    kind: Literal["budget", "resolution", "space"]
    value: float | int | str
    budgets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a ladder is built from, so that others can be built: see `ladder.build`."""

    space: SearchSpace
    budget: Budget
    schedule: Schedule
    resolution: int  # of the data
    count: Callable[[Architecture], Cost]

    def ladder(self) -> Ladder | None:
        """Return the ladder; None where nothing fits the budget or the images."""
        try:
            return ladder.build(self.space, self.budget, self.schedule, self.resolution, self.count)
        except (BudgetError, UsageError):
            return None


def matched(steps: Ladder) -> tuple[float, ...]:
    """Return the compared budgets at which both kinds can be matched, descending.

    There a single network and an ensemble cost more than the budget over sqrt(2), each of them has
    one of the other kind that costs within 5 % of it, and both are within the budget. That is
    necessary, not sufficient, because the most accurate that is tried may cost something else: of
    1,560 such budgets, in simulated studies of default length over 18 ladders (3 points of accuracy
    a doubling, networks differ by 1), 64 % ended as matched, and 1 % of 1,060 others.
    """
    kinds = [
        [steps.price(c) for c in steps.cells if c.is_single == single] for single in (True, False)
    ]
    found = []
    for budget in steps.budgets:
        singles, ensembles = ([price for price in kind if price <= budget] for kind in kinds)
        pairs = ((singles, ensembles), (ensembles, singles))
        if all(_meets(own, other, budget) for own, other in pairs):
            found.append(budget)
    return tuple(found)


def _meets(own: list[float], other: list[float], budget: float) -> bool:
    """Whether one of these uses the budget and is matched by the most expensive of the others."""
    most = max(other, default=0)
    return any(p > USED_SHARE * budget and MATCHED_SHARE * p <= most for p in own)


def obstacle(steps: Ladder) -> Obstacle | None:
    """Return why a study over the ladder cannot compare the kinds, None if it can."""
    ensembles = {(c.architecture, c.size) for c in steps.cells if not c.is_single}
    if len(ensembles) < 2:
        return "one ensemble" if ensembles else "no ensemble"
    meetings = len(matched(steps))
    if meetings < FEWEST:
        return "one match" if meetings else "no match"
    return None


def remedies(setting: Setting) -> tuple[Remedy, ...]:
    """Return what would let a study compare: of each kind of change the smallest that does.

    Empty where nothing hinders it. Each was tried: its ladder has no `obstacle`. Spaces are those
    that ship; a change of the pixels is looked for where the space leaves them to the data. Where
    the budget bounds time, nothing is proposed: other networks would have to be measured.
    """
    if setting.budget.timed is not None:
        return ()
    now = setting.ladder()
    if now is not None and obstacle(now) is None:
        return ()
    larger, coarser = (islice(_that_do(of(setting)), 1) for of in (_larger, _coarser))
    return (*larger, *coarser, *_that_do(_other_spaces(setting)))


_Change = tuple[Literal["budget", "resolution", "space"], float | int | str, Setting]


def _that_do(changes: Iterable[_Change]) -> Iterator[Remedy]:
    for kind, value, changed in changes:
        steps = changed.ladder()
        if steps is not None and obstacle(steps) is None:
            yield Remedy(kind=kind, value=value, budgets=len(matched(steps)))


def _larger(setting: Setting) -> Iterator[_Change]:
    for step in range(1, _STEPS + 1):
        amount = _round(setting.budget.amount * 2 ** (step / 2))
        yield "budget", amount, replace(setting, budget=replace(setting.budget, amount=amount))


def _round(amount: float) -> float:
    """Return two digits of a number, rounded up, as people write budgets: 141,421 -> 150,000."""
    unit = 10.0 ** (len(str(int(amount))) - 2)
    return -(-amount // unit) * unit


def _coarser(setting: Setting) -> Iterator[_Change]:
    space, pixels = setting.space, setting.resolution // 2
    if space.resolution or any(shape.resolution for shape in space.shapes):
        return
    while pixels >= _FEWEST_PIXELS:
        yield "resolution", pixels, replace(setting, resolution=pixels)
        pixels //= 2


def _other_spaces(setting: Setting) -> Iterator[_Change]:
    """The shipped spaces, but those that would enlarge all images."""
    for name in reading.names():
        space = reading.load(name)
        sides = {line.resolution for line in space.lines(setting.resolution)}
        if name != setting.space.name and min(sides) <= setting.resolution:
            yield "space", name, replace(setting, space=space)
