"""`latency`: measure how long configurations take for an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ensearch import units
from ensearch.cli import options
from ensearch.cli._console_table import TableRow, print_rows
from ensearch.cli.terminal import guarded, note, say, tell, tell_json

if TYPE_CHECKING:
    from ensearch.api.latency import MeasuredLatencies, MeasuredLatency

MEASURING = "How to measure"


@guarded
def latency(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY|FOLDER]",
            help="A study, all of whose configurations are measured; or a folder that `ensearch "
            "export` wrote, of which the first 1, 2, ... members are measured.",
        ),
    ] = None,
    pool: options.PoolInstead = None,
    batch: Annotated[
        str,
        typer.Option(
            help="How many images come at a time; separate several numbers with commas.",
            rich_help_panel=MEASURING,
        ),
    ] = "1,64",
    threads: Annotated[
        int,
        typer.Option(help="How many threads of the processor compute.", rich_help_panel=MEASURING),
    ] = 1,
    runtime: Annotated[
        str,
        typer.Option(
            help="What runs the networks: torch, or onnx (ONNX Runtime, on a CPU).",
            rich_help_panel=MEASURING,
        ),
    ] = "torch",
    device: options.Device = None,
    storage: options.Storage = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure how many milliseconds configurations take for an image.

    Networks are built with random weights, since time does not depend on them. Reports show the
    times from then on. Networks of the pool are measured one by one.

    Example: ensearch latency digits-wide_resnet-2M --batch 1,64
    """
    from ensearch.api.latency import measure_latency

    folder = Path(study) if study is not None and (Path(study) / "config.json").exists() else None
    measured = measure_latency(
        study if folder is None else None,
        pool=pool,
        folder=folder,
        batch=batch,
        threads=threads,
        runtime=runtime,
        device=device,
        storage=storage,
        on_note=note,
        on_progress=say,
    )
    if as_json:
        tell_json(measured.to_dict())
        return
    _print(measured)


def _print(measured: "MeasuredLatencies") -> None:
    batches = measured.batches
    tell(f"Milliseconds an image on {measured.where}.")
    tell("Spread: how far the medians of the rounds are apart. p95: the 95th percentile.")
    heads = [head for b in batches for head in (f"ms@{b}", "spread", "p95")]
    names = TableRow(name="configuration", cells=("FLOPs", *heads), last="")
    print_rows(names, [_row(row, batches) for row in measured.rows], Console())
    if measured.widest:
        tell(measured.widest)


def _row(row: "MeasuredLatency", batches: tuple[int, ...]) -> TableRow:
    cells = [units.format_count(row.macs)]
    for batch in batches:
        record = row.times[batch]
        spread = f"{(record.high - record.low) / record.ms:.0%}"
        cells += [f"{record.ms:.3g}", spread, f"{record.ms_p95:.3g}"]
    return TableRow(name=row.label, cells=tuple(cells), last="")
