"""Members in a GPU that is nearly full: groups halve, nobody fails, and nothing is left behind.

    python -m scripts.benchmarks.fused.memory --share 0.05

Without a GPU nothing is short of memory, and only the way through is shown.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch

from ensearch import datasets
from ensearch.core import Architecture, Member, Schedule
from ensearch.datasets import Source
from ensearch.launch import Failed, Measured, MemberJob, Trained, Update, lockstep_key
from ensearch.training import loop, strategies, train_members
from ensearch.training.lockstep import Lockstep


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--share", type=float, default=0.05, help="of the GPU that may be used")
    parser.add_argument("--network", type=float, nargs=2, default=(10.0, 40.0), help="width, depth")
    parser.add_argument("--members", type=int, default=8)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.cuda.set_per_process_memory_fraction(options.share)
    jobs = _jobs(device, options.network[0], options.network[1], options.members)
    lost = 0
    for turn in range(3):
        updates: list[Update] = []
        with _tried() as sizes:
            train_members(jobs, updates.append)
        trained = sum(isinstance(update, Trained) for update in updates)
        lost += len(jobs) - trained
        failures = [f"{u.reason}: {u.detail[:100]}" for u in updates if isinstance(u, Failed)]
        held = torch.cuda.memory_allocated() / 2**20 if device == "cuda" else 0.0
        print(
            f"turn {turn}: {trained} of {len(jobs)} trained, groups tried {sizes}, {held:.0f} MiB"
        )
        print(*failures, sep="\n", end="\n" if failures else "", flush=True)
    return min(lost, 1)


@contextlib.contextmanager
def _tried() -> Iterator[list[int]]:
    """Within it the sizes of groups are noted, also of those that do not fit."""
    sizes: list[int] = []
    real = Lockstep.__init__

    def noted(lockstep: Lockstep, strategy: object, states: object, *rest: object) -> None:
        sizes.append(len(states))  # type: ignore[arg-type]
        real(lockstep, strategy, states, *rest)  # type: ignore[arg-type]

    with mock.patch.object(Lockstep, "__init__", noted):
        yield sizes


def _jobs(device: str, width: float, depth: float, count: int) -> tuple[MemberJob, ...]:
    """Jobs that are known to train fused best, all at once."""
    source = Source(spec="digits", data_dir=Path("unused"), limit_train=256)
    member = Member(
        architecture=Architecture(family="wide_resnet", width=width, depth=depth, resolution=8),
        schedule=Schedule(epochs=1, batch_size=128),
        dataset=datasets.load(source).fingerprint,
        seed=0,
    )
    graph = ", graph" if device == "cuda" else ""
    job = MemberJob(
        member=member, source=source, device=device, keep_weights=False, checkpoint=None
    )
    known = Measured(
        lockstep_key=lockstep_key(member),
        place=strategies.conditions(device, loop.images_of(job)),
        members=count,
        strategy=f"{count} fused{graph}",
        rates={},
        dropped={},
    )
    return tuple(
        replace(job, member=replace(member, seed=seed), measured=(known,)) for seed in range(count)
    )


if __name__ == "__main__":
    sys.exit(main())
