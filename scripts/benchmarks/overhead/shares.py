"""Where the wall time of a study with real training goes."""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ensearch import training
from ensearch.report.study import results
from ensearch.store import Store
from ensearch.study import config, search, study
from ensearch.study.options import Limits
from ensearch.study.placement import Placement
from scripts.benchmarks.overhead.stopwatch import Stopwatch


def of_study(settings: config.StudyConfig, trials: int, workers: int) -> dict[str, Any]:
    """Return the shares of the wall time from the first ask to the end, and of the report after.

    "around training" is what the driver does itself. "workers train" is the share of their time
    in which they do: the rest is their start (importing PyTorch), reading the images, and waiting
    for work.
    """
    watch = Stopwatch()
    launcher = "inline" if workers == 1 else "processes"
    where = Placement(device="cpu", workers=workers, launcher=launcher)
    with TemporaryDirectory() as name, Store.open(f"{name}/a.db", create=True) as store:
        opened = study.open_study(settings, store, Path("data"), training.describe_device("cpu"))
        with watch.running():
            start = time.perf_counter()
            outcome = search.run(opened, store, Limits(trials=trials), where)
            searched = time.perf_counter() - start
        results.collect(store, settings.name).write(Path(name) / "report")
        whole = time.perf_counter() - start
        members = store.all_members()
        kept = sum(trial.overhead_seconds for trial in store.trials(settings.name))
    # An inline launcher waits while it trains in this very process.
    rest = searched - sum(watch.seconds.values())
    parts = {**watch.seconds, "rest": rest, "drawing": whole - searched}
    around = whole - parts["waiting"]
    return {
        "study": settings.name,
        "budget": settings.budget.amount,
        "training images": len(opened.dataset.y_train),
        "validation images": len(opened.dataset.y_val),
        "epochs": settings.schedule.epochs,
        "workers": workers,
        "cores": os.cpu_count(),
        "trials": outcome.done,
        "members": len(members),
        "seconds": whole,
        "shares": {part: seconds / whole for part, seconds in parts.items()},
        "around training": around / whole,
        "overhead_seconds kept with the trials, share": kept / whole,
        "workers train": sum(member.seconds for member in members) / (workers * searched),
    }
