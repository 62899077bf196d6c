"""Replay search strategies over a table of really trained members, without training.

    python -m scripts.simulations.replay digits --work FOLDER [--seeds 20] [--only NAME ...]

Prints hypervolume, regret and crossover error against multiply-adds of training, and how many it
takes to reach the table's best. What has been replayed is kept in FOLDER and not replayed again.
"""

import argparse
import hashlib
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensearch.core import Floats
from scripts.simulations.replay.score import crossover, front_hypervolume, known, matrix, regret
from scripts.simulations.replay.tables import print_tables
from scripts.simulations.replay.variants import VARIANTS
from scripts.simulations.replay.world import World, load

FOLDER = Path(__file__).parent
# In units of training one network of the whole budget. Sharing all members of the digits grid
# takes 35; the hand-written searches need a long run to be seen converging.
HORIZON = 160.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    world: str
    variant: str
    seed: int
    work: Path

    @property
    def file(self) -> Path:
        code = hashlib.sha256(self.variant.encode()).hexdigest()[:12]
        return self.work / f"{self.world}-{code}-{self.seed}.npz"


def main() -> None:
    options = _parser().parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    names = [n for n in VARIANTS if n in (options.only or VARIANTS)]
    jobs = [
        Job(world=options.world, variant=name, seed=seed, work=options.work)
        for name in names
        for seed in range(options.seeds)
    ]
    todo = [job for job in jobs if not job.file.exists()]
    with multiprocessing.get_context("fork").Pool(
        options.workers, initializer=_open, initargs=(options.world,)
    ) as pool:
        for done, name in enumerate(pool.imap(_replay, todo), start=1):
            print(f"{done}/{len(todo)} {name}", end="\r", flush=True)
    traces: dict[str, list[Floats]] = {}
    for job in jobs:
        with np.load(job.file) as found:
            for belief in found.files:
                label = f"{job.variant}, {belief}" if belief else job.variant
                traces.setdefault(label, []).append(found[belief])
    print_tables(traces, HORIZON)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("world", choices=sorted(p.stem for p in FOLDER.glob("*.npz")))
    parser.add_argument("--work", type=Path, required=True, help="where replayed runs are kept")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=list(VARIANTS))
    parser.add_argument("--workers", type=int, default=2)
    return parser


_OPEN: dict[str, World] = {}  # the world of this process


def _open(name: str) -> None:
    _OPEN[name] = load(FOLDER / f"{name}.toml")


def _replay(job: Job) -> str:
    traces = replay(_OPEN[job.world], job.variant, job.seed, HORIZON)
    temporary = job.file.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, **traces)  # type: ignore[arg-type]
    temporary.replace(job.file)
    return job.variant


def replay(world: World, variant: str, seed: int, horizon: float) -> dict[str, Floats]:
    """Run one strategy: belief -> its trace, one row after every trial.

    Columns: multiply-adds spent, in trainings of one network of the whole budget; hypervolume over
    the table's best by two references, the accuracy of the cheapest single network and chance;
    regret; |log2| of the believed crossover over the table's (NaN without one).
    """
    unit = world.train_factor * world.budget
    references = (float(world.truth.flat[world.cost.argmin()]), 1 / world.classes)
    best = [front_hypervolume(world, known(world), reference) for reference in references]
    true = crossover(world, known(world))
    rows: dict[str, list[tuple[float, ...]]] = {}
    for step in VARIANTS[variant](world, seed, horizon * unit):
        for name, belief in step.beliefs.items():
            believed = matrix(world, belief)
            volumes = (
                front_hypervolume(world, believed, reference) / top
                for reference, top in zip(references, best, strict=True)
            )
            row = (*volumes, regret(world, believed), _error(crossover(world, believed), true))
            rows.setdefault(name, []).append((step.spent / unit, *row))
    return {name: np.array(trace) for name, trace in rows.items()}


def _error(found: float | None, true: float | None) -> float:
    """Octaves between two crossovers; NaN if either does not exist in the open range."""
    if not found or not true or not np.isfinite([found, true]).all():
        return float("nan")
    return abs(float(np.log2(found / true)))


if __name__ == "__main__":
    main()
