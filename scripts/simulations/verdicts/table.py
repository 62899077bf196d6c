"""The Markdown table of what methods said in each cell, with totals."""

from collections.abc import Sequence

import numpy as np

from ensearch.fronts import STRONG, WEAK
from scripts.simulations.verdicts.cells import Outcome
from scripts.simulations.verdicts.grading import Grade

FAILING = 0.07  # share of studies with a wrong verdict at which a cell fails: 28 of 400
COLUMNS = (
    "world",
    "images",
    "band",
    "crossover",
    "wrong studies",
    "strong",
    "weak",
    "undecided",
    "half width",
    "loss",
    "looks",
    "cost",
)
HEADER = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def line(outcome: Outcome, studies: Sequence[int]) -> str:
    """Return the line of a cell; shares in percent, half widths and losses in points."""
    grades = [outcome.grades[seed] for seed in studies]
    return _line(outcome.cell.world, f"{outcome.cell.images:,}", grades)


def totals(outcomes: Sequence[Outcome], studies: Sequence[int]) -> str:
    """Return the line of all cells together, and how many cells fail."""
    by_cell = [[outcome.grades[seed] for seed in studies] for outcome in outcomes]
    failing = sum(_share_wrong(grades) >= FAILING for grades in by_cell)
    worst = max(map(_share_wrong, by_cell))
    return (
        _line("all", "", [grade for grades in by_cell for grade in grades])
        + f"\n\n{failing} of {len(by_cell)} cells fail (wrong in {100 * FAILING:g} % or more of "
        f"{len(studies)} studies); the worst is wrong in {100 * worst:.1f} %."
    )


def _share_wrong(grades: Sequence[Grade]) -> float:
    return float(np.mean([bool(grade.wrong) for grade in grades]))


def _line(world: str, images: str, grades: Sequence[Grade]) -> str:
    verdicts = [verdict for grade in grades for verdict in grade.verdicts]
    halves = [
        (high - low) / 2
        for grade in grades
        for low, high in zip(grade.lows, grade.highs, strict=True)
        if low is not None and high is not None
    ]
    failing = " **fails**" if world != "all" and _share_wrong(grades) >= FAILING else ""
    cells = [
        world,
        images,
        _percent([grade.band for grade in grades]),
        _percent([grade.crossover for grade in grades]),
        f"{sum(bool(grade.wrong) for grade in grades)} of {len(grades)}{failing}",
        _percent([verdict in STRONG for verdict in verdicts]),
        _percent([verdict in WEAK for verdict in verdicts]),
        _percent([verdict == "undecided" for verdict in verdicts]),
        _mean(halves, 2),
        _mean([grade.loss for grade in grades], 3),
        f"{np.mean([grade.looks for grade in grades]):.1f}",
        f"{np.mean([grade.cost for grade in grades]):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _percent(values: Sequence[bool | None]) -> str:
    return _mean(values, 1)


def _mean(values: Sequence[float | bool | None], digits: int) -> str:
    """Return 100 times the mean of the values that are known."""
    known = [float(value) for value in values if value is not None]
    return f"{100 * np.mean(known):.{digits}f}" if known else "-"
