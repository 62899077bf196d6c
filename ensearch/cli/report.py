"""`report` and `status`: look at what a storage holds."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ensearch import units
from ensearch.cli import options
from ensearch.cli.run import show
from ensearch.cli.terminal import guarded, place, say

if TYPE_CHECKING:
    from ensearch.api.results import StudyStatus


@guarded
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
    from ensearch.api.results import results as results_of

    results = results_of(study, storage=storage)
    show(results, as_json)
    # After the table: a failure to write must not cost the user the result.
    folder = results.write(out)
    say(f"\nwritten to {folder}: evaluations.csv, summary.json, tradeoff.png")
    budget = units.format_count(results.conditions.budget, 6)
    # Not here: of 59 members on 2,500 images this report takes 0.4 s, those searches 7 s.
    say(f"combine   ensearch front --pool study:{study} --budget {budget}{place(storage)}")


@guarded
def status(
    study: Annotated[str | None, typer.Argument(help="One study; all if left out.")] = None,
    storage: options.Storage = options.DEFAULT_STORAGE,
    as_json: options.AsJson = False,
) -> None:
    """Show the studies of a storage and how far they are."""
    from ensearch.api.results import studies

    rows = studies(study, storage=storage)
    if as_json:
        typer.echo(json.dumps([row.to_dict() for row in rows], indent=2))
        return
    if not rows:
        example = f"ensearch run --budget 2e6 --dataset digits{place(storage)}"
        typer.echo(f"no studies yet. Begin with: {example}")
        return
    console, table = Console(), _table(rows)
    # A terminal that is too narrow for the names wraps whole lines.
    needed = Console(width=1000).measure(table).maximum
    Console(width=max(console.width, needed)).print(table)
    for failure in (failure for row in rows for failure in row.failures):
        typer.echo(f"member {failure.label} failed: {failure.reason}: {failure.detail}")


def _table(rows: "list[StudyStatus]") -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("study", "state", "trials", "failed", "members", "training", "since"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(
            Text(row.study),
            row.state,
            f"{row.trials_done} of {row.trials_asked or '?'}",
            str(row.trials_failed),
            str(row.members),
            units.format_count(row.train_macs),
            f"{row.created:%Y-%m-%d}",
        )
    return table
