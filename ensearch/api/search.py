"""Search: what a study will do, running it, and going on with it."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensearch.api import progress
from ensearch.datasets import Arrays, keep_arrays
from ensearch.errors import StorageError, TrialsFailedError, UnfinishedError
from ensearch.store import DEFAULT_URL, Store
from ensearch.study import config as configs
from ensearch.study import options as run_options
from ensearch.study.config import StudyConfig
from ensearch.study.events import Event, MemberDone, Note, Planned, SearchEnded
from ensearch.study.options import RunOptions

if TYPE_CHECKING:  # these import torch, optuna or matplotlib
    from ensearch.report.study.results import Results
    from ensearch.study.plan import StudyPlan
    from ensearch.study.search import Placement
    from ensearch.study.study import Study

__all__ = ["OnEvent", "RunOptions", "plan", "plan_from", "resume", "run", "run_from", "with_file"]

OnEvent = Callable[[Event], None]


def never() -> bool:
    """Nobody interrupts."""
    return False


def plan(
    *,
    budget: float | str | None = None,
    dataset: str | Arrays | None = None,
    space: str | Mapping[str, Any] | None = None,
    study: str | None = None,
    trials: int | None = None,
    timeout: float | str | None = None,
    train_budget: float | str | None = None,
    epochs: int | None = None,
    schedule: Mapping[str, Any] | None = None,
    limit_train: int | None = None,
    seed: int | None = None,
    sampler: str | None = None,
    rule: str | None = None,
    workers: int | None = None,
    device: str | None = None,
    launcher: str | None = None,
    ray_address: str | None = None,
    flops_per_mac: int | None = None,
    data_dir: str | Path | None = None,
    config: str | Path | None = None,
) -> "StudyPlan":
    """Return what `run` with these options would do here, as a new study; keep nothing.

    The options are those of `run`. Measuring the speed takes some seconds of training. Raises the
    errors of `run` that come before the first training.
    """
    asked = RunOptions(
        budget=budget,
        dataset=dataset,
        space=space,
        study=study,
        trials=trials,
        timeout=timeout,
        train_budget=train_budget,
        epochs=epochs,
        schedule=schedule,
        limit_train=limit_train,
        seed=seed,
        sampler=sampler,
        rule=rule,
        workers=workers,
        device=device,
        launcher=launcher,
        ray_address=ray_address,
        flops_per_mac=flops_per_mac,
        data_dir=data_dir,
    )
    return plan_from(asked if config is None else with_file(asked, config))


def run(
    *,
    budget: float | str | None = None,
    dataset: str | Arrays | None = None,
    space: str | Mapping[str, Any] | None = None,
    study: str | None = None,
    trials: int | None = None,
    timeout: float | str | None = None,
    train_budget: float | str | None = None,
    epochs: int | None = None,
    schedule: Mapping[str, Any] | None = None,
    limit_train: int | None = None,
    seed: int | None = None,
    sampler: str | None = None,
    rule: str | None = None,
    workers: int | None = None,
    device: str | None = None,
    launcher: str | None = None,
    ray_address: str | None = None,
    flops_per_mac: int | None = None,
    weights: bool | None = None,
    storage: str | Path | None = None,
    data_dir: str | Path | None = None,
    config: str | Path | None = None,
    take_over: bool = False,
    on_event: OnEvent | None = None,
) -> "Results":
    """Search members, width and depth under a budget, and return what was found.

    The same call again goes on where it was interrupted: everything lies in the storage.

    Args:
        budget: FLOPs (multiply-adds) per example of the whole ensemble: `5e9` or "5G".
        dataset: a name from `list_datasets()`, "npz:FILE", "folder:PATH", "imagenet:PATH", or four
            arrays (x_train, y_train, x_test, y_test), images N x H x W (x 3) as bytes or as floats
            from 0 to 1. Arrays are kept beside the storage.
        space: a name from `list_spaces()`, the path of a TOML file, or such a file's table;
            "wide_resnet" if nothing is said.
        study: its name; DATASET-SPACE-BUDGET if nothing is said.
        trials: of the study in all, then stop; 40 if nothing is said.
        timeout: stop this run after so long, in seconds or as "2h".
        train_budget: begin no trial once the study has spent so many multiply-adds on training.
        epochs: of every member; the dataset's own number if nothing is said.
        schedule: fields of `Schedule` that differ from the dataset's.
        limit_train: train on a stratified subset of so many images.
        seed: of the study; 0 if nothing is said.
        sampler: "tpe", "random", "nsga2", "gp" or "qmc".
        rule: averaging of probabilities, "arithmetic" or "geometric".
        workers: members trained at a time; one per CPU core, one per GPU if nothing is said.
        device: "auto", "cpu" or "cuda".
        launcher: where members train: "processes", "inline" or "ray".
        ray_address: of a Ray cluster, "auto" or "HOST:PORT".
        flops_per_mac: 1 if a FLOP is a multiply-add, as in the papers; 2 to count two.
        weights: whether the members' weights are kept.
        storage: a database URL or a .db file; studies/ensearch.db if nothing is said.
        data_dir: where datasets are kept and downloaded; "data" if nothing is said.
        config: a TOML file with these options; what is said here wins.
        take_over: take the study from a driver that seems alive.
        on_event: is called with every event of `ensearch.study.events`. If nothing is said, a
            terminal and a notebook show bars, and other places nothing.

    Raises:
        UsageError: a value is not legal.
        BudgetError: nothing in the space fits the budget.
        StorageError: the storage cannot be used, or holds another study of that name.
        UnavailableError: the dataset or the device cannot be had.
        TrialsFailedError: every trial failed.
        UnfinishedError: the run was stopped before anything was evaluated.
    """
    asked = RunOptions(
        budget=budget,
        dataset=dataset,
        space=space,
        study=study,
        trials=trials,
        timeout=timeout,
        train_budget=train_budget,
        epochs=epochs,
        schedule=schedule,
        limit_train=limit_train,
        seed=seed,
        sampler=sampler,
        rule=rule,
        workers=workers,
        device=device,
        launcher=launcher,
        ray_address=ray_address,
        flops_per_mac=flops_per_mac,
        weights=weights,
        storage=storage,
        data_dir=data_dir,
    )
    asked = asked if config is None else with_file(asked, config)
    return run_from(asked, take_over=take_over, on_event=on_event)


def plan_from(options: RunOptions) -> "StudyPlan":
    """Return the plan as `plan` does."""
    limits = run_options.limits(options)
    _check(options)
    # In a storage that is gone afterwards, so that the study's name stays free.
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(str(Path(folder) / "plan.db"), create=True) as store,
    ):
        opened = _Opened.of(_config(options, store), store, options)
        return opened.plan(limits.trials)


def run_from(
    options: RunOptions,
    *,
    take_over: bool = False,
    on_event: OnEvent | None = None,
    is_interrupted: Callable[[], bool] = never,
) -> "Results":
    """Search as `run` does.

    `is_interrupted` is asked now and then; where it is true the run ends and can be resumed.
    """
    limits = run_options.limits(options)
    _check(options)  # before the storage is made
    with Store.open(_url(options.storage), create=True) as store:
        return _search(
            _config(options, store),
            store,
            options,
            limits,
            take_over=take_over,
            retrain_missing=False,
            on_event=on_event,
            is_interrupted=is_interrupted,
        )


def resume(
    study: str,
    *,
    trials: int | None = None,
    timeout: float | str | None = None,
    train_budget: float | str | None = None,
    workers: int | None = None,
    device: str | None = None,
    launcher: str | None = None,
    ray_address: str | None = None,
    weights: bool | None = None,
    storage: str | Path | None = None,
    data_dir: str | Path | None = None,
    retrain_missing: bool = False,
    take_over: bool = False,
    on_event: OnEvent | None = None,
    is_interrupted: Callable[[], bool] = never,
) -> "Results":
    """Go on with a study and return what it has found; its configuration stays what it was.

    `retrain_missing` trains members again whose files are gone; the other options, and the errors,
    are those of `run`.
    """
    asked = RunOptions(
        trials=trials,
        timeout=timeout,
        train_budget=train_budget,
        workers=workers,
        device=device,
        launcher=launcher,
        ray_address=ray_address,
        weights=weights,
        storage=storage,
        data_dir=data_dir,
    )
    run_options.limits(asked)  # what is not legal is refused before the storage is looked for
    with Store.open(_url(storage), create=False) as store:
        study_config = configs.from_dict(store.study(study).config)
        return _search(
            study_config,
            store,
            asked,
            run_options.limits(asked, _trials(store, study)),
            take_over=take_over,
            retrain_missing=retrain_missing,
            on_event=on_event,
            is_interrupted=is_interrupted,
        )


def _trials(store: Store, study: str) -> int:
    """Return how many trials were asked of the study the last time."""
    return store.trials_asked(study) or run_options.TRIALS


def with_file(options: RunOptions, config: str | Path) -> RunOptions:
    """Return the options, and those of a TOML file where they say nothing. Raises UsageError."""
    return options.over(run_options.read_file(config))


def _check(options: RunOptions) -> None:
    """Raise UsageError for the first value that is not legal; arrays are looked at later."""
    arrays = options.dataset is not None and not isinstance(options.dataset, str)
    configs.resolve(replace(options, dataset="npz:arrays") if arrays else options)


def _config(options: RunOptions, store: Store) -> StudyConfig:
    """Return the study that the options describe; arrays are kept beside the storage."""
    if options.dataset is not None and not isinstance(options.dataset, str):
        folder = store.files.with_suffix(".datasets")
        options = replace(options, dataset=keep_arrays(options.dataset, folder))
    return configs.resolve(options)


def _url(storage: str | Path | None) -> str:
    return DEFAULT_URL if storage is None else str(storage)


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A study whose images are read, on the devices where its members will train."""

    study: "Study"
    store: Store
    where: "Placement"
    device: str  # for people

    @classmethod
    def of(cls, config: StudyConfig, store: Store, options: RunOptions) -> "_Opened":
        from ensearch import training
        from ensearch.study import search
        from ensearch.study.study import open_study

        where = search.placement(
            launcher=options.launcher,
            device=options.device,
            workers=options.workers,
            ray_address=options.ray_address,
            weights=options.weights,
        )
        device = training.describe_device(where.device)
        data_dir = Path("data" if options.data_dir is None else options.data_dir)
        study = open_study(config, store, data_dir, device)
        return cls(study=study, store=store, where=where, device=device)

    def plan(self, trials: int) -> "StudyPlan":
        """Return what is ahead, at the speed that is measured here."""
        from ensearch.study import speed, work
        from ensearch.study.plan import StudyPlan

        study = self.study
        here = speed.measured(study, self.store, self.where.device)
        before = next(s for s in self.store.summaries() if s.name == study.config.name)
        told = before.trials_done + before.trials_failed
        left = max(0, min(trials, len(study.ladder.cells)) - told)
        return StudyPlan(
            config=study.config,
            ladder=study.ladder,
            work=work.estimate(study.ladder, study.images["train"], left, here, self.where.workers),
            speed=here,
            images=study.images,
            workers=self.where.workers,
            device=self.device,
            notes=study.dataset.notes,
            told=told,
            kept=before.members,
        )


