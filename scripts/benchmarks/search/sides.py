"""The two sides of the benchmark of the search: start one, and read back what it saw and when.

Either side has a folder of its own. What it saw is a list of `Seen`; times count from just before
its process was started, so that imports, plans and preparations count.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch

from ensearch import cost, datasets
from ensearch.core import Architecture, Floats, evaluation_key
from ensearch.datasets import Dataset, Source
from ensearch.ensembles import averaging
from ensearch.families.wide_resnet import WideResNet
from ensearch.launch import MemberJob, Trained, Update
from ensearch.store import Store
from ensearch.study import config as configs
from ensearch.study.options import RunOptions
from ensearch.study.study import source
from ensearch.training import data as tensors
from ensearch.training import train_members
from ensearch.training.prediction import predict
from scripts.benchmarks import checkout

STUDY = "search"
WIDTH = 16  # channels of the first stage at width 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An accuracy on val that a side knew from `seconds` on; a later one of that name replaces it.

    `members` say whose predictions it comes from; `size` of them make the ensemble.
    """

    seconds: float
    name: str
    macs: int  # of the ensemble
    accuracy: float
    size: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What both sides search: `settings` are those of `ensearch run`, `seed` replaces its seed."""

    settings: dict[str, Any]
    seed: int
    folder: Path
    data_dir: Path
    seconds: float

    def config(self) -> configs.StudyConfig:
        return configs.resolve(RunOptions(**self.settings | {"seed": self.seed, "study": STUDY}))

    def data(self) -> Dataset:
        return datasets.load(self.source)

    @property
    def source(self) -> Source:
        return source(self.config(), self.data_dir)


def run_ensearch(task: Task) -> float:
    """Let `ensearch run` search in a fresh storage for the time; return when it was started."""
    given = {"study": STUDY, **task.settings}
    schedule = given.pop("schedule")
    lines = [f"{key} = {json.dumps(value)}" for key, value in given.items()]
    lines += ["[schedule]", *(f"{key} = {json.dumps(value)}" for key, value in schedule.items())]
    (task.folder / "study.toml").write_text("\n".join(lines) + "\n")
    command = ["-m", "ensearch", "run", "--config", "study.toml", "--storage", "ensearch.db"]
    command += ["--data-dir", str(task.data_dir), "--seed", str(task.seed), "--trials", "100000"]
    return _run(command, task)


def run_by_hand(task: Task, workers: int) -> float:
    """Let by_hand.py search with so many workers of its DataLoader; return when it was started."""
    return _run([*_by_hand(task, workers), "--minutes", str(task.seconds / 60)], task)


def loader_seconds(task: Task, workers: int) -> float:
    """Return the seconds of one small member by hand with so many workers of the DataLoader."""
    command = [sys.executable, *_by_hand(task, workers), "--try-loader"]
    ended = subprocess.run(
        command,
        cwd=task.folder,
        env=checkout.environment(),
        check=True,
        capture_output=True,
    )
    return float(ended.stdout)


def _by_hand(task: Task, workers: int) -> list[str]:
    """Return the arguments of Python; the pictures are those that ensearch trains on."""
    pictures = task.folder / "pictures.npz"
    if not pictures.exists():
        data = task.data()
        np.savez(
            pictures, x_train=data.x_train, y_train=data.y_train, x_val=data.x_val, y_val=data.y_val
        )
    schedule = task.config().schedule
    figures = ("epochs", "batch_size", "peak_lr", "momentum", "weight_decay", "warmup")
    options = [
        part
        for name in (*figures, "label_smoothing", "crop")
        for part in (f"--{name.replace('_', '-')}", str(getattr(schedule, name)))
    ]
    flip = ["--flip"] if schedule.flip else []
    budget = ["--budget", str(task.config().budget.amount), "--seed", str(task.seed)]
    loader = ["--data", pictures.name, "--num-workers", str(workers)]
    return ["-m", "scripts.benchmarks.search.by_hand", *loader, *budget, *options, *flip]


def _run(arguments: Sequence[str], task: Task) -> float:
    """Run Python until it ends or the time is over; return when it was started."""
    with (task.folder / "output.txt").open("w") as output:
        started = time.time()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=task.folder,
            env=checkout.environment(),
            stdout=output,
            stderr=output,
        )
        try:
            code = process.wait(task.seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(60)
            return started
    if code:
        raise SystemExit(f"{' '.join(arguments)} failed: {task.folder / 'output.txt'} has why.")
    return started


def seen_by_hand(task: Task, started: float, parts: bool) -> list[Seen]:
    """Return every trial's ensemble; with `parts` also those of its first members, at no cost."""
    data, rows = task.data(), list[Seen]()
    log = task.folder / "by_hand.jsonl"
    if not log.exists():  # not one trial in time
        return rows
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        shape = _architecture(entry["depth"], entry["channels"], data)
        macs = cost.count(shape, data.channels, len(data.classes)).macs
        for size in range(1 if parts else entry["members"], entry["members"] + 1):
            rows.append(
                Seen(
                    seconds=entry["time"] - started,
                    name=f"{size} x {shape.label} of trial {entry['trial']}",
                    macs=size * macs,
                    accuracy=entry["parts"][size - 1],
                    size=size,
                    members=tuple(f"{entry['trial']}/{member}" for member in range(size)),
                )
            )
    return rows


