"""Laws of accuracy over cost, size and depth: what a world claims to be true.

A law gives the expected accuracy of an ensemble of `size` members of one depth that costs
2^x times the geometric middle of the budgets, all members together.
"""

import math
from collections.abc import Callable

Law = Callable[[float, int, int], float]  # x, size, depth -> expected accuracy
Curve = Callable[[float], float]  # x -> accuracy of a single network of depth 0
Lead = Callable[[float], float]  # x -> what a pair is ahead of a single network of equal cost

NEAR = 0.004  # what each further depth loses, at an error of REFERENCE
LATER = 0.0005  # what each member beyond 2 loses, at an error of REFERENCE
REFERENCE = 0.2
FAR = 0.03  # what does not compete loses
SINGLE_ONLY, ENSEMBLE_ONLY = 10, 30  # depths from here on serve as one kind only


def straight(middle: float = 0.8, slope: float = 0.03) -> Curve:
    """Return a curve that rises by `slope` with each doubling of the cost."""
    return lambda x: middle + slope * x


def saturating(error: float, span: float, power: float = 0.4) -> Curve:
    """Return a curve whose error falls with a power of the cost, down to `error` at x = `span`."""
    return lambda x: 1 - error * math.pow(2, power * (span - x))


def constant(lead: float) -> Lead:
    return lambda x: lead


def rising(last: float, span: float) -> Lead:
    """Return a lead from -`last` at the smallest budget, x = -`span`, to `last` at the largest."""
    return lambda x: last * x / span


def leading(lead: Lead, curve: Curve | None = None) -> Law:
    """Return the law of a pair that leads by `lead`, with larger ensembles a little behind."""
    single = curve or straight()

    def law(x: float, size: int, depth: int) -> float:
        accuracy = single(x)
        behind = NEAR * depth + LATER * max(0, size - 2)
        return accuracy - behind * (1 - accuracy) / REFERENCE + (lead(x) if size > 1 else 0.0)

    return law


def fitted(gain: float) -> Law:
    """Return 1 - (e_inf + A f^-a - V f^b (1 - 1/m)), the fitted surface's law; V is `gain`."""

    def law(x: float, size: int, depth: int) -> float:
        cost = math.pow(2, x) / size
        error = 0.06 + 0.14 * math.pow(cost, -0.22) - gain * math.pow(cost, 0.25) * (1 - 1 / size)
        return 1 - error - NEAR * depth

    return law


def shaped(shape: Lead) -> Law:
    """Return a law by which ensembles get only a share of the lead, the larger the less."""

    def law(x: float, size: int, depth: int) -> float:
        lead, share = shape(x), 1.0 - 0.05 * (size - 2)
        part = share if lead > 0 else 2 - share
        return 0.8 + 0.03 * x - NEAR * depth + (lead * part if size > 1 else 0.0)

    return law


def tied(x: float, size: int, depth: int) -> float:
    """All sizes, depths and costs lie within 0.1 points: the law of near-ties over the ladder."""
    return 0.85 - 0.0008 * scatter(size, depth) + 0.00005 * x


def tied_at_each_budget(x: float, size: int, depth: int) -> float:
    """All sizes and depths of one cost lie within 0.1 points."""
    return straight()(x) - 0.001 * scatter(size, depth)


def scatter(size: int, depth: int) -> float:
    """Return a number in [0, 1) that looks random: a size and a depth have always the same."""
    return math.fmod(0.618034 * (7 * depth + 3 * size), 1.0)


def crowded(lead: Lead) -> Law:
    """Return a law under which many networks compete as one kind and are far behind as the other.

    Depths from SINGLE_ONLY on are as good as depth 0 but for 0.1 points as single networks, the
    first of them exactly, and gain little in ensembles; from ENSEMBLE_ONLY on it is the other way
    round.
    """
    usual = leading(lead)

    def law(x: float, size: int, depth: int) -> float:
        if depth < SINGLE_ONLY:
            return usual(x, size, depth)
        as_single = depth < ENSEMBLE_ONLY
        place = depth - (SINGLE_ONLY if as_single else ENSEMBLE_ONLY)
        behind = 0.001 * scatter(0, place) if (size == 1) == as_single else FAR
        return usual(x, size, 0) - behind

    return law


def members_behind(lead: Lead, behind: float, *, alike: bool) -> Law:
    """Return a law under which depths from ENSEMBLE_ONLY on are `behind` as single networks.

    Where both gain `alike`, ensembles of them are behind too, by 0.7 times as much. Otherwise they
    gain more, so that they lead, and ensembles of the others are a point behind them.
    """
    usual = leading(lead)

    def law(x: float, size: int, depth: int) -> float:
        serving = depth >= ENSEMBLE_ONLY
        accuracy = usual(x, size, depth - ENSEMBLE_ONLY if serving else depth)
        if size == 1:
            return accuracy - (behind if serving else 0.0)
        if alike:
            return accuracy - (0.7 * behind if serving else 0.0)
        return accuracy - (0.0 if serving else 0.01)

    return law