@dataclass(slots=True)
class _Timed:
    """Hands events on, and keeps the seconds that members took."""

    on_event: OnEvent
    seconds: list[float] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, MemberDone):
            self.seconds.append(event.seconds)
        self.on_event(event)


def _search(
    config: StudyConfig,
    store: Store,
    options: RunOptions,
    limits: run_options.Limits,
    *,
    take_over: bool,
    retrain_missing: bool,
    on_event: OnEvent | None,
    is_interrupted: Callable[[], bool],
) -> "Results":
    from ensearch.study import search

    opened = _Opened.of(config, store, options)
    plan = opened.plan(limits.trials)
    with progress.shown(on_event) as show:
        show(
            Planned(
                lines=tuple(plan.lines()),
                unit="trials",
                total=limits.trials,
                flops_per_mac=config.flops_per_mac,
            )
        )
        spent = store.trained_macs(config.name)
        timed = _Timed(show)
        ended = search.run(
            opened.study,
            store,
            limits,
            opened.where,
            expected=plan.work,
            take_over=take_over,
            retrain_missing=retrain_missing,
            on_event=timed,
            is_interrupted=is_interrupted,
        )
        _judge(opened, plan, timed.seconds, store.trained_macs(config.name) - spent, show)
        show(ended)
        return _conclude(config.name, store, ended, show)


