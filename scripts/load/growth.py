"""One study that grows: in a new process every thousand trials, or all night in the same one."""

import time
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

from ensearch.report.study import standing
from ensearch.store import Store
from ensearch.study.events import Event, TrialDone
from ensearch.study.options import Limits
from ensearch.study.placement import Placement
from ensearch.units import flops
from scripts.load import apart, world
from scripts.load.world import Row


def growth(folder: Path, done: set[str], trials: int, step: int) -> Iterator[Row]:
    """Yield a row for every `step` trials of one study."""
    for told in range(step, trials + 1, step):
        if str(told) not in done:
            values = apart.call(_grown, folder, told)
            yield Row(part="growth", step=str(told), values=values)


def _grown(folder: Path, trials: int) -> dict[str, float | str]:
    times: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, TrialDone):
            times.append(time.process_time())

    started = time.process_time()
    url = f"sqlite:///{folder}/growth.db"
    with Store.open(url, create=True) as store:
        one = world.opened(store, world.dataset(folder), "growth")
        world.drive(store, one, Limits(trials=trials), on_event=note)
        rows, axis = store.evaluations("growth"), flops(1)
        looked = time.process_time()
        standing.compute(rows, sorted(one.ladder.budgets), axis)
        picture = time.process_time() - looked
        members = len(store.all_members())
    size = sum(path.stat().st_size for path in folder.glob("growth.db*"))
    each = (times[-1] - times[0]) / max(1, len(times) - 1)
    return {
        "trials": trials,
        "a trial, ms": 1000 * each,
        "the terminal's picture, ms": 1000 * picture,
        "start to the first trial, s": times[0] - started,
        "members": members,
        "memory, MiB": apart.memory(),
        "database, MiB": size / 2**20,
    }


def night(folder: Path, done: set[str], trials: int, step: int) -> Iterator[Row]:
    """Yield what one process, which trains in a worker, holds after every `step` trials."""
    if str(trials) not in done:
        for values in apart.call(_night, folder, trials, step):
            yield Row(part="night", step=str(values["trials"]), values=values)


def _night(folder: Path, trials: int, step: int) -> list[dict[str, float | str]]:
    rows: list[dict[str, float | str]] = []
    files = folder / "night.members"
    started = time.monotonic()

    def note(event: Event) -> None:
        if isinstance(event, TrialDone) and event.told % step == 0:
            (worker,) = active_children()
            held = sum(1 for path in files.rglob("*.npz"))
            rows.append(
                {
                    "trials": event.told,
                    "seconds": time.monotonic() - started,
                    "memory of the driver, MiB": apart.memory(),
                    "of the worker, MiB": apart.memory(worker.pid or 0),
                    "handles of the driver": apart.handles(),
                    "files of members": held,
                    "other files": sum(p.is_file() for p in files.rglob("*")) - held,
                }
            )

    where = Placement(device="cpu", workers=1, launcher="processes", keep_weights=False)
    with Store.open(f"sqlite:///{folder}/night.db", create=True) as store:
        one = world.opened(store, world.dataset(folder), "night")
        world.drive(store, one, Limits(trials=trials), where=where, on_event=note)
    return rows
