"""Advantages at budgets, with their noise -> where ensembles overtake single networks.

Everything here is about the advantage D = ensemble - single at K ascending budgets, linear over
log(budget) in between. `errors` are R x K: how far D was off in each of R replicates, 0 on average.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats
from ensearch.units import format_count

LEVEL = 0.95  # of the band and of the interval
WIDTH = 1.96  # standard errors of the interval on either side
FINE = 32  # steps between two budgets, in which the interval's ends are searched

Status = Literal[
    "crossed", "ensembles always", "singles always", "crosses back", "not identifiable"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossover:
    """Where ensembles overtake single networks, and whether that can be told.

    `budget` is the crossover in multiply-adds per example, `low` to `high` its 95 % interval.
    A status other than `not identifiable` is claimed only where the noise allows no other:
    `crossed` and `crosses back` where the simultaneous band shows both signs, `crossed` only if
    the interval ends within the budgets, `always` only if every budget by itself has that sign at
    97.5 %. `budget` is finite for `crossed` and None for the others. In the interval 0.0 stands
    for below the smallest matched budget and inf for above the largest; both ends are None
    without stored predictions or with fewer than 2 matched budgets.
    """

    status: Status
    budget: float | None
    low: float | None
    high: float | None
    sentence: str


def band(point: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the simultaneous 95 % band by max-|t|.

    They are point -/+ sd x the 95 % quantile of max |error| / sd over budgets.
    """
    sd = errors.std(axis=0, ddof=1)
    # sd is 0 where both fronts hit the same images: the advantage is exact there, t is 0.
    t = np.abs(errors) / np.where(sd > 0, sd, np.inf)
    half = np.quantile(t.max(axis=1), LEVEL) * sd
    return point - half, point + half


def crossings(budgets: Floats, advantages: Floats) -> Floats:
    """Return for each row of advantages (R x K) the budget from which all are positive: R.

    0 if all are, inf if the last is not; else where the straight line over log(budget) between
    the last one that is not and its upper neighbour reaches 0.
    """
    behind = advantages <= 0
    last = len(budgets) - 1
    k = last - np.argmax(behind[:, ::-1], axis=1)
    result = np.where(behind.any(axis=1), np.inf, 0.0)
    inside = np.flatnonzero(behind.any(axis=1) & (k < last))
    k = k[inside]
    below, above = advantages[inside, k], advantages[inside, k + 1]
    result[inside] = budgets[k] * (budgets[k + 1] / budgets[k]) ** (-below / (above - below))
    return result


def interval(budgets: Floats, point: Floats, errors: Floats) -> tuple[float, float]:
    """Return the ends of the budgets at which D = 0 is within 1.96 standard errors of its estimate.

    The upper end is right in 97.5 % of studies by construction: it errs only if D seems positive
    at the true crossover. The percentiles of the replicates' own crossings, the first thing one
    would try, held the truth in 65 % of simulated studies whose noise was as large as D, because
    the last of many noisy values below 0 lies too high; this held it in 96 %.
    """
    # Interpolated replicates, because D between two budgets is known better than at either.
    places = np.arange((len(budgets) - 1) * FINE + 1) / FINE
    k = np.minimum(places.astype(int), len(budgets) - 2)
    share = places - k
    fine = budgets[k] * (budgets[k + 1] / budgets[k]) ** share
    middle = point[k] * (1 - share) + point[k + 1] * share
    half = WIDTH * (errors[:, k] * (1 - share) + errors[:, k + 1] * share).std(axis=0, ddof=1)
    low, high = crossings(fine, np.stack([middle + half, middle - half]))
    return float(low), float(high)


