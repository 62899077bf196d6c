"""Search: running a study and going on with it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensearch.api import _asked, _study_run, progress
from ensearch.api._asked import with_file
from ensearch.api._opened_study import never
from ensearch.api.progress import OnEvent
from ensearch.datasets import Arrays
from ensearch.store import Store, storage_url
from ensearch.study import config as configs
from ensearch.study import options as run_options
from ensearch.study.options import RunControl, RunOptions

if TYPE_CHECKING:  # these import torch, optuna or matplotlib
    from ensearch.report.study.results import Results

__all__ = ["RunOptions", "resume", "run", "run_from", "with_file"]


def run(
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
    weights: bool | None = None,
    storage: str | Path | None = None,
    data_dir: str | Path | None = None,
    config: str | Path | None = None,
    settle: bool = False,
    take_over: bool = False,
    on_event: OnEvent | None = None,
) -> "Results":
    """Search for the best single networks and ensembles within a budget, and return what was found.

    The same call again goes on where it was interrupted: everything lies in the storage.

    Args:
        budget: the most FLOPs (multiply-adds) that the whole ensemble may take for one image: `5e9`
            or "5G".
        budget_params: the most parameters that it may have: `1e6` or "1M".
        budget_ms: the most milliseconds that it may take for an image, and how many images come at
            a time: "2@64" or "2@64:onnx". Of several budgets the first of FLOPs, milliseconds and
            parameters is the unit in which costs are compared; the others are further bounds.
        dataset: a name from `list_datasets()`, "npz:FILE", "folder:PATH", "imagenet:PATH", or four
            arrays (x_train, y_train, x_test, y_test), images N x H x W (x 3) as bytes or as floats
            from 0 to 1. Arrays are kept beside the storage.
        space: a name from `list_spaces()`, the path of a TOML file, or such a file's table;
            "wide_resnet" by default.
        study: the name of the study; DATASET-SPACE-BUDGET by default.
        trials: stop once the study has this many trials in all; by default 20 (26 with two seeds,
            40 with one), or 4 more than a single network and an ensemble at every budget take.
        timeout: stop this run after this time, in seconds or as "2h".
        train_budget: begin no further trial once training has cost this many multiply-adds.
        epochs: train every member for this many epochs; the dataset's own number by default.
        optimizer: "muon" or "sgd", each with its own learning rate; in a new study "muon", or the
            one that the space has values for.
        seeds: train every network at least this often, also where it is tried alone; by default 3.
        schedule: fields of `Schedule` that differ from the dataset's.
        limit_train: train on this many images, with the same share of every class.
        val: use this many of the training images for validation instead of training; by default a
            tenth, but at least 500, or a third where that is fewer; with `limit_train` up to 10,000
            that are left over.
        seed: the number from which all random choices follow; 0 by default.
        sampler: Optuna's way of choosing trials: "tpe", "random", "nsga2", "gp" or "qmc".
        rule: how probabilities are averaged: "arithmetic" or "geometric".
        workers: how many members train at the same time; one per CPU core or GPU by default.
        device: "auto", "cpu" or "cuda".
        launcher: where members train: "processes", "inline" or "ray".
        ray_address: the address of a Ray cluster: "auto" or "HOST:PORT".
        flops_per_mac: 1 if a FLOP is a multiply-add, as in the papers; 2 to count two.
        weights: whether the members' weights are kept.
        storage: a database URL or a .db file; studies/ensearch.db by default.
        data_dir: the folder in which datasets are kept; "data" by default.
        config: a TOML file with any of these options; those of the call win over it.
        settle: then train more members to decide what is undecided; the search shows no verdict.
        take_over: continue the study although another process seems to be running it.
        on_event: a function that is called with every event of `ensearch.study.events`. Without
            one, a terminal and a notebook show bars, and other places nothing.

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
        weights=weights,
        storage=storage,
        data_dir=data_dir,
    )
    asked = asked if config is None else with_file(asked, config)
    return run_from(asked, settle=settle, take_over=take_over, on_event=on_event)


def run_from(
    options: RunOptions,
    *,
    settle: bool = False,
    take_over: bool = False,
    on_event: OnEvent | None = None,
    is_interrupted: Callable[[], bool] = never,
) -> "Results":
    """Search as `run` does.

    `is_interrupted` is asked now and then; where it is true the run ends and can be resumed.
    """
    _asked.check(options)  # before the storage is made
    with Store.open(storage_url(options.storage), create=True) as store:
        config = _asked.config_of(options, store)
        with progress.shown(on_event) as show:
            control = RunControl(take_over=take_over, on_event=show, is_interrupted=is_interrupted)
            return _study_run.search_study(config, store, options, control, settle=settle)


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

    `retrain_missing` trains members again whose files are gone. `is_interrupted` is asked now and
    then; where it is true the run ends, and can be gone on with. The other options, and the errors,
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
    with Store.open(storage_url(storage), create=False) as store:
        config = configs.from_dict(store.study(study).config)
        asked = replace(asked, trials=trials or store.trials_asked(study))
        with progress.shown(on_event) as show:
            control = RunControl(
                take_over=take_over,
                retrain_missing=retrain_missing,
                on_event=show,
                is_interrupted=is_interrupted,
            )
            return _study_run.search_study(config, store, asked, control, settle=False)
