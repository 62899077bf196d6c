"""A study of a world of which everything was tried, and confirmations of it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ensearch.confirmation import deciding, run
from ensearch.confirmation import plan as confirmation_plan
from ensearch.confirmation.plan import Confirmation, Request
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.store import Store
from ensearch.study import config, search, study
from ensearch.study.options import Limits, RunOptions
from ensearch.study.placement import Placement
from ensearch.study.speed import Speed
from tests import closed_form
from tests.searches import controlled
from tests.trainers import One

SPACE = {
    "name": "small",
    "family": "wide_resnet",
    "members": [1, 2, 4],
    "depth": [10, 16],
    "width": {"low": 0.25, "high": 2.0, "step": 0.0625},
    "rungs": 8,
}
INLINE = Placement(device="cpu", workers=1, launcher="inline")
SPEED = Speed(fixed=0.0, per_mac=1e-9)


def copied(folder: Path, to: Path) -> Store:
    shutil.copytree(folder, to)
    return Store.open(f"{to}/ensearch.db", create=False)


def opened(store: Store, spec: str) -> study.Study:
    settings: dict[str, Any] = {
        "budget": "2e6",
        "dataset": spec,
        "space": SPACE,
        "study": "one",
        "epochs": 1,
    }
    return study.open_study(config.resolve(RunOptions(**settings)), store, Path("data"), "a CPU")


def search_in(
    store: Store, spec: str, trials: int = 10_000, where: Placement = INLINE
) -> study.Study:
    found = opened(store, spec)
    search.run(found, store, Limits(trials=trials), where, train=closed_form.train)
    return found


class Counting:
    """The closed-form trainer, remembering what it was asked; fails as it is told."""

    def __init__(
        self,
        fail: Callable[[MemberJob], str | None] = lambda job: None,
        train: One = closed_form.train_one,
    ) -> None:
        self.jobs: list[MemberJob] = []
        self.fail, self.train = fail, train

    def __call__(self, jobs: tuple[MemberJob, ...], report: Callable[[Update], None]) -> None:
        for job in jobs:
            report(self.one(job, report))

    def one(self, job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
        self.jobs.append(job)
        reason = self.fail(job)
        if reason is not None:
            return Failed(key=job.member.key, reason=reason, detail="as asked")  # type: ignore[arg-type]
        return self.train(job, report)


def confirm_in(
    store: Store, found: study.Study, request: Request | None = None, **how: object
) -> tuple[str, Confirmation]:
    plan = deciding.decide(store, found.config, request or Request())
    how = {"train": closed_form.train, "speed": SPEED} | how
    ended = run.run(found, store, plan, INLINE, **controlled(**how))
    return ended, confirmation_plan.plans(store, "one")[plan.number - 1]


class Recorded(NamedTuple):
    """A confirmation of a copy of a storage, and what was seen while it ran."""

    folder: Path
    ended: str
    plan: Confirmation
    jobs: list[MemberJob]
    events: list[object]


def recorded(
    searched: Path,
    to: Path,
    spec: str,
    request: Request | None = None,
    train: One = closed_form.train_one,
) -> Recorded:
    trainer, events = Counting(train=train), list[object]()
    with copied(searched, to) as store:
        how = {"train": trainer, "on_event": events.append}
        ended, plan = confirm_in(store, opened(store, spec), request, **how)
    return Recorded(to, ended, plan, trainer.jobs, events)
