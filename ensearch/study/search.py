"""A search from end to end: the only place where store, sampler, launcher and driver meet."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from ensearch import launch
from ensearch.launch import Train
from ensearch.store import Store
from ensearch.study.driver import Driver, Limits
from ensearch.study.events import Event
from ensearch.study.members import Pool
from ensearch.study.plan import Plan
from ensearch.study.sampler import Sampler
from ensearch.study.study import Study
from ensearch.training import train_members


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where members train: a launcher's name, how many at a time, and the device of each."""

    device: str
    workers: int
    launcher: str = "processes"
    keep_weights: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Why the run ended (a key of REASONS), and how many trials the study now has."""

    reason: str
    done: int
    failed: int
    waiting: int


def run(
    study: Study,
    store: Store,
    limits: Limits,
    where: Where,
    *,
    expected: Plan | None = None,
    train: Train = train_members,
    take_over: bool = False,
    retrain_missing: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Search until a limit is reached. The study, its members and trials are in the store.

    `expected` is the plan, from which the time left is estimated.

    Raises StorageError if another driver works on the study, if files of its members are missing
    (unless they are to be trained again), or if the storage fails.
    """
    config = study.config
    lease = store.acquire_lease(config.name, take_over=take_over)
    try:
        # For a later resume that names no number: only now, since a second driver is refused.
        store.set_note(config.name, "trials", limits.trials)
        # First, because it may find no cluster; nothing is open yet that would have to be closed.
        launcher = launch.get(where.launcher).open(train, where.workers)
        with store.creation_lock():
            sampler = Sampler(
                url=store.optuna_url,
                study=config.name,
                ladder=study.ladder,
                name=config.sampler,
                seed=config.seed,
                prepare=store.prepare,
                translated=store.translated,
            )
        pool = Pool(
            study=study,
            store=store,
            launcher=launcher,
            device=where.device,
            keep_weights=where.keep_weights,
            retrain_missing=retrain_missing,
            on_event=on_event,
            spent=store.trained_macs(config.name),
        )
        driver = Driver(
            study=study,
            store=store,
            lease=lease,
            sampler=sampler,
            pool=pool,
            limits=limits,
            on_event=on_event,
            is_interrupted=is_interrupted,
            expected=expected,
        )
        try:
            driver.restore()
            reason = driver.run()
            counts = sampler.counts()
        finally:
            launcher.close()
            # Tidying up must not hide what went wrong, nor does it matter to the next start.
            with contextlib.suppress(Exception):
                sampler.release()
            sampler.close()
        return Outcome(
            reason=reason, done=counts.done, failed=counts.failed, waiting=counts.waiting
        )
    finally:
        with contextlib.suppress(Exception):
            lease.release()
