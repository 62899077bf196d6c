"""The `ensearch` command: its verbs, each in a module of its own.

stdout carries the result, stderr the progress and the errors. Nothing heavy is imported before a
verb needs it, so that `--help` answers at once.
"""

import io
import os
import sys
from typing import Annotated

import typer

from ensearch import __version__
from ensearch.cli import (
    best,
    compare,
    confirm,
    cost,
    dashboard,
    export,
    front,
    latency,
    lists,
    pool,
    pool_files,
    pool_models,
    predict,
    report,
    run,
    settle,
    study,
    terminal,
)
from ensearch.cli._help_page import Command, Group

app = typer.Typer(
    name="ensearch",
    cls=Group,
    help="Find out whether one bigger network or an ensemble of smaller ones is better for your "
    "images and your budget of FLOPs.\n\nExample: ensearch run --dataset digits --budget 2e6",
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
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version of ensearch.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    terminal.debug.wanted = debug
    try:
        os.getcwd()
    except OSError:
        terminal.say("error: the current folder does not exist any more. Change to another one.")
        raise typer.Exit(1) from None


# In the order in which `ensearch --help` lists them.
SEARCHING, READING, TAKING = "Search", "Read what was found", "Take the winner"
COMBINING, BEFORE = "Combine what is trained", "Before a search"
VERBS = {
    SEARCHING: (run.run, run.resume, settle.settle, confirm.confirm),
    READING: (
        report.status,
        report.report,
        best.best,
        compare.compare,
        dashboard.dashboard,
        latency.latency,
    ),
    TAKING: (export.export, predict.predict),
    COMBINING: (front.front,),
    BEFORE: (cost.cost, lists.spaces, lists.datasets),
}
for panel, verbs in VERBS.items():
    for verb in verbs:
        app.command(cls=Command, rich_help_panel=panel)(verb)
app.add_typer(study.app, rich_help_panel=READING)
app.add_typer(pool.app, rich_help_panel=COMBINING)
pool.app.command("import", cls=Command)(pool_models.import_)
pool.app.command(cls=Command)(pool_models.add)
pool.app.command(cls=Command)(pool_files.images)
pool.app.command(cls=Command)(pool_files.export)


def main() -> None:
    """Entry point of the `ensearch` command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a multiplication sign gets a question mark, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()
