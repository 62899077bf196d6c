"""How often the intervals of `front` hold the truth, and its status is right, in known worlds.

    python -m scripts.simulations.coverage --repetitions 200 --replicates 300

Prints one line for each world and number of images, as a Markdown table; README.md keeps the
result. Each repetition is a new study: new members, new images.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.fronts import analysis
from ensearch.seeds import derive
from scripts.simulations.coverage import worlds

IMAGES = (500, 2_500, 10_000)
SPLIT = "inside, wrong law"  # also with val that chooses and test that scores
HEADER = (
    "| world | images | crossover: fronts | crossover: surface | band | multiplier | right "
    "| not identifiable | wrong | agree | effect |"
)


@dataclass(frozen=True, kw_only=True)
class Once:
    """One repetition: what held the truth. `fitted` and `agree` are None without a surface."""

    fronts: bool
    fitted: bool | None
    agree: bool | None
    band: bool
    multipliers: float  # share of the budgets
    status: str
    halves: tuple[float, ...]  # half widths of the band


def repeat(world: worlds.World, images: Mapping[str, int], replicates: int, seed: int) -> Once:
    """Make a study and analyse it; the last split of `images` scores."""
    name = f"{world.name} {dict(images)}"
    study = worlds.study(world, images, np.random.default_rng(derive(name, seed)))
    (evaluations, outcomes), others = study["test" if "test" in study else "val"], study["val"]
    found = analysis.analyse(
        evaluations,
        [budget * (1 + 1e-6) for budget in worlds.BUDGETS],
        outcomes,
        selected_on=others if "test" in study else None,
        replicates=replicates,
        seed=seed,
    )
    rows, truth = found.rows, world.crossover()
    lows = np.array([row.low for row in rows], np.float64)
    highs = np.array([row.high for row in rows], np.float64)
    true = np.array(world.advantages)
    fitted = found.fitted
    return Once(
        fronts=_holds(found.crossover.low, truth, found.crossover.high),
        fitted=None if fitted is None else _holds(fitted.low, truth, fitted.high),
        agree=found.agree,
        band=bool(np.all((lows <= true) & (true <= highs))),
        multipliers=float(
            np.mean(
                [
                    row.multiplier is not None
                    and _holds(row.multiplier.low, world.multiplier(k), row.multiplier.high)
                    for k, row in enumerate(rows)
                ]
            )
        ),
        status=found.crossover.status,
        halves=tuple((highs - lows) / 2),
    )


def _holds(low: float | None, truth: float, high: float | None) -> bool:
    """A part in 10,000 is less than the steps between budgets at which ends are searched."""
    return low is not None and high is not None and low <= truth * 1.0001 >= truth <= high * 1.0001


def effect(world: worlds.World, halves: Sequence[float]) -> float:
    """The smallest advantage that the true status rests on, over the band's mean half width."""
    d = np.array(world.advantages) / np.array(halves)
    if world.status == "not identifiable":
        return 0.0
    if world.status in ("ensembles always", "singles always"):
        return float(np.abs(d).min())
    if world.status == "crossed":
        return float(min(-d.min(), d[-1]))
    return float(max(min(d[i], -d[i + 1 :].min()) for i in range(len(d) - 1)))


def line(world: worlds.World, images: Mapping[str, int], found: Sequence[Once]) -> str:
    def share(values: Sequence[float | bool | None]) -> str:
        known = [float(value) for value in values if value is not None]
        return f"{100 * np.mean(known):.1f}" if known else "-"

    unsure = [one.status == "not identifiable" for one in found]
    right = [one.status == world.status for one in found]
    wrong = [not r and not u for r, u in zip(right, unsure, strict=True)]
    cells = [
        world.name + (", val chooses" if len(images) > 1 else ""),
        f"{images['val']:,}",
        share([one.fronts for one in found]),
        share([one.fitted for one in found]),
        share([one.band for one in found]),
        share([one.multipliers for one in found]),
        share(right),
        share(unsure),
        share(wrong),
        share([one.agree for one in found]),
        f"{effect(world, np.mean([one.halves for one in found], axis=0)):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--images", type=int, nargs="*", default=IMAGES)
    parser.add_argument("--only", default="", help="worlds whose name holds this")
    options = parser.parse_args()
    print(HEADER, "|---" * 11 + "|", sep="\n", flush=True)
    for world in worlds.WORLDS.values():
        for splits in (("val",), ("val", "test"))[: 1 + (world.name == SPLIT)]:
            for n in options.images if options.only in world.name else ():
                images = dict.fromkeys(splits, n)
                found = [
                    repeat(world, images, options.replicates, seed)
                    for seed in range(options.repetitions)
                ]
                print(line(world, images, found), flush=True)


if __name__ == "__main__":
    main()
