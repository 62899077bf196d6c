"""The worlds: each a law of accuracy, what a study tries in it, and the noise of its hits.

Nothing but hits is made up. So 2 and 10 classes show as levels of accuracy and as correlations of
errors only: methods that read probabilities cannot be simulated here.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scripts.simulations.verdicts import laws
from scripts.simulations.verdicts.laws import ENSEMBLE_ONLY, SINGLE_ONLY, Law

RUNGS, STEP = 9, 1
SPAN = (RUNGS - 1) * STEP / 4  # doublings from the middle of the ladder to its ends
DELTA = 0.01
# Place of a member's cost, 0 for members of the cheapest pair and below, 1 for the top -> c.
Spread = Callable[[float], float]


class Trial(NamedTuple):
    """What a study asked for: an ensemble of `size` that costs the whole budget of a rung."""

    rung: int  # 0 is the smallest budget
    size: int
    depth: int


class Errors(NamedTuple):
    """Standard deviations of the parts that decide whether a member gets an image right."""

    shared: float = 0.75  # the image's own difficulty
    depth: float = 0.0  # the difference that all networks of one depth make on it
    network: float = 0.3  # the network's difference
    member: float = 0.6  # the member's difference


def usual(rungs: int = RUNGS, singles: int = 0, members: int = 0) -> tuple[Trial, ...]:
    """Return 25 trials on 9 rungs, of two depths: singles and pairs everywhere, some of 4 and 8.

    With 3 seeds they take 17 networks. Single networks have the depth `singles` or the next one,
    members of ensembles `members` or the next one.
    """
    top = rungs - 1
    pairs = [Trial(k, size, d) for k in range(rungs) for size, d in ((1, singles), (2, members))]
    others = [Trial(k, 1, singles + 1) for k in (1, rungs // 2, top - 1)]
    large = [
        Trial(2, 8, members),
        Trial(3, 4, members + 1),
        Trial(top - 2, 8, members + 1),
        Trial(top, 4, members + 1),
    ]
    return (*pairs, *others, *large)


def crowd(rung: int, size: int, many: int) -> tuple[Trial, ...]:
    """Return that many more trials of one kind at a rung, of depths that serve as that kind."""
    first = SINGLE_ONLY if size == 1 else ENSEMBLE_ONLY
    return tuple(Trial(rung, size, first + i) for i in range(many))


def steady(c: float) -> Spread:
    return lambda place: c


def changing(cheap: float, dear: float) -> Spread:
    """Return a spread that changes by the same factor with each doubling of a member's cost."""
    return lambda place: cheap * math.pow(dear / cheap, place)


USUAL_SPREAD, USUAL_ERRORS = steady(0.05), Errors()


@dataclass(frozen=True, kw_only=True)
class World:
    """A law of accuracy over cost, size and depth, with its noise and what is tried.

    Budgets are `rungs` steps of 2^(`step` / 2). A member's accuracy p varies between seeds, on all
    images, by a standard deviation of about c p (1 - p), c by `spread`. A share `bad` of all
    members loses `loss` of accuracy, and the law includes that.
    """

    name: str
    law: Law
    trials: tuple[Trial, ...] = field(default_factory=usual)
    rungs: int = RUNGS
    step: int = STEP
    spread: Spread = USUAL_SPREAD
    errors: Errors = USUAL_ERRORS
    bad: float = 0.0
    loss: float = 0.07


def _points(lead: float) -> str:
    return "0" if lead == 0 else f"{100 * lead:+g}"


def _before() -> list[World]:
    """The worlds that bands and crossovers were first tested in, without luck of seeds but one."""
    shapes = {
        "inside, wrong law": lambda x: 0.02 * math.tanh(1.5 * (x - 0.3)),
        "near the top": lambda x: 0.02 * math.tanh(1.5 * (x - 1.8)),
        "none: all equal": laws.constant(0.0),
        "crossing back": lambda x: 0.025 * math.cos(math.pi * x / 2),
    }
    gains = {"inside, right law": 0.065, "below, right law": 0.15, "above, right law": 0.0}
    exact = {name: laws.fitted(gain) for name, gain in gains.items()}
    exact |= {name: laws.shaped(shape) for name, shape in shapes.items()}
    return [
        *(World(name=name, law=law, spread=steady(0.0)) for name, law in exact.items()),
        World(name="inside, seeds vary", law=exact["inside, wrong law"], spread=steady(0.028)),
    ]


def _constant() -> list[World]:
    leads = (0.0, DELTA / 2, -DELTA / 2, DELTA, -DELTA, 0.015, -0.015)
    return [
        World(name=f"D = {_points(lead)} everywhere", law=laws.leading(laws.constant(lead)))
        for lead in leads
    ]


def _crossing() -> list[World]:
    """Crossings on both ladders: steps of the square root of 2, and doublings."""
    found = []
    for last, (rungs, step) in itertools.product((0.005, 0.02), ((9, 1), (8, 2))):
        lead = laws.rising(last, (rungs - 1) * step / 4)
        doublings = "" if step == 1 else ", doublings"
        found.append(
            World(
                name=f"crossing {_points(-last)} to {_points(last)}{doublings}",
                law=laws.leading(lead, laws.straight(slope=0.03 / step)),
                trials=usual(rungs),
                rungs=rungs,
                step=step,
            )
        )
    return found


