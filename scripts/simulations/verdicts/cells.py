"""Cells, a world with a number of images, and the files that keep what methods said in each."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ensearch.files import atomic
from ensearch.seeds import derive
from scripts.simulations.verdicts.grading import Grade, grade, grade_looks
from scripts.simulations.verdicts.methods import METHODS
from scripts.simulations.verdicts.settling import Settling, settle
from scripts.simulations.verdicts.study import Drawn, Layout, layout
from scripts.simulations.verdicts.worlds import WORLDS

KEPT_EVERY = 20  # studies between two writes


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A world with a number of images, and how many seeds of each network its studies have."""

    world: str
    images: int
    seeds: int
    margin: float

    @property
    def layout(self) -> Layout:
        return layout(WORLDS[self.world], self.seeds)

    def path(self, folder: Path, method: str) -> Path:
        named = f"{self.world} {self.images} {self.seeds} {100 * self.margin:g} {method}"
        signed = named.replace("+", "plus").replace("-", "minus")
        return folder / (re.sub(r"[^a-z0-9.]+", "-", signed.lower()) + ".json")


@dataclass(kw_only=True)
class Outcome:
    """Grades of a method in a cell, by the seed of the study."""

    cell: Cell
    method: str
    grades: dict[int, Grade] = field(default_factory=dict)


def run(cell: Cell, methods: Sequence[str], seeds: Sequence[int], folder: Path) -> list[Outcome]:
    """Make and grade the studies that the files of a cell lack; return what they then hold."""
    outcomes = [load(cell, method, folder) for method in methods]
    for count, seed in enumerate(seeds, start=1):
        lacking = [outcome for outcome in outcomes if seed not in outcome.grades]
        if lacking:
            drawn = cell.layout.draw(cell.images, seed)
            for outcome in lacking:
                outcome.grades[seed] = _graded(cell, outcome.method, drawn, seed)
        if count % KEPT_EVERY == 0 or seed == seeds[-1]:
            for outcome in outcomes:
                save(outcome, folder)
    return outcomes


def _graded(cell: Cell, method: str, drawn: Drawn, seed: int) -> Grade:
    truth, own = cell.layout.truth, derive("method", seed)
    if method not in METHODS:
        settled = settle(drawn, truth.budgets, cell.margin, own, Settling.parse(method))
        return grade_looks(settled.answers, settled.cost, truth, cell.margin)
    study = drawn.study()
    answer = METHODS[method](study.evaluations, truth.budgets, study.hits, cell.margin, own)
    return grade(answer, truth, cell.margin)


def save(outcome: Outcome, folder: Path) -> None:
    content = {
        "cell": asdict(outcome.cell),
        "method": outcome.method,
        "world": outcome.cell.layout.fingerprint,
        "advantages": outcome.cell.layout.truth.advantages,
        "studies": {seed: asdict(outcome.grades[seed]) for seed in sorted(outcome.grades)},
    }
    path = outcome.cell.path(folder, outcome.method)
    atomic.write(path, json.dumps(content).encode(), sync=False)


def load(cell: Cell, method: str, folder: Path) -> Outcome:
    """Return what a file holds, nothing if there is none. ValueError if it is of another world."""
    path, outcome = cell.path(folder, method), Outcome(cell=cell, method=method)
    if not path.exists():
        return outcome
    content = json.loads(path.read_bytes())
    if content["world"] != cell.layout.fingerprint or content["cell"] != asdict(cell):
        raise ValueError(f"{path} was made in another world of that name; remove it")
    for seed, fields in content["studies"].items():
        lists = ("verdicts", "lows", "highs", "wrong")
        outcome.grades[int(seed)] = Grade(**fields | {name: tuple(fields[name]) for name in lists})
    return outcome
