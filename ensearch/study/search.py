"""A search from end to end: the only place where store, sampler, launcher and driver meet."""

import contextlib
from collections.abc import Callable, Iterator

from ensearch.launch import Train
from ensearch.store import SettlementRecord, Store
from ensearch.study import driving
from ensearch.study.driver import Driver
from ensearch.study.events import SearchEnded
from ensearch.study.options import Limits, RunControl
from ensearch.study.placement import Placement
from ensearch.study.sampler import Sampler
from ensearch.study.study import Study
from ensearch.study.work import SearchWork
from ensearch.training import train_members


def run(
    study: Study,
    store: Store,
    limits: Limits,
    where: Placement,
    control: RunControl = RunControl(),
    *,
    expected: SearchWork | None = None,
    train: Train = train_members,
    settle: Callable[[], SettlementRecord] | None = None,
) -> SearchEnded:
    """Search until a limit is reached. The study, its members and trials are in the store.

    `expected` is the work that the plan says, from which the time left is estimated. `settle` plans
    a settlement before the first trial, so that the end of the search shows no verdict.

    Raises StorageError if another driver works on the study, if files of its members are missing
    (unless they are to be trained again), or if the storage fails.
    """
    config = study.config
    with driving.held(store, config.name, take_over=control.take_over) as renew:
        # For a later resume that names no number: only now, since a second driver is refused.
        if settle is not None:
            store.save_settlement(config.name, settle())
        over = store.study_summary(config.name).trials_over  # who asks for fewer is told of them
        store.begin_run(config.name, max(limits.trials, over))
        with (
            driving.trained(
                study,
                store,
                where,
                control,
                train=train,
                spent=store.trained_macs(config.name),
            ) as queue,
            _sampling(study, store) as sampler,
        ):
            driver = Driver(
                study=study,
                store=store,
                renew=renew,
                sampler=sampler,
                queue=queue,
                limits=limits,
                on_event=control.on_event,
                is_interrupted=control.is_interrupted,
                expected=expected,
            )
            driver.restore()
            reason = driver.run()
            counts = sampler.counts()
        store.end_run(config.name, reason)
        return SearchEnded(
            reason=reason, done=counts.done, failed=counts.failed, waiting=counts.waiting
        )


@contextlib.contextmanager
def _sampling(study: Study, store: Store) -> Iterator[Sampler]:
    """Yield the sampler of a study, and close it."""
    config = study.config
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
    try:
        yield sampler
    finally:
        # Tidying up must not hide what went wrong, nor does it matter to the next start.
        with contextlib.suppress(Exception):
            sampler.release()
        sampler.close()