def _accurate() -> list[World]:
    """Accuracies near 1, where some hundred images hold few errors or none."""
    cases = ((0.02, 0.0), (0.02, 0.003), (0.007, 0.0), (0.007, 0.0015), (0.003, 0.0), (0.003, 7e-4))
    found = [
        World(
            name=f"{100 * (1 - error):g} % at the top, D = {_points(lead)}",
            law=laws.leading(laws.constant(lead), laws.saturating(error, SPAN)),
        )
        for error, lead in cases
    ]
    return [*found, World(name="both kinds perfect", law=lambda x, size, depth: 1.0)]


def _unequal() -> list[World]:
    bottom_and_top = (*usual(), *crowd(0, 1, 9), *crowd(RUNGS - 1, 2, 9))
    everywhere = range(5)
    ten_singles = [t for k in everywhere for t in (*crowd(k, 1, 10), *crowd(k, 2, 1))]
    ten_ensembles = [t for k in everywhere for t in (*crowd(k, 1, 1), *crowd(k, 2, 10))]
    law = laws.crowded(laws.constant(0.0))
    return [
        World(name="10 + 1 at the bottom, 1 + 10 at the top", law=law, trials=bottom_and_top),
        World(
            name="10 + 1 at the bottom, 1 + 10 at the top, D = +1",
            law=laws.crowded(laws.constant(DELTA)),
            trials=bottom_and_top,
        ),
        World(name="10 + 1 everywhere", law=law, trials=tuple(ten_singles), rungs=5, step=2),
        World(name="1 + 10 everywhere", law=law, trials=tuple(ten_ensembles), rungs=5, step=2),
    ]


def _noisy() -> list[World]:
    """Luck of seeds as on real tables and worse, heavy tails, errors alike."""
    flat, cross = laws.leading(laws.constant(0.0)), laws.leading(laws.rising(0.01, SPAN))
    alike = Errors(network=0.6, member=0.25)
    by_depth = Errors(depth=0.45, network=0.2, member=0.5)
    cases: list[tuple[str, Spread, Errors, float]] = [
        ("spread growing with cost", changing(0.08, 0.24), Errors(), 0.0),
        ("spread falling with cost", changing(0.27, 0.09), Errors(), 0.0),
        ("heavy tails", steady(0.05), Errors(), 0.08),
        ("members of a network alike", steady(0.05), alike, 0.0),
        ("networks of a depth alike", steady(0.05), by_depth, 0.0),
    ]
    return [
        World(name=f"{name}, {what}", law=law, spread=spread, errors=errors, bad=bad)
        for name, spread, errors, bad in cases
        for what, law in (("D = 0", flat), ("crossing -1 to +1", cross))
    ]


def _classes() -> list[World]:
    rungs, step = 8, 2
    span = (rungs - 1) * step / 4
    found = []
    for name, low, high, errors in (
        ("2 classes", 0.60, 0.85, Errors(shared=0.5, network=0.4, member=0.75)),
        ("10 classes", 0.40, 0.90, Errors(shared=0.8, network=0.25, member=0.5)),
    ):
        curve = laws.straight((low + high) / 2, (high - low) / (2 * span))
        for what, lead in (("D = 0", laws.constant(0.0)), ("crossing", laws.rising(0.01, span))):
            found.append(
                World(
                    name=f"{name}, {what}" + (" -1 to +1" if what == "crossing" else ""),
                    law=laws.leading(lead, curve),
                    trials=usual(rungs),
                    rungs=rungs,
                    step=step,
                    errors=errors,
                )
            )
    return found


def _others() -> list[World]:
    """Near-ties, and networks that serve as members below the curve of the single ones."""
    sizes = ((1, 0), (1, 2), (1, 3), (2, 0), (2, 2), (4, 1), (4, 3), (8, 2))
    many = tuple(Trial(k, size, depth) for k in range(0, RUNGS, 2) for size, depth in sizes)
    tried = (*usual(), *many)
    flat, cross = laws.constant(0.0), laws.rising(0.01, SPAN)
    serving = [
        World(
            name=f"members {_points(-behind)}, {what}",
            law=laws.members_behind(lead, behind, alike=alike),
            trials=usual(members=ENSEMBLE_ONLY),
        )
        for behind in (0.015, 0.03)
        for what, lead, alike in (
            ("gain alike", cross, True),
            ("gain more, D = 0", flat, False),
            ("gain more, crossing -1 to +1", cross, False),
        )
    ]
    return [
        World(name="near-ties over all budgets", law=laws.tied, trials=tried),
        World(name="near-ties at each budget", law=laws.tied_at_each_budget, trials=tried),
        *serving,
    ]


def _by_name(worlds: Sequence[World]) -> dict[str, World]:
    named = {world.name: world for world in worlds}
    assert len(named) == len(worlds)
    return named


WORLDS = _by_name(
    [
        *_before(),
        *_constant(),
        *_crossing(),
        *_accurate(),
        *_unequal(),
        *_noisy(),
        *_classes(),
        *_others(),
    ]
)
