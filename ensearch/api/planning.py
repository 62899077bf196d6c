"""What a study would do, cost and could decide here, before anything is trained."""

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensearch.api import _asked, progress
from ensearch.api._opened_study import OpenedStudy
from ensearch.api.progress import OnEvent
from ensearch.datasets import Arrays
from ensearch.errors import StorageError
from ensearch.store import Store, storage_url
from ensearch.study import config as configs
from ensearch.study.options import RunOptions
from ensearch.units import counted

if TYPE_CHECKING:  # these import torch, optuna or matplotlib
    from ensearch.study.plan import StudyPlan


def plan(
    *,
    budget: float | str | None = None,
    budget_params: float | str | None = None,
    budget_ms: str | None = None,
    dataset: str | Arrays | None = None,
    space: str | Mapping[str, Any] | None = None,
    study: str | None = None,
    trials: int | None = None,
    timeout: float | str | None = None,
    train_budget: float | str | None = None,
    epochs: int | None = None,
    optimizer: str | None = None,
    seeds: int | None = None,
    schedule: Mapping[str, Any] | None = None,
    limit_train: int | None = None,
    val: int | None = None,
    seed: int | None = None,
    sampler: str | None = None,
    rule: str | None = None,
    workers: int | None = None,
    device: str | None = None,
    launcher: str | None = None,
    ray_address: str | None = None,
    flops_per_mac: int | None = None,
    storage: str | Path | None = None,
    data_dir: str | Path | None = None,
    config: str | Path | None = None,
    margin: float | None = None,
) -> "StudyPlan":
    """Return what `run` with these options would do here, as a new study; keep nothing.

    The options are those of `run`. Measuring the speed takes some seconds of training. What the
    storage holds of these images says how wide intervals will be. `margin` is the difference that
    should show, in points of accuracy; 1 by default. Raises the errors of `run` that come
    before the first training, and UsageError for another margin than one above 0 and below 100.
    """
    from ensearch.report.study import answer

    fraction = answer.margin_of(margin)
    asked = RunOptions(
        budget=budget,
        budget_params=budget_params,
        budget_ms=budget_ms,
        dataset=dataset,
        space=space,
        study=study,
        trials=trials,
        timeout=timeout,
        train_budget=train_budget,
        epochs=epochs,
        optimizer=optimizer,
        seeds=seeds,
        schedule=schedule,
        limit_train=limit_train,
        val=val,
        seed=seed,
        sampler=sampler,
        rule=rule,
        workers=workers,
        device=device,
        launcher=launcher,
        ray_address=ray_address,
        flops_per_mac=flops_per_mac,
        storage=storage,
        data_dir=data_dir,
    )
    return plan_from(asked if config is None else _asked.with_file(asked, config), fraction)


def plan_from(
    options: RunOptions, margin: float | None = None, on_event: OnEvent | None = None
) -> "StudyPlan":
    """Return the plan as `plan` does; the margin is a fraction of accuracy."""
    _asked.check(options)
    # A storage that is not there yet, or cannot be read, knows nothing.
    with progress.shown(on_event) as show:
        with (
            suppress(StorageError),
            Store.open(storage_url(options.storage), create=False, busy_timeout=2) as known,
        ):
            return _plan_beside(options, margin, known, show)
        return _plan_beside(options, margin, None, show)


def _plan_beside(
    options: RunOptions, margin: float | None, known: Store | None, show: OnEvent
) -> "StudyPlan":
    """Plan in a storage that is gone afterwards, so that the study's name stays free."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(str(Path(folder) / "plan.db"), create=True) as store,
    ):
        config = _asked.config_of(options, store, known)
        opened = OpenedStudy.of(config, store, options, show)
        made = opened.plan(opened.limits(options).trials, show, margin, known)
        if known is None or not known.has_study(config.name):
            return made
        note = _already_there(known, store, config.name, options)
        return replace(made, notes=(*made.notes, note))


def _already_there(known: Store, planned: Store, study: str, options: RunOptions) -> str:
    """Return what a person who plans a study should know of the stored one of that name."""
    before, asked = (configs.completed(s.study(study).config) for s in (known, planned))
    # Budgets follow from the rest; arrays are kept in another folder here, and their images count.
    follows = {"budgets", *([] if isinstance(options.dataset, str) else ["dataset"])}
    differing = [str(d) for d in configs.differences(before, asked) if d.key not in follows]
    done = counted(known.study_summary(study).trials_done, "trial")
    exists = f"study {study} exists, with {done} done"
    if not differing:
        return f"{exists}: a run goes on with it, and this plan is of a new one"
    return (
        f"{exists} and another configuration ({'; '.join(differing)}): a run with "
        "these options is refused, and this plan is of a new study"
    )
