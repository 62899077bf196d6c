"""`dashboard`: serve the Optuna dashboard of a storage."""

from typing import Annotated

import typer

from ensearch.cli import options
from ensearch.cli.terminal import guarded, say


@guarded
def dashboard(
    study: Annotated[str | None, typer.Argument(help="Open at this study.")] = None,
    storage: options.Storage = options.DEFAULT_STORAGE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")] = 8080,
    allow_edit: Annotated[
        bool, typer.Option("--allow-edit", help="Let the page change notes.")
    ] = False,
) -> None:
    """Serve the Optuna dashboard of a storage on this machine, read-only."""
    from ensearch.api.page import dashboard as serve

    serve(
        study,
        storage=storage,
        port=port,
        allow_edit=allow_edit,
        ready=lambda address: say(f"Optuna dashboard at {address} (stop with Ctrl-C)"),
    )