def _judge(
    opened: _Opened, plan: "StudyPlan", seconds: list[float], train_macs: float, show: OnEvent
) -> None:
    """Forget a speed that training contradicts, and say so."""
    from ensearch.study import speed

    ratio = speed.contradiction(plan.speed, opened.study, seconds, train_macs)
    if ratio is not None:
        speed.forget(opened.study, opened.store, opened.where.device)
        show(
            Note(
                text=f"training took {ratio:.2g} times as long as the plan's speed says: the next "
                "run measures it again"
            )
        )


def _conclude(study: str, store: Store, ended: SearchEnded, show: OnEvent) -> "Results":
    """Return what is known now, and put it on the study's page of the dashboard."""
    if ended.done == 0 and ended.failed:
        reasons = sorted({trial.reason or "unknown" for trial in store.trials(study)})
        raise TrialsFailedError(
            f"all {ended.failed} trials of study {study} failed: {', '.join(reasons)}.",
            problem="members_failed",
            study=study,
        )
    if ended.done == 0:
        raise UnfinishedError(
            "nothing has been evaluated yet.", problem="nothing_evaluated", study=study
        )
    from ensearch.report.dashboard import dashboard
    from ensearch.report.study.results import collect

    results = collect(store, study, patiently=True)
    try:
        with store.translated():
            dashboard.publish(store.optuna_url, results, prepare=store.prepare)
    except StorageError as error:  # a page that is old must not cost anybody the result
        show(Note(text=f"the study's page of the dashboard is not up to date: {error}"))
    return results
