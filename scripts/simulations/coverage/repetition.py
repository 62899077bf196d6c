"""One simulated study of a known world, and what many of them came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.fronts import analysis
from ensearch.seeds import derive
from scripts.simulations.coverage import worlds
from scripts.simulations.coverage.worlds import KnownWorld

HEADER = (
    "| world | images | crossover: fronts | crossover: surface | band | multiplier | right "
    "| not identifiable | wrong | agree | effect |"
)


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """What held the truth in one study. `fitted` and `agree` are None without a surface."""

    fronts: bool
    fitted: bool | None
    agree: bool | None
    band: bool
    multipliers: float  # share of the budgets
    status: str
    halves: tuple[float, ...]  # half widths of the band


def repeat(world: KnownWorld, images: Mapping[str, int], replicates: int, seed: int) -> Repetition:
    """Make a study and analyse it; the last split of `images` scores, "val" selects."""
    name = f"{world.name} {dict(images)}"
    study = worlds.study(world, images, np.random.default_rng(derive(name, seed)))
    (evaluations, outcomes), others = study["test" if "test" in study else "val"], study["val"]
    front = analysis.analyse(
        evaluations,
        [budget * (1 + 1e-6) for budget in worlds.BUDGETS],
        outcomes,
        selected_on=others if "test" in study else None,
        replicates=replicates,
        seed=seed,
    )
    lows = np.array([row.low for row in front.rows], np.float64)
    highs = np.array([row.high for row in front.rows], np.float64)
    true = np.array(world.advantages)
    truth, fitted = world.crossover(), front.fitted
    multipliers = [
        row.multiplier is not None
        and _holds(row.multiplier.low, world.multiplier(k), row.multiplier.high)
        for k, row in enumerate(front.rows)
    ]
    return Repetition(
        fronts=_holds(front.crossover.low, truth, front.crossover.high),
        fitted=None if fitted is None else _holds(fitted.low, truth, fitted.high),
        agree=front.agree,
        band=bool(np.all((lows <= true) & (true <= highs))),
        multipliers=float(np.mean(multipliers)),
        status=front.crossover.status,
        halves=tuple((highs - lows) / 2),
    )


def _holds(low: float | None, truth: float, high: float | None) -> bool:
    """A part in 10,000 is less than the steps between budgets at which ends are searched."""
    return low is not None and high is not None and low <= truth * 1.0001 >= truth <= high * 1.0001


def effect(world: KnownWorld, halves: Sequence[float]) -> float:
    """Return the smallest advantage that the true status rests on, over the band's half width."""
    d = np.array(world.advantages) / np.array(halves)
    if world.status == "not identifiable":
        return 0.0
    if world.status in ("ensembles always", "singles always"):
        return float(np.abs(d).min())
    if world.status == "crossed":
        return float(min(-d.min(), d[-1]))
    return float(max(min(d[i], -d[i + 1 :].min()) for i in range(len(d) - 1)))


def line(world: KnownWorld, images: Mapping[str, int], repetitions: Sequence[Repetition]) -> str:
    """Return the line of a world in the table, in percent of the repetitions; see HEADER."""
    unsure = [r.status == "not identifiable" for r in repetitions]
    right = [r.status == world.status for r in repetitions]
    cells = [
        world.name + (", val chooses" if len(images) > 1 else ""),
        f"{images['val']:,}",
        _percent([r.fronts for r in repetitions]),
        _percent([r.fitted for r in repetitions]),
        _percent([r.band for r in repetitions]),
        _percent([r.multipliers for r in repetitions]),
        _percent(right),
        _percent(unsure),
        _percent([not r and not u for r, u in zip(right, unsure, strict=True)]),
        _percent([r.agree for r in repetitions]),
        f"{effect(world, np.mean([r.halves for r in repetitions], axis=0)):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _percent(values: Sequence[float | bool | None]) -> str:
    known = [float(value) for value in values if value is not None]
    return f"{100 * np.mean(known):.1f}" if known else "-"
