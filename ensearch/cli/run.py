"""`run` and `resume`: search, show what was found, and say how to go on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group

from ensearch.cli import options
from ensearch.cli.advice import explain, typed
from ensearch.cli.terminal import advising, guarded, place, say, tell, tell_json
from ensearch.cli.watch import Watch, watching
from ensearch.errors import UnfinishedError

if TYPE_CHECKING:
    from ensearch.api.results import Results


@guarded
def run(
    dataset: options.DatasetIfAny = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="The most FLOPs (multiply-adds) that the whole ensemble may take for one image: "
            "5e9, 5G. [required: this, --budget-params or --budget-ms, and --dataset; here or in "
            "the file of --config]",
            rich_help_panel=options.SEARCH,
        ),
    ] = None,
    budget_params: Annotated[
        str | None,
        typer.Option(
            help="The most parameters that the whole ensemble may have: 1e6, 1M. If no other "
            "budget is given, costs are compared in parameters.",
            rich_help_panel=options.SEARCH,
        ),
    ] = None,
    budget_ms: Annotated[
        str | None,
        typer.Option(
            help="The most milliseconds that the whole ensemble may take for an image, and how "
            "many images come at a time: 2@64, or 2@64:onnx by ONNX Runtime. Networks are timed "
            "on this machine first. Unless --budget is given, costs are compared in milliseconds.",
            rich_help_panel=options.SEARCH,
        ),
    ] = None,
    space: options.Space = None,
    study: Annotated[
        str | None,
        typer.Option(
            help="The name of the study. (default: DATASET-SPACE-BUDGET)",
            rich_help_panel=options.SEARCH,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file with any of these options; those on the command line win over it.",
            rich_help_panel=options.SEARCH,
        ),
    ] = None,
    sampler: options.SamplerName = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="The number from which all random choices follow. (default: 0)",
            rich_help_panel=options.SEARCH,
        ),
    ] = None,
    rule: options.Rule = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Print what the study would cost and could decide, and stop.",
            rich_help_panel=options.STOPPING,
        ),
    ] = False,
    trials: options.Trials = None,
    timeout: options.Timeout = None,
    train_budget: options.TrainBudget = None,
    settle: options.Settle = False,
    epochs: options.Epochs = None,
    optimizer: options.Optimizer = None,
    seeds: options.Seeds = None,
    limit_train: options.LimitTrain = None,
    val: options.Val = None,
    workers: options.Workers = None,
    device: options.Device = None,
    launcher: options.Launcher = None,
    ray_address: options.RayAddress = None,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    take_over: options.TakeOver = False,
    weights: options.Weights = None,
    flops_per_mac: options.FlopsPerMac = None,
    as_json: options.AsJson = False,
) -> None:
    """Search for the best single networks and ensembles within a budget.

    It trains them with short schedules and answers which to take. The same command again goes on
    where a search was stopped.

    Example: ensearch run --dataset digits --budget 2e6
    """
    from ensearch.api import planning, search

    asked = search.RunOptions(
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
    if config is not None:
        asked = search.with_file(asked, config)
    with advising(asked.storage):
        if plan:
            with watching() as watch:
                ahead = planning.plan_from(asked, on_event=watch)
            if as_json:
                tell_json(ahead.to_dict())
            else:
                tell(str(ahead))
            for line in typed(ahead.remedies, ahead.config.axis):
                say(line)
            return
        with watching() as watch:
            results = None
            try:
                results = search.run_from(
                    asked,
                    settle=settle,
                    take_over=take_over,
                    on_event=watch,
                    is_interrupted=watch.interrupts,
                )
            except UnfinishedError as error:
                say(explain(error, place(asked.storage)))
            conclude(results, watch, asked.storage, as_json)


@guarded
def resume(
    study: options.Study,
    trials: options.Trials = None,
    timeout: options.Timeout = None,
    train_budget: options.TrainBudget = None,
    workers: options.Workers = None,
    device: options.Device = None,
    launcher: options.Launcher = None,
    ray_address: options.RayAddress = None,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    take_over: options.TakeOver = False,
    retrain_missing: options.RetrainMissing = False,
    weights: options.Weights = None,
    as_json: options.AsJson = False,
) -> None:
    """Go on with the search of a study, with the configuration and images that it began with.

    Example: ensearch resume digits-wide_resnet-2M --trials 40
    """
    from ensearch.api import search

    with watching() as watch:
        results = None
        try:
            results = search.resume(
                study,
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
                retrain_missing=retrain_missing,
                take_over=take_over,
                on_event=watch,
                is_interrupted=watch.interrupts,
            )
        except UnfinishedError as error:
            say(explain(error, place(storage)))
        conclude(results, watch, storage, as_json)


def conclude(
    results: "Results | None", watch: Watch, storage: str | Path | None, as_json: bool
) -> None:
    """Show what is known, write it, say how to go on, and leave with the right exit code."""
    if results is not None:
        show(results, as_json)
        # After the answer: a failure to write must not cost the user the result.
        folder = _usual(results, storage).write()
        say("")
        here = place(storage)
        for line in (*_next(results, watch, here), *further(results, here), *files(folder)):
            say(line)
    if watch.interrupts():
        raise typer.Exit(watch.interrupts.exit_code)


def _usual(results: "Results", storage: str | Path | None) -> "Results":
    """The results by the usual margin, which whoever reads the study's folder later cannot ask."""
    from ensearch.api.results import results as collected

    if results.has_usual_margin:
        return results
    return collected(results.conditions.study, storage=storage)


