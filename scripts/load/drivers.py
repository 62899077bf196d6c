"""Many drivers at once: each on a study of its own, or all on the same one."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import make_url

import tests.servers
from ensearch.core import Evaluation
from ensearch.errors import StorageError
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.store import Store
from ensearch.study.events import Event, TrialDone
from ensearch.study.options import Limits
from scripts.load import apart, world
from scripts.load.world import Row
from tests.closed_form import train_one
from tests.trainers import each

MANY = 8


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a driver did; times are seconds since some moment that all share."""

    began: float
    ended: float
    slowest: float  # seconds between two trials
    rows: list[Evaluation]


@dataclass(slots=True)
class _Slowest:
    last: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialDone):
            now = time.monotonic()
            self.seconds, self.last = max(self.seconds, now - self.last), now


def _own_study(folder: Path, url: str, spec: str, number: int, trials: int) -> Ran:
    name = f"study-{number}"
    with Store.open(url, create=True, busy_timeout=300.0) as store:
        one = world.opened(store, spec, name, seed=number)
        apart.begin(folder)
        began, slowest = time.monotonic(), _Slowest()
        world.drive(store, one, Limits(trials=trials), on_event=slowest)
        ended = time.monotonic()
        return Ran(began=began, ended=ended, slowest=slowest.seconds, rows=store.evaluations(name))


def own_studies(
    folder: Path, kind: str, server: str | None, done: set[str], trials: int
) -> Iterator[Row]:
    """Yield a row of one driver and one of many, whose trials are those of one alone."""
    if f"{kind} {MANY}" in done:
        return
    spec, alone = world.dataset(folder), None
    for count in (1, MANY):
        place = folder / f"{kind}-{count}-{time.time_ns()}"
        place.mkdir()
        with _storage(place, server) as url:
            values = [(url, spec, number, trials) for number in range(count)]
            with apart.together(_own_study, values, place / "begin") as calls:
                ran = [one.result() for one in calls]
        rate = count * trials / (max(r.ended for r in ran) - min(r.began for r in ran))
        alone = alone or (rate, ran[0].rows)
        yield Row(
            part="drivers",
            step=f"{kind} {count}",
            values={
                "storage": kind,
                "drivers": count,
                "trials": count * trials,
                "trials a second": rate,
                "times one driver": rate / alone[0],
                "slowest trial, s": max(r.slowest for r in ran),
                "the first finds what it finds alone": "yes" if ran[0].rows == alone[1] else "no",
            },
        )


@each
def _noted(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """Note the member beside the images, and take a moment, so that all drivers meet."""
    with Path(job.source.spec.partition(":")[2]).with_suffix(".log").open("a") as file:
        file.write(f"{job.member.key}\n")
    time.sleep(0.05)
    return train_one(job, report)


def _same_study(folder: Path, url: str, spec: str, trials: int) -> str:
    with Store.open(url, create=True, busy_timeout=300.0) as store:
        one = world.opened(store, spec, "one")
        apart.begin(folder)
        try:
            world.drive(store, one, Limits(trials=trials), train=_noted)
        except StorageError as error:
            return "told" if error.problem == "study_runs" else f"{type(error).__name__}: {error}"
    return "worked"


def same_study(
    folder: Path, kind: str, server: str | None, done: set[str], trials: int, rounds: int
) -> Iterator[Row]:
    """Yield a row of several rounds in which many drivers want one study."""
    if kind in done:
        return
    said: list[str] = []
    twice = missing = 0
    for number in range(rounds):
        place = folder / f"same-{kind}-{number}-{time.time_ns()}"
        place.mkdir()
        spec = world.dataset(place)
        with _storage(place, server) as url:
            values = [(url, spec, trials)] * MANY
            with apart.together(_same_study, values, place / "begin") as calls:
                said += [one.result() for one in calls]
            with Store.open(url, create=False) as store:
                missing += trials - len(store.trials("one"))
        trained = (place / "images.log").read_text().split()
        twice += len(trained) - len(set(trained))
    others = sorted(set(said) - {"worked", "told"})
    yield Row(
        part="same",
        step=kind,
        values={
            "storage": kind,
            "rounds": rounds,
            "drivers": MANY,
            "worked": said.count("worked"),
            "told": said.count("told"),
            "otherwise": "; ".join(others) or "0",
            "members trained twice": twice,
            "trials missing": missing,
        },
    )


@contextlib.contextmanager
def _storage(place: Path, server: str | None) -> Iterator[str]:
    """The URL of a new storage, in a folder or on a server."""
    if server is None:
        yield f"sqlite:///{place}/s.db"
        return
    with tests.servers.database(make_url(server)) as database:
        named = database.set(query={"files": f"{place}/s.members"})
        yield named.render_as_string(hide_password=False)


@contextlib.contextmanager
def storages() -> Iterator[dict[str, str | None]]:
    """The kinds of storages that there are here, and the server of those that need one."""
    with contextlib.ExitStack() as stack:
        kinds: dict[str, str | None] = {"SQLite": None}
        try:
            url = stack.enter_context(tests.servers.server())
            kinds["PostgreSQL"] = url.render_as_string(hide_password=False)
        except pytest.skip.Exception as reason:  # as tests that want a server
            print(f"PostgreSQL: not done: {reason}", file=sys.stderr)
        yield kinds
