"""What a study can decide, in words: at which budgets, how finely, and what would help."""

from collections.abc import Callable, Sequence

from ensearch.search_space import Ladder
from ensearch.study import matches
from ensearch.study.matches import Obstacle, Remedy
from ensearch.study.precision import Precision
from ensearch.units import counted

_OBSTACLES: dict[Obstacle, str] = {
    "no ensemble": "no ensemble fits into the budget: there is nothing to compare single networks "
    "with",
    "one ensemble": "only one ensemble fits into the budget: whether ensembles are better would "
    "hang on that one",
    "no match": "at no budget do a single network and an ensemble cost the same (within 5 %): "
    "which kind is better cannot be said",
    "one match": "at one budget only do a single network and an ensemble cost the same (within "
    "5 %): where the better kind changes cannot be said",
}


def lines(
    steps: Ladder,
    precision: Precision | None,
    remedies: Sequence[Remedy],
    images: int,
    cost: Callable[[float], str],
) -> list[str]:
    """Return what can be decided, as lines of a label and what it says.

    `images` validate; `cost` writes a cost in the unit of the ladder's budget.
    """
    why = matches.obstacle(steps)
    result = [] if why is None else [f"warning   {_OBSTACLES[why]}"]
    if remedies:
        result.append(f"remedy    {'; or '.join(_remedy(each, cost) for each in remedies)}")
    found = matches.matched(steps)
    if found:
        of = counted(len(steps.budgets), "budget")
        at = _listed(found, steps.budgets, cost)
        result.append(
            f"decides   at {len(found)} of {of} ({at}), where single networks and ensembles can "
            "cost the same (within 5 %)"
        )
        if precision is not None:
            result += [_width(precision, cost(steps.budget.amount)), _margin(precision, images)]
    return result


def _listed(found: Sequence[float], budgets: Sequence[float], cost: Callable[[float], str]) -> str:
    """The budgets, as a range where they are one."""
    first = budgets.index(found[0])
    if len(found) > 2 and tuple(budgets[first : first + len(found)]) == tuple(found):
        return f"{cost(found[0])} down to {cost(found[-1])}"
    return ", ".join(map(cost, found))


def _remedy(remedy: Remedy, cost: Callable[[float], str]) -> str:
    match remedy.kind:
        case "budget":
            what = f"a budget of {cost(float(remedy.value))}"
        case "resolution":
            what = f"images of {remedy.value} pixels a side"
        case "space":
            what = f"search space {remedy.value}"
    budgets = counted(remedy.budgets, "budget")
    return f"{what}, with which the two kinds could have equal costs at {budgets}"


def _width(precision: Precision, budget: str) -> str:
    spread = precision.spread
    source = (
        f"from {counted(spread.networks, 'network')} trained on these images already"
        if spread.is_measured
        else f"a guess: as if {100 * spread.accuracy:.0f} % of the images were classified right"
    )
    return (
        f"expect    the advantage of ensembles over single networks at {budget} to within "
        f"±{_points(precision.half_width)} ({source})"
    )


def _margin(precision: Precision, images: int) -> str:
    margin = _points(precision.margin)
    guessed = "" if precision.spread.is_measured else "by that guess "
    if precision.half_width <= precision.margin:
        return f"margin    {guessed}differences of {margin} can be shown"
    ways = [] if precision.seeds is None else [f"{precision.seeds} seeds of every network"]
    if precision.images is not None:
        ways.append(f"about {_about(precision.images)} validation images")
    would = f"{' or '.join(ways)} would show differences of {margin}" if ways else ""
    if precision.shows_margin:
        return f"margin    {guessed}{would or f'few seeds cannot show differences of {margin}'}"
    return (
        f"margin    {guessed}with {images} validation images differences below "
        f"{_points(precision.half_width_members)} cannot be shown, with however many seeds"
        f"{would and '; '}{would}"
    )


def _points(fraction: float) -> str:
    number = f"{100 * fraction:.1f}".removesuffix(".0")
    return f"{number} point" if number == "1" else f"{number} points"


def _about(count: int) -> str:
    """Two digits of a count, for it is estimated."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return f"{-(-count // unit) * unit:,}"
