"""Many faults, one after another: what each came to, and the table of kinds."""

import contextlib
import random
import shutil
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL

import tests.servers
from ensearch.seeds import derive
from scripts import campaigns
from scripts.faults import clusters, servers
from scripts.faults.kinds import KINDS, LAUNCHERS, ON_SERVER
from scripts.faults.site import Outcome, Site, made

GO_ON = 3  # runs that a study may take to its end after a fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A fault that was done; `wrong` is "" where the study survived it."""

    kind: str
    number: int
    wrong: str
    told: str  # what the user was told on the way
    seconds: float
    struck: bool = True  # whether the first run ended early


def faults(
    folder: Path, kinds: Iterable[str], numbers: Iterable[int], seed: int, done: Iterable[Run]
) -> Iterator[Run]:
    """Do every kind of fault once for each number, but for those that are done."""
    over = {(run.kind, run.number) for run in done}
    whole: dict[str, Outcome] = {}
    kinds = list(kinds)
    with contextlib.ExitStack() as stack:
        server, cluster = None, ""
        for kind, number in ((kind, number) for number in numbers for kind in kinds):
            if (kind, number) in over:
                continue
            launcher = LAUNCHERS.get(kind, "inline")
            try:
                if kind in ON_SERVER:
                    server = server or stack.enter_context(_server())
                if launcher == "ray":
                    cluster = cluster or stack.enter_context(clusters.cluster())
            except pytest.skip.Exception as reason:  # as tests that want a server
                print(f"{kind}: not done: {reason}", file=sys.stderr)
                continue
            if launcher not in whole:
                whole[launcher] = _undisturbed(folder, launcher, cluster)
            with _place(folder, kind, number, launcher, server, cluster) as site:
                yield _one(site, kind, number, seed, whole[launcher])


@contextlib.contextmanager
def _server() -> Iterator[URL]:
    with tests.servers.server() as url:
        try:
            yield url
        finally:
            servers.stop_started()


@contextlib.contextmanager
def _place(
    folder: Path, kind: str, number: int, launcher: str, server: URL | None, cluster: str
) -> Iterator[Site]:
    """A site for a fault, on a database of its own where the fault is of a server."""
    own = folder / f"{kind.replace(' ', '-')}-{number}"
    if kind not in ON_SERVER:
        yield made(own, launcher, cluster=cluster if launcher == "ray" else "")
        return
    assert server is not None
    with tests.servers.database(server) as database:
        named = database.set(query={"files": f"{own}/s.members"})
        yield made(own, launcher, database=named.render_as_string(hide_password=False))


def _undisturbed(folder: Path, launcher: str, cluster: str) -> Outcome:
    site = made(folder / f"whole-{launcher}", launcher, cluster=cluster)
    code = site.run()
    assert code == 0, f"the undisturbed run ended with {code}: {site.said}"
    outcome = site.outcome()
    shutil.rmtree(site.folder)
    return outcome


def _one(site: Site, kind: str, number: int, seed: int, whole: Outcome) -> Run:
    rng, started = random.Random(derive(seed, kind, number)), time.monotonic()
    try:
        again = set(KINDS[kind](site, rng))
        _go_on(site, again)
        _compare(site, whole)
        wrong = ""
    except AssertionError as error:
        wrong = str(error) or "an assertion of the fault"
    told = site.said
    if not wrong:
        shutil.rmtree(site.folder)  # that of a lost one stays, to be looked at
    return Run(
        kind=kind,
        number=number,
        wrong=wrong,
        told=told,
        seconds=time.monotonic() - started,
        struck=site.codes[:1] != [0],
    )


def _go_on(site: Site, again: set[str]) -> None:
    """Run the study to its end; nothing that was finished before is trained again."""
    kept, before = site.kept(), len(site.trained())
    site.age_leftovers()
    codes: list[int | None] = []
    while len(codes) < GO_ON and 0 not in codes:
        codes.append(site.run())
    assert 0 in codes, f"the study did not end: {codes} {site.said}"
    twice = kept & set(site.trained()[before:]) - again
    assert not twice, f"finished and trained again: {sorted(twice)}"


def _compare(site: Site, whole: Outcome) -> None:
    found = site.outcome()
    assert found.evaluations == whole.evaluations, "other evaluations"
    assert found.trials == whole.trials, "other trials"
    assert found.states == whole.states, f"trials of Optuna are {found.states}"
    odd = sorted(found.files ^ whole.files)
    assert not odd, f"other files: {odd[:5]}"
    left = site.left()
    assert not left, f"processes are left: {left}"


def table(runs: Iterable[Run]) -> str:
    """A Markdown table: a line for each kind, and what was lost."""
    every = list(runs)
    names = [kind for kind in KINDS if any(run.kind == kind for run in every)]
    rows = [_row(name, [run for run in every if run.kind == name]) for name in names]
    heads = ("fault", "tried", "ended a run", "survived", "lost", "median s")
    return campaigns.markdown(heads, [*rows, (*_row("all", every)[:-1], "")])


def _row(name: str, runs: list[Run]) -> tuple[object, ...]:
    lost, ended = (sum(map(bool, of)) for of in ([r.wrong for r in runs], [r.struck for r in runs]))
    median = statistics.median(run.seconds for run in runs)
    return (name, len(runs), ended, len(runs) - lost, lost, f"{median:.1f}")
