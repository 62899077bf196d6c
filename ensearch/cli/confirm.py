"""`confirm`: retrain the best, score them on the test split, and show what was found."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ensearch import units
from ensearch.cli import options
from ensearch.cli.terminal import guarded, place, say, tell_json
from ensearch.cli.watch import watching
from ensearch.errors import UnfinishedError

if TYPE_CHECKING:
    from ensearch.api.confirmation import Confirmed

FINALISTS = "What to confirm"


@guarded
def confirm(
    study: options.Study,
    budgets: Annotated[
        str | None,
        typer.Option(
            help="The budgets at which to compare, in the unit of the study's budget: 1e9,2e9. "
            "(default: those of the report)",
            rich_help_panel=FINALISTS,
        ),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            help="At each budget, retrain this many of the best single networks and this many of "
            "the best ensembles.",
            rich_help_panel=FINALISTS,
        ),
    ] = 1,
    fewest: Annotated[
        int | None,
        typer.Option(
            help="Retrain at least this many configurations, by adding the next best ones. "
            "(default: 12)",
            rich_help_panel=FINALISTS,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Train every member for this many epochs. (default: 4 times those of the search)",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    members: Annotated[
        int | None,
        typer.Option(
            help="Train at least this many members of each network. (default: 2)",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    no_retrain: Annotated[
        bool,
        typer.Option(
            "--no-retrain",
            help="Score the members of the search instead of new ones. The result is too "
            "optimistic.",
            rich_help_panel=options.TRAINING,
        ),
    ] = False,
    distil: Annotated[
        bool,
        typer.Option(
            "--distil",
            help="Also train the best single network on the mean probabilities of the best "
            "ensemble in place of labels, and compare it with both.",
            rich_help_panel=FINALISTS,
        ),
    ] = False,
    retrain_missing: options.RetrainMissing = False,
    timeout: options.Timeout = None,
    settle: options.Settle = False,
    workers: options.Workers = None,
    device: options.Device = None,
    launcher: options.Launcher = None,
    ray_address: options.RayAddress = None,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    take_over: options.TakeOver = False,
    weights: options.Weights = None,
    as_json: options.AsJson = False,
) -> None:
    """Retrain the best configurations for longer, with new seeds, and score them on test images.

    Example: ensearch confirm digits-wide_resnet-2M --settle
    """
    from ensearch.api import confirmation

    with watching() as watch:
        try:
            confirmed = confirmation.confirm(
                study,
                budgets=budgets,
                top=top,
                fewest=fewest,
                epochs=epochs,
                members=members,
                retrain=not no_retrain,
                settle=settle,
                distil=distil,
                timeout=timeout,
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
            say(f"\n{error}")
            values = {"budgets": budgets, "top": None if top == 1 else top, "fewest": fewest}
            values |= {"epochs": epochs, "members": members}
            flags = {"no-retrain": no_retrain, "settle": settle, "distil": distil}
            say(f"go on     {_again(study, place(storage), values, flags)}")
            code = watch.interrupts.exit_code if watch.interrupts() else 0
            raise typer.Exit(code) from None
    _conclude(confirmed, as_json, place(storage), exports=not no_retrain and weights is not False)


def _again(study: str, here: str, values: Mapping[str, object], flags: Mapping[str, bool]) -> str:
    """Return the command that goes on with the same plan: other options would make another one."""
    said = {name: value for name, value in values.items() if value is not None}
    parts = [f"--{name} {shlex.quote(str(value))}" for name, value in said.items()]
    parts += [f"--{name}" for name, is_set in flags.items() if is_set]
    return " ".join([f"ensearch confirm {study}{here}", *parts])


def _conclude(confirmed: "Confirmed", as_json: bool, here: str, *, exports: bool) -> None:
    """Show what was found, write the files, and say what may be done next.

    `exports` says whether weights of the confirmation's own members were to be kept.
    """
    say("")
    if as_json:
        tell_json(confirmed.summary())
    else:
        from ensearch.api.results import LEAST_WIDTH

        console = Console()
        Console(width=max(console.width, LEAST_WIDTH)).print(confirmed.table())
    # After the table: a failure to write must not cost the user the result.
    folder = confirmed.write()
    say(f"\nwritten to {folder}: {', '.join(confirmed.file_names)}")
    conditions = confirmed.results.conditions
    if exports:
        say(f"export    ensearch export {conditions.study} --confirmed{here}")
    say(f"page      ensearch report {conditions.study}{here}    (shows the test images too)")
    if conditions.other_axis is not None:  # by FLOPs alone is anything mixed on test
        return
    budget = units.format_count(conditions.budget, 6)
    say(
        f"mix       ensearch front --pool confirmed:{conditions.study} --budget {budget} --test"
        f"{here}    (mixed ensembles and cascades; counts as another use of the test split)"
    )
