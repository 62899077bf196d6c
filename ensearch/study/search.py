"""A search from end to end: the only place where store, sampler, launcher and driver meet."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from ensearch import launch
from ensearch.errors import invalid
from ensearch.launch import Train
from ensearch.store import Store
from ensearch.study.driver import Driver
from ensearch.study.events import Event, SearchEnded
from ensearch.study.members import MemberQueue
from ensearch.study.options import Limits
from ensearch.study.pace import Renewal
from ensearch.study.sampler import Sampler
from ensearch.study.study import Study
from ensearch.study.work import SearchWork
from ensearch.training import resolve_device, train_members


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where members train: a launcher's name, how many at a time, and the device of each."""

    device: str
    workers: int
    launcher: str = "processes"
    keep_weights: bool = True


def placement(
    *,
    launcher: str | None,
    device: str | None,
    workers: int | None,
    ray_address: str | None,
    weights: bool | None,
) -> Placement:
    """Return where members will train, and begin what the first of them would wait for.

    None stands for the default. Raises UsageError for an unknown launcher, and for the address of a
    cluster that it would not use; UnavailableError for a device that is not there.
    """
    launcher = "processes" if launcher is None else launcher
    module = launch.get(launcher)
    if ray_address is not None:
        if launcher != "ray":
            raise invalid("ray_address", f"is for the launcher ray; the launcher is {launcher}.")
        os.environ["RAY_ADDRESS"] = ray_address  # where Ray and its own programs look for it too
    if workers is not None and workers < 1:
        raise invalid("workers", f"must be a whole number of at least 1; got {workers}.")
    module.warm_up()
    resolved = resolve_device("auto" if device is None else device)
    usual = workers is None or launcher == "inline"
    return Placement(
        device=resolved,
        workers=module.usual(resolved) if usual else cast(int, workers),
        launcher=launcher,
        keep_weights=weights is not False,
    )


def run(
    study: Study,
    store: Store,
    limits: Limits,
    where: Placement,
    *,
    expected: SearchWork | None = None,
    train: Train = train_members,
    take_over: bool = False,
    retrain_missing: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> SearchEnded:
    """Search until a limit is reached. The study, its members and trials are in the store.

    `expected` is the work that the plan says, from which the time left is estimated.

    Raises StorageError if another driver works on the study, if files of its members are missing
    (unless they are to be trained again), or if the storage fails.
    """
    config = study.config
    lease = store.acquire_lease(config.name, take_over=take_over)
    try:
        # For a later resume that names no number: only now, since a second driver is refused.
        store.begin_run(config.name, limits.trials)
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
        queue = MemberQueue(
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
            renew=Renewal(lease),
            sampler=sampler,
            queue=queue,
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
        store.end_run(config.name, reason)
        return SearchEnded(
            reason=reason, done=counts.done, failed=counts.failed, waiting=counts.waiting
        )
    finally:
        with contextlib.suppress(Exception):
            lease.release()
