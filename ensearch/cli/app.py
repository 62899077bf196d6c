"""The command line: one function per verb, each parses, makes one library call and prints.

stdout carries the result, stderr the progress and the errors. Nothing heavy is imported before
a verb needs it, so that `--help` answers at once.
"""

import io
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ensearch import __version__
from ensearch.cli import options, pool_app, terminal

app = typer.Typer(
    name="ensearch",
    help="For a FLOP budget and a dataset: one bigger network, or an ensemble of smaller ones?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ensearch {__version__}")
        raise typer.Exit


@app.callback()
def everywhere(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    terminal.debug.wanted = debug


@app.command()
@terminal.guarded
def run(
    budget: options.Flops = None,
    dataset: options.DatasetSpec = None,
    space: options.SpaceName = None,
    study: Annotated[
        str | None, typer.Option(help="Name of the study. (default: DATASET-SPACE-BUDGET)")
    ] = None,
    trials: options.Trials = None,
    timeout: options.Timeout = None,
    train_budget: options.TrainBudget = None,
    epochs: options.Epochs = None,
    limit_train: options.LimitTrain = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the study. (default: 0)")] = None,
    sampler: options.SamplerName = None,
    rule: options.Rule = None,
    workers: options.Workers = None,
    device: options.Device = None,
    launcher: options.RunLauncher = None,
    ray_address: options.RayAddress = None,
    flops_per_mac: options.FlopsPerMac = None,
    weights: options.RunWeights = None,
    storage: options.RunStorage = None,
    data_dir: options.RunDataDir = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file with these options; flags win.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print the plan, as of a new study, and stop.")
    ] = False,
    take_over: options.TakeOver = False,
    as_json: options.AsJson = False,
) -> None:
    """Search members, width and depth under a budget; run it again to go on."""
    from ensearch.cli import run as cli_run

    flags = {
        "budget": budget,
        "dataset": dataset,
        "space": space,
        "study": study,
        "trials": trials,
        "timeout": timeout,
        "train_budget": train_budget,
        "epochs": epochs,
        "limit_train": limit_train,
        "seed": seed,
        "sampler": sampler,
        "rule": rule,
        "workers": workers,
        "device": device,
        "launcher": launcher,
        "ray_address": ray_address,
        "flops_per_mac": flops_per_mac,
        "weights": weights,
        "storage": storage,
        "data_dir": data_dir,
    }
    cli_run.run(flags, config, plan_only=plan, take_over=take_over, as_json=as_json)


@app.command()
@terminal.guarded
def resume(
    study: Annotated[str, typer.Argument(help="Name of a study of the storage.")],
    trials: options.Trials = None,
    timeout: options.Timeout = None,
    train_budget: options.TrainBudget = None,
    workers: options.Workers = None,
    device: options.Device = None,
    launcher: options.LauncherName = "processes",
    ray_address: options.RayAddress = None,
    weights: options.KeepWeights = True,
    storage: options.Storage = options.DEFAULT_STORAGE,
    data_dir: options.DataDir = Path("data"),
    retrain_missing: options.RetrainMissing = False,
    take_over: options.TakeOver = False,
    as_json: options.AsJson = False,
) -> None:
    """Go on with a study: its configuration and images are those it began with."""
    from ensearch.cli import run as cli_run

    flags = {
        "trials": trials,
        "timeout": timeout,
        "train_budget": train_budget,
        "workers": workers,
        "device": device,
        "ray_address": ray_address,
        "storage": storage,
        "data_dir": data_dir,
    }
    cli_run.resume(
        study,
        flags,
        launcher=launcher,
        weights=weights,
        retrain_missing=retrain_missing,
        take_over=take_over,
        as_json=as_json,
    )


@app.command()
@terminal.guarded
def status(
    study: Annotated[str | None, typer.Argument(help="One study; all if left out.")] = None,
    storage: options.Storage = options.DEFAULT_STORAGE,
    as_json: options.AsJson = False,
) -> None:
    """Show the studies of a storage and how far they are."""
    from ensearch.cli import report as cli_report

    cli_report.status(study, storage, as_json)


@app.command()
@terminal.guarded
def report(
    study: Annotated[str, typer.Argument(help="Name of a study of the storage.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for CSV, JSON and PNG. (default: beside the storage)"),
    ] = None,
    storage: options.Storage = options.DEFAULT_STORAGE,
    as_json: options.AsJson = False,
) -> None:
    """Print the fronts and the crossover; write evaluations.csv, summary.json and tradeoff.png."""
    from ensearch.cli import report as cli_report

    cli_report.report(study, out, storage, as_json)


