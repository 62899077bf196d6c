"""A small search space, and a study over it in the world of `closed_form`."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import fields
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.store import Store
from ensearch.study import config, search, settlement, study
from ensearch.study.options import Limits, RunControl, RunOptions
from ensearch.study.placement import Placement
from ensearch.study.speed import Speed
from tests.closed_form import train_one
from tests.trainers import each

SPACE = {
    "name": "small",
    "family": "wide_resnet",
    "members": [1, 2, 4],
    "depth": [10, 16],
    "width": {"low": 0.25, "high": 2.0, "step": 0.0625},
    "rungs": 8,
}

TRIALS = 20


def controlled(**how: Any) -> dict[str, Any]:
    """Arguments of a run, of which some are named as the fields of its control."""
    own = {field.name: how.pop(field.name) for field in fields(RunControl) if field.name in how}
    return {"control": RunControl(**own)} | how


def processes() -> ForkServerContext:
    """What starts processes that `drive` or `settle`: forks of one that has imported all of it.

    So that they begin at once. A study imports torch with its first training, and alembic when it
    is opened: every process of its own would spend seconds on that.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["torch", "alembic.script", "ensearch.study.search", "ensearch.study.settlement"]
    )
    return context


def drive(
    url: str,
    spec: str,
    begun: Event | None = None,
    training: Event | None = None,
    name: str = "one",
    pause: float = 0.0,
) -> None:
    """One run of the study; says when it begins and when its first member trains.

    With a `pause` of so many seconds for each member, others hit all parts of the loop.
    """

    @each
    def slow(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
        if training is not None:
            training.set()
        time.sleep(pause)
        return train_one(job, report)

    if begun is not None:
        begun.set()
    settings: dict[str, Any] = {
        "budget": "2e6",
        "dataset": spec,
        "space": SPACE,
        "study": name,
        "epochs": 1,
    }
    with Store.open(url, create=True) as store:
        opened = study.open_study(
            config.resolve(RunOptions(**settings)), store, Path("data"), "a CPU"
        )
        where = Placement(device="cpu", workers=1, launcher="inline")
        search.run(opened, store, Limits(trials=TRIALS), where, train=slow)


def settle(url: str, spec: str, training: Event | None = None, name: str = "one") -> None:
    """A short search of the study if there was none, then its settlement.

    Says when that trains, or at its end if nothing was left to train.
    """

    @each
    def slow(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
        if training is not None:
            training.set()
        time.sleep(0.01)
        return train_one(job, report)

    settings: dict[str, Any] = {"budget": "2e6", "dataset": spec, "space": SPACE, "study": name}
    with Store.open(url, create=True) as store:
        opened = study.open_study(
            config.resolve(RunOptions(**settings, epochs=1)), store, Path("data"), "a CPU"
        )
        where = Placement(device="cpu", workers=1, launcher="inline")
        if not store.study_summary(name).trials_done:
            search.run(opened, store, Limits(trials=12), where, train=each(train_one))
        speed = Speed(fixed=0.0, per_mac=0.0)
        request = settlement.Request(cost=1.0)
        if not store.settlements(name) or store.open_settlement(name):
            settlement.run(opened, store, request, where, speed=speed, train=slow)
    if training is not None:
        training.set()
