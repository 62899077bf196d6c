"""`dashboard`: serve the pages of a storage's studies, and Optuna's dashboard."""

from typing import Annotated

import typer

from ensearch.cli import options
from ensearch.cli.terminal import INTERRUPTED, guarded, say


@guarded
def dashboard(
    study: Annotated[
        str | None,
        typer.Argument(metavar="[STUDY]", help="The study to open. (default: a list of all)"),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            help="The port at which pages are served; 0 picks a free one.",
            rich_help_panel=options.RUNNING,
        ),
    ] = 8080,
    storage: options.Storage = None,
    allow_edit: Annotated[
        bool,
        typer.Option(
            "--allow-edit",
            help="Allow notes to be edited in the browser.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
) -> None:
    """Serve a page of every study, and Optuna's dashboard, on this machine.

    The page shows the answer and the figures, and follows a study that is running. Everything is
    read-only unless you say otherwise.

    Example: ensearch dashboard digits-wide_resnet-2M
    """
    from ensearch.api.page import dashboard as serve

    try:
        serve(
            study,
            storage=storage,
            port=port,
            allow_edit=allow_edit,
            ready=lambda address: say(f"dashboard at {address} (Ctrl-C ends it)"),
        )
    except KeyboardInterrupt:
        say("The dashboard is closed. Studies that run go on without it.")
        raise typer.Exit(INTERRUPTED) from None
