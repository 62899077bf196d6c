"""`compare`: two studies of a storage side by side."""

from typing import Annotated

import typer
from rich.console import Console

from ensearch.cli import options
from ensearch.cli.terminal import guarded, tell_json


@guarded
def compare(
    first: options.Study,
    second: Annotated[str, typer.Argument(metavar="OTHER", help="The name of another study.")],
    storage: options.Storage = None,
    as_csv: Annotated[
        bool,
        typer.Option(
            "--csv", help="Print a line for each budget as CSV.", rich_help_panel=options.OUTPUT
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show two studies side by side: what each would take at each budget, and how they differ.

    Example: ensearch compare digits-wide_resnet-2M digits-vit-2M
    """
    from ensearch.api import results

    compared = results.compare(first, second, storage=storage)
    if as_json:
        tell_json(compared.to_dict())
    elif as_csv:
        typer.echo(compared.csv(), nl=False)
    else:
        Console().print(compared.table())
