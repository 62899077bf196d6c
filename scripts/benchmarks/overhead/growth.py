"""How the driver's time and memory grow with trials, members and images, without training."""

import multiprocessing
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import optuna

from ensearch.store import Store
from ensearch.study import config, search, study
from ensearch.study.events import Event, MemberDone, TrialDone
from ensearch.study.options import Limits, RunControl, RunOptions
from ensearch.study.placement import Placement
from scripts.benchmarks import pictures
from scripts.benchmarks.overhead import world
from scripts.benchmarks.overhead.stopwatch import Stopwatch

# 1,152 configurations or so, most of the networks with one schedule of several.
WIDE: Mapping[str, object] = {
    "members": [1, 2, 4, 8],
    "depth": [10, 16, 22],
    "rungs": 12,
    "schedule": {"peak_lr": [0.05, 0.1, 0.2, 0.4]},
}


def memory(process: int | str = "self") -> float:
    """Return the resident memory of a process in MiB; 0 where there is no /proc."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def over_trials(trials: int, sampler: str, images: int) -> list[dict[str, float]]:
    """Search; return after each trial the seconds since the first, by part, and the memory."""
    rows: list[dict[str, float]] = []
    watch = Stopwatch()

    def note(event: Event) -> None:
        if isinstance(event, TrialDone):
            now = time.perf_counter() - start
            rows.append({"trials": event.told, "seconds": now, "MiB": memory(), **watch.seconds})

    with TemporaryDirectory() as name, watch.running():
        spec = pictures.write_random(Path(name) / "images.npz", images)
        settings = world.configured(spec, WIDE, sampler)
        with Store.open(f"{name}/a.db", create=True) as store:
            # The ladder is counted before the clock starts.
            world.run(store, settings, 1)
            start = time.perf_counter()
            watch.seconds.update(dict.fromkeys(watch.seconds, 0.0))
            world.run(store, settings, trials, note)
    return rows


def bare_optuna(trials: int, sampler: str) -> list[float]:
    """Return the seconds after each ask and tell of Optuna alone, with parameters as ours."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng, times = np.random.default_rng(0), []
    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        "total_macs": optuna.distributions.FloatDistribution(2e7, 1e9, log=True),
        "members": optuna.distributions.IntDistribution(1, 8, log=True),
        "depth": optuna.distributions.IntDistribution(10, 22),
        "width": optuna.distributions.FloatDistribution(0.25, 16),
        "peak_lr": optuna.distributions.CategoricalDistribution((0.05, 0.1, 0.2, 0.4)),
    }
    with TemporaryDirectory() as name, Store.open(f"{name}/a.db", create=True) as store:
        storage = optuna.storages.RDBStorage(store.optuna_url)
        store.prepare(storage.engine)
        study = optuna.create_study(storage=storage, directions=["maximize", "minimize"])
        start = time.perf_counter()
        for number in range(trials):
            study.sampler = (
                optuna.samplers.RandomSampler(seed=number)
                if sampler == "random"
                else optuna.samplers.TPESampler(multivariate=True, seed=number)
            )
            trial = study.ask(distributions)
            cost = np.log10(trial.params["total_macs"])
            study.tell(trial, [cost / 10 + 0.01 * rng.standard_normal(), cost])
            times.append(time.perf_counter() - start)
        storage.remove_session()
        storage.engine.dispose()
    return times


def over_trained(members: int) -> list[dict[str, float]]:
    """Return the memory of a worker that trains digits, after each member, and our own."""
    rows: list[dict[str, float]] = []
    settings = config.resolve(
        RunOptions(budget="4e5", dataset="digits", study="digits", epochs=1, limit_train=256)
    )

    def note(event: Event) -> None:
        if isinstance(event, MemberDone):
            (worker,) = multiprocessing.active_children()
            held = memory(worker.pid or 0)
            rows.append({"members": len(rows) + 1, "worker MiB": held, "MiB": memory()})

    where = Placement(device="cpu", workers=1, launcher="processes", keep_weights=False)
    with TemporaryDirectory() as name, Store.open(f"{name}/a.db", create=True) as store:
        opened = study.open_study(settings, store, Path("data"), "a CPU")
        enough = Limits(trials=10**6)
        search.run(
            opened,
            store,
            enough,
            where,
            RunControl(on_event=note, is_interrupted=lambda: len(rows) >= members),
        )
    return rows


def over_members(members: Sequence[int], images: int, repeats: int) -> list[dict[str, float]]:
    """Return figures of searches of 60 trials whose ensembles have up to so many members."""
    rows = []
    for most in members:
        sizes = [2**k for k in range(10) if 2**k <= most]
        rows.append(_median(images, {"members": sizes, "depth": [10, 16], "rungs": 8}, repeats))
    return rows


def over_images(images: Sequence[int], repeats: int) -> list[dict[str, float]]:
    """Return figures of searches of 60 trials scored on so many validation images."""
    space = {"members": [1, 2, 4, 8], "depth": [10, 16], "rungs": 8}
    return [_median(10 * count, space, repeats) for count in images]


def _median(images: int, space: Mapping[str, object], repeats: int) -> dict[str, float]:
    """Return the median of each figure over new searches in new storages."""
    runs = [_searched(images, space) for _ in range(repeats)]
    return {what: statistics.median(run[what] for run in runs) for what in runs[0]}


def _searched(images: int, space: Mapping[str, object]) -> dict[str, float]:
    """Return the figures of one search of 60 trials in a new storage."""
    watch = Stopwatch()
    with TemporaryDirectory() as name:
        # Pictures of 8 x 8: it is the validation images that are scored, their pixels are not.
        spec = pictures.write_random(Path(name) / "images.npz", images, pixels=8)
        settings = world.configured(spec, space, "random", budget=1e8)
        with Store.open(f"{name}/a.db", create=True) as store:
            world.run(store, settings, 1)
            with watch.running():
                start = time.perf_counter()
                done = world.run(store, settings, 60).done
                seconds = time.perf_counter() - start
            kept = len(store.all_members())
            averaged = sum(e.subsets for e in store.evaluations(settings.name))
    # What stands in for training is no work of the driver's.
    seconds -= watch.seconds["waiting"]
    parts = {part: watch.seconds[part] for part in ("proposing", "scoring", "storing")}
    counts = {"images": images / 10, "trials": done, "members": kept, "ensembles": averaged}
    return {**counts, "seconds": seconds, **parts}


def line(x: Sequence[float], y: Sequence[float]) -> dict[str, Any]:
    """Return the straight line of least squares through the points, and their power law."""
    slope, start = np.polyfit(x, y, 1)
    off = np.asarray(y) - (start + slope * np.asarray(x))
    exponent = np.polyfit(np.log(x), np.log(y), 1)[0]
    return {
        "slope": float(slope),
        "start": float(start),
        "largest residual": float(np.abs(off).max() / max(y)),
        "exponent": float(exponent),
    }