@app.command()
@terminal.guarded
def confirm(
    study: Annotated[str, typer.Argument(help="Name of a study of the storage.")],
    budgets: Annotated[
        str | None,
        typer.Option(help="FLOPs to compare at: 1e9,2e9. (default: those of the report)"),
    ] = None,
    top: Annotated[
        int, typer.Option(min=1, help="Best single networks, and ensembles, of each budget.")
    ] = 1,
    fewest: Annotated[
        int | None,
        typer.Option(min=1, help="Add next best ones up to so many finalists. (default: 12)"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of every member. (default: 4 x the search's)")
    ] = None,
    members: Annotated[
        int | None, typer.Option(min=1, help="Train at least so many of each. (default: 2)")
    ] = None,
    no_retrain: Annotated[
        bool, typer.Option("--no-retrain", help="Score the search's own members: optimistic.")
    ] = False,
    timeout: options.Timeout = None,
    workers: options.Workers = None,
    device: options.Device = None,
    launcher: options.LauncherName = "processes",
    ray_address: options.RayAddress = None,
    weights: options.KeepWeights = True,
    storage: options.Storage = options.DEFAULT_STORAGE,
    data_dir: options.DataDir = Path("data"),
    retrain_missing: options.RetrainMissing = False,
    take_over: options.TakeOver = False,
    as_json: options.AsJson = False,
) -> None:
    """Retrain the best with fresh seeds for longer and score them on test, once."""
    from ensearch.cli import confirm as cli_confirm

    flags = {
        "budgets": budgets,
        "top": top,
        "fewest": fewest,
        "epochs": epochs,
        "members": members,
        "no_retrain": no_retrain,
        "timeout": timeout,
        "workers": workers,
        "device": device,
        "ray_address": ray_address,
        "storage": storage,
        "data_dir": data_dir,
    }
    cli_confirm.confirm(
        study,
        flags,
        launcher=launcher,
        weights=weights,
        retrain_missing=retrain_missing,
        take_over=take_over,
        as_json=as_json,
    )


app.add_typer(pool_app.app)
app.command()(pool_app.front)


@app.command()
@terminal.guarded
def dashboard(
    study: Annotated[str | None, typer.Argument(help="Open at this study.")] = None,
    storage: options.Storage = options.DEFAULT_STORAGE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")] = 8080,
    allow_edit: Annotated[
        bool, typer.Option("--allow-edit", help="Let the page change and delete studies.")
    ] = False,
) -> None:
    """Serve the Optuna dashboard of a storage on this machine, read-only."""
    from ensearch.cli import report as cli_report

    cli_report.dashboard(study, storage, port, allow_edit)


@app.command()
@terminal.guarded
def cost(
    family: Annotated[str, typer.Argument(help="A family of networks, such as wide_resnet.")],
    width: Annotated[float | None, typer.Option(help="Width as the family counts it.")] = None,
    depth: Annotated[float | None, typer.Option(help="Depth as the family counts it.")] = None,
    resolution: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Pixels a side. (default: published)")
    ] = None,
    channels: Annotated[int, typer.Option(min=1, max=10_000, help="Of the input.")] = 3,
    classes: Annotated[
        int | None, typer.Option(min=2, max=10**6, help="Of the output. (default: published)")
    ] = None,
    members: Annotated[int, typer.Option(min=1, max=10**6, help="Of the ensemble.")] = 1,
    flops_per_mac: options.FlopsPerMac = None,
    as_json: options.AsJson = False,
) -> None:
    """Count the parameters and multiply-adds of a network or an ensemble."""
    from ensearch.cli import cost as cli_cost

    unit = flops_per_mac or 1
    cli_cost.cost(family, width, depth, resolution, channels, classes, members, unit, as_json)


@app.command()
@terminal.guarded
def spaces(as_json: options.AsJson = False) -> None:
    """List the search spaces that ship with ensearch."""
    from ensearch.search_space import space

    loaded = {name: space.load(name) for name in space.names()}
    lines = {name: s.summary for name, s in loaded.items()}
    _listing(lines | {f"{space.TIMM}NAME,...": "models of the package timm by name"}, as_json)


@app.command()
@terminal.guarded
def datasets(as_json: options.AsJson = False) -> None:
    """List the datasets that `--dataset` takes."""
    from ensearch import datasets as package

    _listing({name: package.get(name).SUMMARY for name in package.names()}, as_json)


def _listing(lines: dict[str, str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(lines, indent=2))
        return
    width = max(map(len, lines))
    for name, summary in lines.items():
        typer.echo(f"{name:<{width}}  {summary}")


def main() -> None:
    """Entry point of the `ensearch` command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a multiplication sign gets a question mark, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()