def _next(results: "Results", watch: Watch, here: str) -> list[str]:
    """Return how a person may go on with the search, or with settling it."""
    ended = watch.ended
    if results.under_way and results.settling is not None:
        return [going_on(results, here)]
    if ended is None or (ended.reason == "exhausted" and not ended.waiting):
        return []
    if ended.waiting or ended.reason in ("time", "interrupted"):
        return [going_on(results, here)]
    return [f"{going_on(results, here)} --trials {ended.done + ended.failed + 20}"]


def going_on(results: "Results", here: str) -> str:
    """Return how a person goes on with what is not over: the search, then settling it."""
    tried, asked = results.trials_done + results.trials_failed, results.trials_asked or 0
    is_settling = results.settling is not None and results.settling.under_way
    verb = "settle" if is_settling and tried >= asked else "resume"
    return f"go on     ensearch {verb} {results.conditions.study}{here}"


def further(results: "Results", here: str, full: bool = False, x: str = "") -> list[str]:
    """Return what a person may type after an answer, or after all that is known.

    A search that is under way has no finalists yet. With another margin than the usual one, or a
    unit that is not the study's (`x` as an option), `export` would write something else than what
    is shown.
    """
    study, usual = results.conditions.study, results.has_usual_margin
    margin = "" if usual else f" --margin {100 * results.fronts.margin:g}"
    exports = not (results.under_way or margin or x)
    return [
        *([f"settle    ensearch settle {study}{margin}{here}"] if results.may_settle else []),
        *([] if results.under_way else [f"confirm   ensearch confirm {study}{here}"]),
        *([f"export    ensearch export {study}{here}"] if exports else []),
        *([] if full else [f"details   ensearch report {study} --full{margin}{x}{here}"]),
        _timing(results, here) or f"browse    ensearch dashboard{here}",
    ]


def _timing(results: "Results", here: str) -> str:
    """Return how to compare by another unit; empty where no time is on record beside FLOPs."""
    study, c = results.conditions.study, results.conditions
    if not c.is_own:
        return f"budget    ensearch report {study}{here}"
    if c.other_axis is not None:
        return f"FLOPs     ensearch report {study} --x flops{here}"
    if not results.beside:
        return ""
    return f"time      ensearch report {study} --x {results.beside[-1].conditions.axis.name}{here}"


def files(folder: Path) -> list[str]:
    """Return where the files of results are."""
    return [f"files     {folder}: index.html, evaluations.csv, summary.json, tradeoff.png"]


def show(results: "Results", as_json: bool, full: bool = False) -> None:
    """Print results on stdout: the answer, or all that is known, or JSON."""
    if as_json:
        tell_json(results.summary())
        return
    from ensearch.api.results import LEAST_WIDTH

    console = Console()
    # A narrower terminal wraps whole lines.
    Console(width=max(console.width, LEAST_WIDTH)).print(
        Group(results.brief(), "", results.table()) if full else results.brief()
    )
