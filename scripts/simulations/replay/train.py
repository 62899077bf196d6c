"""Train the full grid of a replay world and pack its members' predictions into one small file.

    python -m scripts.simulations.replay.train scripts/simulations/replay/digits.toml --work FOLDER

Every legal width x every depth of the configuration's search space that a single network within
the budget may have; of each as many members as the largest ensemble within the budget needs, and
never fewer than --least. Interrupted, it goes on from what lies in FOLDER.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensearch import cost, datasets, launch
from ensearch.core import Architecture, Member
from ensearch.launch import Failed, MemberJob, Trained
from ensearch.seeds import derive
from ensearch.study import config as configs
from ensearch.study.options import read_file
from ensearch.study.study import source
from ensearch.training import train_members

# Logits in steps of 1/8: probabilities change by at most 6 %, and the file is a third as large.
STEP = 8


def main() -> None:
    options = _parser().parse_args()
    config = configs.resolve(read_file(options.config))
    origin = source(config, options.data_dir)
    data = datasets.load(origin)
    grid = _grid(config, data, options.least, options.members)
    jobs = [
        MemberJob(
            member=Member(
                architecture=architecture,
                schedule=config.schedule,
                dataset=data.fingerprint,
                seed=derive(config.seed, "member", index),
            ),
            source=origin,
            device="cpu",
            keep_weights=False,
            checkpoint=None,
        )
        for architecture, count in grid.items()
        for index in range(count)
    ]
    # The most expensive first: the last ones then end together.
    jobs.sort(key=lambda job: -_macs(job.member.architecture, data))
    options.work.mkdir(parents=True, exist_ok=True)
    _train([job for job in jobs if not _file(options.work, job).exists()], options)
    _pack(options, grid, jobs, data)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path, help="study file; the table goes beside it")
    parser.add_argument(
        "--work", type=Path, required=True, help="folder that keeps trained members"
    )
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="as of ensearch")
    parser.add_argument(
        "--members", type=int, default=8, help="train at most this many members of a network"
    )
    # A single network is drawn afresh by every trial of a search by hand: a lone member would
    # repeat itself.
    parser.add_argument("--least", type=int, default=3, help="and no fewer than this many")
    parser.add_argument("--workers", type=int, default=2, help="processes that train at once")
    return parser


def _macs(architecture: Architecture, data: datasets.Dataset) -> int:
    return cost.count(architecture, data.channels, len(data.classes)).macs


def _grid(
    config: configs.StudyConfig, data: datasets.Dataset, least: int, most: int
) -> dict[Architecture, int]:
    """Return the architectures to train, and how many members of each."""
    assert config.space.width is not None, "a table is trained on a grid of widths"
    grid = {}
    for depth in config.space.depth:
        for width in config.space.width:
            shape = Architecture(
                family=config.space.family, width=width, depth=depth, resolution=data.resolution
            )
            fitting = int(config.budget.amount // _macs(shape, data))
            if fitting:
                grid[shape] = max(least, min(fitting, most))
    return grid


def _file(work: Path, job: MemberJob) -> Path:
    return work / f"{job.member.key}.npz"


def _train(jobs: list[MemberJob], options: argparse.Namespace) -> None:
    files = {job.member.key: _file(options.work, job) for job in jobs}
    launcher = launch.get("processes").open(train_members, options.workers)
    for job in jobs:
        launcher.submit((job,))
    done = 0
    try:
        while done < len(jobs):
            for update in launcher.wait(60.0):
                if isinstance(update, Failed):
                    raise SystemExit(f"member {update.key} failed: {update.reason} {update.detail}")
                if isinstance(update, Trained):
                    done += 1
                    temporary = files[update.key].with_suffix(".tmp.npz")
                    np.savez(
                        temporary,
                        logits=update.predictions[0].logits,
                        losses=update.losses,
                        seconds=update.seconds,
                    )
                    temporary.replace(files[update.key])
                    print(f"{done}/{len(jobs)} in {update.seconds:.1f} s", flush=True)
    finally:
        launcher.close()


def _pack(
    options: argparse.Namespace,
    grid: dict[Architecture, int],
    jobs: list[MemberJob],
    data: datasets.Dataset,
) -> None:
    logits: dict[Architecture, list[npt.NDArray[np.float16]]] = {shape: [] for shape in grid}
    losses: dict[Architecture, list[npt.NDArray[np.float32]]] = {shape: [] for shape in grid}
    seconds = 0.0
    for job in jobs:
        with np.load(_file(options.work, job)) as kept:
            rounded = np.round(kept["logits"].astype(np.float64) * STEP) / STEP
            logits[job.member.architecture].append(rounded.astype(np.float16))
            losses[job.member.architecture].append(kept["losses"].astype(np.float32))
            seconds += float(kept["seconds"])
    shapes = sorted(grid, key=lambda shape: (shape.depth, shape.width))
    path = options.config.with_suffix(".npz")
    np.savez_compressed(
        path,
        # All members of all architectures one after the other; `members` says how many of each.
        logits=np.stack([member for shape in shapes for member in logits[shape]]),
        # Mean training loss of every epoch, for replays of early stopping.
        losses=np.stack([member for shape in shapes for member in losses[shape]]),
        members=np.array([grid[shape] for shape in shapes]),
        depth=np.array([shape.depth for shape in shapes]),
        width=np.array([shape.width for shape in shapes]),
        macs=np.array([_macs(shape, data) for shape in shapes]),
        labels=data.y_val.astype(np.uint8),
    )
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {len(jobs)} members, {seconds:.0f} s")


if __name__ == "__main__":
    main()