def judge(budgets: Floats, point: Floats, errors: Floats, noise: str) -> Crossover:
    """Return the crossover with its status; `noise` says what the errors cover."""
    bounds = band(point, errors)
    low, high = interval(budgets, point, errors)
    half = WIDTH * errors.std(axis=0, ddof=1)
    status, finding = _finding(budgets, bounds, (point - half, point + half), high)
    budget = float(crossings(budgets, point[None])[0]) if status == "crossed" else None
    covers = "The band covers"
    if budget is not None:
        finding += f" at about {format_count(budget)} (95 % interval: {span(budgets, low, high)})"
        covers = "The interval and the band cover"
    elif status == "not identifiable" and np.sign(point).min() == np.sign(point).max() != 0:
        finding += f" ({_names(point[0] > 0)} lead at every matched budget, but not clearly)"
    return Crossover(
        status=status,
        budget=budget,
        low=low,
        high=high,
        sentence=f"{finding}. Costs are multiply-adds per example. {covers} {noise}.",
    )


def span(budgets: Floats, low: float, high: float) -> str:
    """Return an interval of budgets in words: 1.2G to beyond 4G."""
    start = format_count(low) if low > 0 else f"below {_counts(budgets[:1])}"
    if low == np.inf:
        return f"beyond {_counts(budgets[-1:])}"
    if high == 0:
        return start
    return (
        f"{start} to {format_count(high) if high < np.inf else f'beyond {_counts(budgets[-1:])}'}"
    )


def unjudged(reason: str) -> Crossover:
    """Return a crossover that cannot be identified, for this reason."""
    return Crossover(
        status="not identifiable",
        budget=None,
        low=None,
        high=None,
        sentence=f"The crossover is not identifiable: {reason}.",
    )


def _counts(budgets: Floats) -> str:
    return ", ".join(format_count(budget) for budget in budgets)


def _names(ensembles: bool) -> str:
    return "ensembles" if ensembles else "single networks"


def _finding(
    budgets: Floats, bounds: tuple[Floats, Floats], each: tuple[Floats, Floats], high: float
) -> tuple[Status, str]:
    """The status and what it says. `bounds` hold for all budgets at once, `each` for each alone."""
    ahead, behind = np.flatnonzero(bounds[0] > 0), np.flatnonzero(bounds[1] < 0)
    unknown = "The crossover is not identifiable: "
    if not (len(ahead) or len(behind)):
        return "not identifiable", (
            f"{unknown}the difference between the best ensemble and the best single network is "
            f"within the noise at all {len(budgets)} matched budgets"
        )
    if not (len(ahead) and len(behind)):
        return _one_sided(budgets, ahead if len(ahead) else behind, len(ahead) > 0, each)
    both = (
        f"ensembles are clearly behind at {_counts(budgets[behind])} and clearly ahead at "
        f"{_counts(budgets[ahead])}"
    )
    if behind[-1] > ahead[0]:
        return "crosses back", f"There is no single crossover: {both}"
    if high == np.inf:
        return "not identifiable", (
            f"{unknown}{both}, but at the largest matched budget the difference is within the noise"
        )
    return "crossed", "Ensembles overtake single networks"


def _one_sided(
    budgets: Floats, clear: npt.NDArray[np.intp], ahead: bool, each: tuple[Floats, Floats]
) -> tuple[Status, str]:
    name = _names(ahead)
    if np.all(each[0] > 0) if ahead else np.all(each[1] < 0):
        end = f"below {_counts(budgets[:1])}" if ahead else f"beyond {_counts(budgets[-1:])}"
        return "ensembles always" if ahead else "singles always", (
            f"{name.capitalize()} are ahead at every matched budget from {_counts(budgets[:1])} to "
            f"{_counts(budgets[-1:])}; a crossover, if there is one, lies {end}"
        )
    if ahead and clear[0] == len(budgets) - len(clear):
        where, rest = f"from {_counts(budgets[clear[:1]])} on", "below"
    elif not ahead and clear[-1] == len(clear) - 1:
        where, rest = f"up to {_counts(budgets[clear[-1:]])}", "above"
    else:
        where, rest = f"at {_counts(budgets[clear])}", "elsewhere"
    return "not identifiable", (
        f"The crossover is not identifiable: {name} are clearly ahead "
        f"{where}, but {rest} the difference is within the noise"
    )
