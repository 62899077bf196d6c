"""ensearch's side of the benchmark: members in its own worker processes."""

import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ensearch import launch
from ensearch.core import Member, Schedule
from ensearch.launch import Failed, MemberJob, Progress, Trained
from ensearch.training import train_members
from scripts.benchmarks.train.work import Work


class Workers:
    """Worker processes as in a search, kept from one measurement to the next."""

    def __init__(self, work: Work, device: str) -> None:
        self.work, self.device = work, device
        self.slots = os.cpu_count() or 1 if device == "cpu" else 1
        self.launcher = launch.get("processes").open(train_members, self.slots)
        self.seeds = itertools.count()
        self.measure(2)  # the first start of a worker takes seconds

    def measure(self, epochs: int) -> float:
        """Return images per second of all, while all are between their first and last epoch."""
        ends: dict[str, list[float]] = {}  # when the epochs of each member ended
        for _ in range(self.slots):
            schedule = replace(self.work.schedule, epochs=epochs + 1)
            self.launcher.submit((self._job(schedule, next(self.seeds)),))
        running = self.slots
        while running:
            for update in self.launcher.wait(60.0):
                if isinstance(update, Failed):
                    raise SystemExit(f"{self.work.network}: {update.detail}")
                if isinstance(update, Progress):
                    ends.setdefault(update.key, []).append(time.perf_counter())
                else:
                    running -= 1
        window = max(t[0] for t in ends.values()), min(t[-1] for t in ends.values())
        done = sum(np.diff(np.interp(window, t, range(len(t)))).item() for t in ends.values())
        return float(done * self.work.images / (window[1] - window[0]))

    def train(self, schedule: Schedule, seeds: Sequence[int]) -> tuple[float, list[float]]:
        """Train a network of each seed to the end of the schedule, every worker busy throughout.

        Return the seconds that a network takes of the whole machine, and accuracies on val. `seeds`
        are a multiple of the workers.
        """
        for seed in seeds:
            self.launcher.submit((self._job(schedule, seed),))
        seconds, accuracies = 0.0, list[float]()
        while len(accuracies) < len(seeds):
            for update in self.launcher.wait(60.0):
                if isinstance(update, Failed):
                    raise SystemExit(f"{self.work.network}: {update.detail}")
                if isinstance(update, Trained):
                    seconds += update.seconds
                    classes = update.predictions[0].logits.argmax(axis=1)
                    accuracies.append(float((classes == self.work.data.y_val).mean()))
        return seconds / len(seeds) / self.slots, accuracies

    def _job(self, schedule: Schedule, seed: int) -> MemberJob:
        work = self.work
        member = Member(
            architecture=work.architecture,
            schedule=schedule,
            dataset=work.data.fingerprint,
            seed=seed,
        )
        return MemberJob(
            member=member,
            source=work.source,
            device=self.device,
            keep_weights=False,
            checkpoint=None,
        )

    def close(self) -> None:
        self.launcher.close()
