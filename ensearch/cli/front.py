"""`front`: search ensembles and cascades over the pool, without training."""

from typing import Annotated

import typer
from rich.console import Console

from ensearch import units
from ensearch.cli import options
from ensearch.cli.terminal import guarded, note, say, tell_json


@guarded
def front(
    pool: Annotated[
        str,
        typer.Option(
            help="A query that selects entries of the pool: all; names as tables show them; "
            "patterns such as 'eff*'; study:NAME, confirmed:NAME or dataset:FINGERPRINT. '!eff*' "
            "leaves entries out. Separate several with commas.",
            rich_help_panel=options.READING,
        ),
    ],
    budget: Annotated[
        str,
        typer.Option(
            help="The most FLOPs (multiply-adds) for one image, or the most in the unit of --x: "
            "5e9, 5G.",
            rich_help_panel=options.READING,
        ),
    ],
    dataset: Annotated[
        str,
        typer.Option(
            help="Take only entries of this dataset: its name, such as digits or folder:PATH, or "
            "the beginning of its fingerprint.",
            rich_help_panel=options.READING,
        ),
    ] = "",
    budgets: Annotated[
        str | None,
        typer.Option(
            help="Compare at these budgets too: 1e9,2e9. (default: a half, a quarter and so on of "
            "--budget, up to 8 budgets in all)",
            rich_help_panel=options.READING,
        ),
    ] = None,
    measure: options.Measure = "max",
    test: options.Test = False,
    x: options.Axis = units.FLOPS,
    storage: options.Storage = None,
    out: options.Folder = None,
    flops_per_mac: options.FlopsPerMac = None,
    as_json: options.AsJson = False,
) -> None:
    """Search ensembles and cascades of models that exist, without training anything.

    Example: ensearch front --pool all --budget 5e9
    """
    from ensearch.api import pool as api

    fronts = api.combine(
        pool=pool,
        dataset=dataset,
        budget=budget,
        budgets=budgets,
        measure=measure,
        test=test,
        flops_per_mac=1 if flops_per_mac is None else flops_per_mac,
        x=x,
        storage=storage,
        on_note=note,
        on_progress=say,
    )
    if as_json:
        tell_json(fronts.summary())
    else:
        Console().print(fronts.table(), crop=False)
    # After the table: a failure to write must not cost the user the result.
    folder = fronts.write(out)
    say(f"\nwritten to {folder}: front.csv, front.json, front.png")
