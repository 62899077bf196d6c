"""Replay search strategies over a table of really trained members, without training.

    python -m scripts.simulations.replay digits --work FOLDER [--seeds 20] [--only NAME ...]

Prints hypervolume, regret and crossover error against multiply-adds of training, and how many it
takes to reach the table's best. What has been replayed is kept in FOLDER and not replayed again.
"""

import argparse
import hashlib
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensearch.core import Floats
from scripts.simulations.replay.tables import print_tables
from scripts.simulations.replay.trace import replay
from scripts.simulations.replay.variants import VARIANTS
from scripts.simulations.replay.world import World, load

FOLDER = Path(__file__).parent
# In units of training one network of the whole budget. Sharing all members of the digits grid
# takes 35; the hand-written searches need a long run to be seen converging.
HORIZON = 160.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One strategy from one seed; `file` keeps its traces."""

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
    jobs = [
        Job(world=options.world, variant=name, seed=seed, work=options.work)
        for name in VARIANTS
        if name in (options.only or VARIANTS)
        for seed in range(options.seeds)
    ]
    todo = [job for job in jobs if not job.file.exists()]
    with multiprocessing.get_context("fork").Pool(
        options.workers, initializer=_open, initargs=(options.world,)
    ) as pool:
        for done, name in enumerate(pool.imap(_replay, todo), start=1):
            print(f"{done}/{len(todo)} {name}", end="\r", flush=True)
    print_tables(_read(jobs), HORIZON)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "world",
        choices=sorted(path.stem for path in FOLDER.glob("*.npz")),
        help="the table of trained members to replay on",
    )
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps replayed runs")
    parser.add_argument("--seeds", type=int, default=20, help="replay from seeds 0, 1, ...")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=list(VARIANTS), help="strategies to replay"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that replay at once")
    return parser


_OPEN: dict[str, World] = {}  # the world of this process


def _open(name: str) -> None:
    _OPEN[name] = load(FOLDER / f"{name}.toml")


def _replay(job: Job) -> str:
    traces = replay(_OPEN[job.world], job.variant, job.seed, HORIZON)
    temporary = job.file.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, **traces)  # type: ignore[arg-type]  # numpy's stub: see savez
    temporary.replace(job.file)
    return job.variant


def _read(jobs: Sequence[Job]) -> dict[str, list[Floats]]:
    """Return the traces of every belief, by its label, one for each seed."""
    traces: dict[str, list[Floats]] = {}
    for job in jobs:
        with np.load(job.file) as kept:
            for belief in kept.files:
                label = f"{job.variant}, {belief}" if belief else job.variant
                traces.setdefault(label, []).append(kept[belief])
    return traces


if __name__ == "__main__":
    main()