def _architecture(depth: int, channels: int, data: Dataset) -> Architecture:
    return Architecture(
        family="wide_resnet", width=channels / WIDTH, depth=depth, resolution=data.resolution
    )


def seen_by_ensearch(task: Task, started: float) -> list[Seen]:
    """Return every size of a network whenever a trial gave it more members, as scored then."""
    seen: list[Seen] = []
    data, config = task.data(), task.config()
    url = f"sqlite:///{task.folder / 'ensearch.db'}"
    with Store.open(url, create=False) as store:
        ended = _ended(store)
        rows = {row.network: row for row in store.evaluations(STUDY)}
        known: dict[str, int] = {}
        for trial in sorted(store.trials(STUDY), key=lambda trial: ended[trial.number]):
            if trial.state != "done" or len(trial.members) <= known.get(trial.network, 0):
                continue
            known[trial.network] = len(trial.members)
            row = rows[trial.network]
            probs = _probs(lambda key: store.predictions(key, "val").logits, trial.members)
            macs = row.cost.macs // row.size
            largest = min(int(config.budget.amount // macs), config.space.members[-1])
            for size in range(1, min(len(trial.members), largest) + 1):
                seen.append(
                    Seen(
                        seconds=ended[trial.number] - started,
                        name=evaluation_key(size, trial.network),
                        macs=macs * size,
                        accuracy=_accuracy(probs, data.y_val, size, config.seed, trial.network),
                        size=size,
                        members=trial.members,
                    )
                )
    return seen


def _ended(store: Store) -> dict[int, float]:
    """Return when each trial was told, by its number."""
    study = optuna.load_study(study_name=STUDY, storage=store.optuna_url)
    times: dict[int, datetime] = {
        trial.number: trial.datetime_complete for trial in study.trials if trial.datetime_complete
    }
    return {number: time.timestamp() for number, time in times.items()}


def _probs(logits_of: Callable[[str], Any], members: Sequence[str]) -> Floats:
    return np.stack([averaging.probs_of(logits_of(member)) for member in members])


def _accuracy(probs: Floats, labels: Any, size: int, seed: int, network: str) -> float:
    """Return the mean over the ensembles of `size`: all, or those that ensearch draws of them."""
    drawn = averaging.subsets(len(probs), size, seed=averaging.subset_seed(seed, network, size))
    hits = [(probs[list(s)].mean(axis=0).argmax(axis=1) == labels).mean() for s in drawn]
    return float(np.mean(hits))


def test_by_ensearch(task: Task, selected: Sequence[Seen]) -> list[float]:
    """Return the accuracies on test of what val selected, from the stored weights."""
    data, config = task.data(), task.config()
    url = f"sqlite:///{task.folder / 'ensearch.db'}"
    with Store.open(url, create=False) as store:
        records = store.members({member for seen in selected for member in seen.members})
        jobs = tuple(
            MemberJob(
                member=record.member,
                source=task.source,
                device="cpu",
                keep_weights=False,
                checkpoint=None,
                splits=("test",),
                weights=store.weights_path(key),
            )
            for key, record in records.items()
        )
    logits = {}
    for job in jobs:
        updates: list[Update] = []
        train_members((job,), updates.append)
        outcome = updates[-1]
        assert isinstance(outcome, Trained), outcome
        logits[outcome.key] = outcome.predictions[0].logits
    return [
        _accuracy(
            _probs(logits.__getitem__, seen.members),
            data.y_test,
            seen.size,
            config.seed,
            seen.name.partition("x ")[2],
        )
        for seen in selected
    ]


def test_by_hand(task: Task, selected: Sequence[Seen]) -> list[float]:
    """Return the accuracies on test of what val selected, from the weights the script kept."""
    data = task.data()
    images = tensors.load(task.source, data.fingerprint, "cpu", ("test",))
    accuracies = []
    for seen in selected:
        trial = seen.members[0].partition("/")[0]
        states = torch.load(task.folder / "by_hand" / f"{trial}.pt")[: seen.size]
        depth, width = seen.name.split()[2].split("-")
        logits = []
        for state in states:
            model = WideResNet(int(depth), float(width), data.channels, len(data.classes))
            model.load_state_dict(state)
            logits.append(predict(model, images.to_predict["test"], images, 500))
        probs = np.stack([averaging.probs_of(member) for member in logits])
        accuracies.append(float((probs.mean(axis=0).argmax(axis=1) == data.y_test).mean()))
    return accuracies
