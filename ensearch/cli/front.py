"""`ensearch front`: search ensembles and cascades over the pool, without training."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ensearch import units
from ensearch.cli import options
from ensearch.cli.terminal import guarded, note, say, tell


@guarded
def front(
    pool: Annotated[
        str,
        typer.Option(
            help="Who takes part: all, names as tables show them, patterns such as 'eff*', "
            "study:NAME, confirmed:NAME, dataset:FINGERPRINT; '!eff*' leaves out. Several with "
            "commas."
        ),
    ],
    budget: Annotated[
        str, typer.Option(help="FLOPs (multiply-adds) per example: 5e9, 5G; or of --x.")
    ],
    dataset: Annotated[
        str,
        typer.Option(
            help="Only entries of this dataset: its name, such as digits or folder:PATH, or the "
            "beginning of a fingerprint."
        ),
    ] = "",
    budgets: Annotated[
        str | None,
        typer.Option(help="Also at these: 1e9,2e9. (default: halves of --budget, up to 8 in all)"),
    ] = None,
    measure: Annotated[
        str, typer.Option(help="When cascades stop, by: max probability, margin or entropy.")
    ] = "max",
    test: Annotated[
        bool, typer.Option("--test", help="Also score on test. This is recorded as a use of it.")
    ] = False,
    flops_per_mac: options.FlopsPerMac = None,
    x: options.Axis = units.FLOPS,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for CSV, JSON and PNG. (default: beside the storage)"),
    ] = None,
    storage: options.Storage = options.DEFAULT_STORAGE,
    as_json: options.AsJson = False,
) -> None:
    """Search ensembles and cascades over the pool, without training anything."""
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
        tell(json.dumps(fronts.summary(), indent=2, allow_nan=False))
    else:
        Console().print(fronts.table(), crop=False)
    # After the table: a failure to write must not cost the user the result.
    folder = fronts.write(out)
    say(f"\nwritten to {folder}: front.csv, front.json, front.png")
