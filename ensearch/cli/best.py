"""`best`: which configuration to take within a budget, and how sure that is."""

import json
from typing import Annotated

import typer

from ensearch.cli import options
from ensearch.cli.terminal import guarded, tell


@guarded
def best(
    study: Annotated[str, typer.Argument(help="Name of a study of the storage.")],
    budget: Annotated[
        str | None,
        typer.Option(
            help="In the unit of the study's budget, or of --x: 5e9, 5G. (default: the study's)"
        ),
    ] = None,
    margin: options.Margin = None,
    x: options.OwnAxis = None,
    storage: options.Storage = options.DEFAULT_STORAGE,
    as_json: options.AsJson = False,
) -> None:
    """Say which configuration to take within a budget, and how sure that is."""
    from ensearch.api import results

    answer = results.best(study, budget=budget, margin=margin, x=x, storage=storage)
    tell(json.dumps(answer.to_dict(), indent=2) if as_json else str(answer))
