"""A small study of the closed-form world, run in processes of its own, and what becomes of it."""

import contextlib
import functools
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import optuna

from ensearch.errors import EnsearchError
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.store import Store
from ensearch.study import config, search, study
from ensearch.study.options import Limits, RunControl, RunOptions
from ensearch.study.placement import Placement
from scripts.faults import processes
from scripts.faults.processes import Process
from scripts.faults.wrappers import Arm
from tests.closed_form import train_one, write_dataset
from tests.trainers import each

NAME, TRIALS, IMAGES = "one", 6, 400
SPACE = {
    "name": "tiny",
    "family": "wide_resnet",
    "members": [1, 2],
    "depth": [10],
    "width": {"low": 0.25, "high": 1.0, "step": 0.25},
    "rungs": 4,
}
SECONDS = 300.0  # a limit for what takes one or two, on a machine that is busy
ABANDONED = 7200.0  # how old leftovers of killed writers are made: sweeping begins after an hour


@each
def train(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """Note the member beside the dataset, and train it as its world says."""
    log = Path(job.source.spec.partition(":")[2]).with_suffix(".log")
    with log.open("a") as file:
        file.write(f"{job.member.key}\n")
    time.sleep(0.02)  # so that random moments hit all parts of the loop
    return train_one(job, report)


@dataclass(slots=True, kw_only=True)
class Site:
    """Where a study lies and how it runs; `sessions` are those of the processes that ran it."""

    folder: Path
    launcher: str = "inline"
    database: str = ""  # of a server, by URL
    cluster: str = ""  # of Ray, by address
    sessions: list[int] = field(default_factory=list)
    codes: list[int | None] = field(default_factory=list)  # with which its runs ended

    @property
    def url(self) -> str:
        return self.database or f"sqlite:///{self.folder}/s.db"

    @property
    def files(self) -> Path:
        """The folder of the members' files."""
        return self.folder / "s.members"

    @property
    def said(self) -> str:
        """What the last run that failed said."""
        path = self.folder / "said"
        return path.read_text() if path.exists() else ""

    @contextlib.contextmanager
    def running(self, arm: Arm | None = None, **more: Any) -> Iterator[BaseProcess]:
        """A run that has begun; whatever is left of it is killed in the end."""
        begun = _context().Event()
        process = _context().Process(target=_run, args=(self, begun, arm, more))
        process.start()
        assert process.pid is not None
        self.sessions.append(process.pid)
        try:
            assert begun.wait(SECONDS), "the run did not begin"
            yield process
        finally:
            if process.is_alive():
                process.kill()
            process.join()
            self.codes.append(process.exitcode)

    def run(self, arm: Arm | None = None, **more: Any) -> int | None:
        """A run to its end; its exit code, negative where a signal ended it."""
        with self.running(arm, **more) as process:
            process.join(SECONDS)
            return None if process.is_alive() else process.exitcode

    def moment(self, rng: random.Random, least: int = 0) -> None:
        """Wait until so many members are in training or more, and a little longer."""
        wanted = rng.randint(least, 8)
        end = time.monotonic() + 60
        while len(self.trained()) < wanted and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.03))

    def trained(self) -> list[str]:
        """The keys of members whose training began, in order."""
        log = self.folder / "d.log"
        return log.read_text().split() if log.exists() else []

    def kept(self) -> set[str]:
        """The keys of members that the storage has."""
        try:
            with Store.open(self.url, create=False) as store:
                return {record.member.key for record in store.all_members()}
        except EnsearchError:
            return set()

    def outcome(self) -> "Outcome":
        with Store.open(self.url, create=False) as store:
            evaluations = tuple(store.evaluations(NAME))
            trials = tuple((t.network, t.size, t.members) for t in store.trials(NAME))
            told = optuna.load_study(study_name=NAME, storage=store.optuna_url)
        states = tuple(trial.state.name for trial in told.trials if trial.state.name != "FAIL")
        names = {path.relative_to(self.files).as_posix() for path in self.files.rglob("*")}
        return Outcome(
            evaluations=evaluations, trials=trials, states=states, files=frozenset(names)
        )

    def left(self) -> list[str]:
        """Processes of the runs that still live a few seconds after them."""
        end = time.monotonic() + 20
        while (found := self._alive()) and time.monotonic() < end:
            time.sleep(0.1)
        return found

    def _alive(self) -> list[str]:
        """Living processes of the runs, by number and name."""
        return [
            f"{each.pid} ({each.name})"
            for each in processes.every()
            if each.session in self.sessions and each.lives
        ]

    def started(self, containing: str) -> list[Process]:
        """Living processes of the last run, but for its driver, with a text in their commands."""
        driver = self.sessions[-1]
        return [
            each
            for each in processes.every()
            if each.session == driver != each.pid
            and each.lives
            and containing in processes.command(each.pid)
        ]

    def age_leftovers(self) -> None:
        """What killed writers left is swept by the next driver once it is an hour old."""
        for path in self.folder.rglob("*.tmp"):
            then = path.stat().st_mtime - ABANDONED
            os.utime(path, (then, then))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a study has come to."""

    evaluations: tuple[Any, ...]
    trials: tuple[Any, ...]
    states: tuple[str, ...]
    files: frozenset[str]


def made(folder: Path, launcher: str = "inline", *, database: str = "", cluster: str = "") -> Site:
    """A site with a dataset and no study yet."""
    folder.mkdir(parents=True)
    write_dataset(folder / "d.npz", images=IMAGES)
    return Site(folder=folder, launcher=launcher, database=database, cluster=cluster)


@functools.cache
def _context() -> Any:
    """Processes are forked from one that has imported all: they begin in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scripts.faults.warm"])
    return context


def _run(site: Site, begun: Any, arm: Arm | None, more: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.stderr = (site.folder / "errors").open("a")
    if site.cluster:
        os.environ["RAY_ADDRESS"] = site.cluster
    try:
        if arm is not None:
            arm()
        begun.set()
        drive(site, **more)
    except EnsearchError as error:
        (site.folder / "said").write_text(f"{type(error).__name__}: {error}")
        os._exit(error.exit_code)
    except (OSError, MemoryError) as error:
        (site.folder / "said").write_text(f"{type(error).__name__}: {error}")
        os._exit(1)


def drive(site: Site, **more: Any) -> None:
    """Run the study in this process, until it ends."""
    asked = config.resolve(
        RunOptions(
            budget="1e6", dataset=f"npz:{site.folder}/d.npz", space=SPACE, study=NAME, epochs=1
        )
    )
    workers = 1 if site.launcher == "inline" else 2
    where = Placement(device="cpu", workers=workers, launcher=site.launcher)
    with Store.open(site.url, create=True, busy_timeout=30.0) as store:
        opened = study.open_study(asked, store, site.folder / "data", "a CPU")
        search.run(opened, store, Limits(trials=TRIALS), where, RunControl(**more), train=train)
