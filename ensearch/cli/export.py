"""`export`: the winner of a study as a folder that needs no ensearch."""

from pathlib import Path
from typing import Annotated

import typer

from ensearch import units
from ensearch.cli import options
from ensearch.cli.terminal import guarded, note, say, tell, tell_json


@guarded
def export(
    study: options.StudyOrPool = None,
    pool: options.PoolInstead = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="The most that a prediction may cost, such as 5e9 or 5G, in the unit of the "
            "study's budget, and for a cascade in FLOPs. (default: the study's budget)",
            rich_help_panel=options.READING,
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            help="What to export: best (what `ensearch best` recommends); the best single, "
            "ensemble or cascade; or distilled, the network that `ensearch confirm --distil` "
            "trained.",
            rich_help_panel=options.READING,
        ),
    ] = "best",
    confirmed: Annotated[
        bool,
        typer.Option(
            "--confirmed",
            help="Export the members of the last confirmation, which were trained for longer.",
            rich_help_panel=options.READING,
        ),
    ] = False,
    measure: options.Measure = "max",
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The new folder to write. (default: one beside the storage)",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    onnx: Annotated[
        bool,
        typer.Option("--onnx/--no-onnx", help="Write model.onnx.", rich_help_panel=options.OUTPUT),
    ] = True,
    pt2: Annotated[
        bool,
        typer.Option(
            "--pt2",
            help="Write model.pt2 too, for torch.export.load.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Write the recommended model of a study as a folder that runs without ensearch.

    The folder appears once the exported model has predicted the same as the members in the storage.

    Example: ensearch export digits-wide_resnet-2M --budget 1M
    """
    from ensearch.api import export as api

    done = api.export(
        study,
        pool=pool,
        budget=budget,
        kind=kind,
        out=out,
        confirmed=confirmed,
        onnx=onnx,
        pt2=pt2,
        measure=measure,
        storage=storage,
        data_dir=data_dir,
        on_note=note,
        on_progress=say,
    )
    if as_json:
        tell_json(done.to_dict())
        return
    accuracy, low, high = (f"{100 * value:.2f}" for value in (done.accuracy, done.low, done.high))
    cost = units.format_count(done.multiply_adds)
    sizes = (f"{name} {units.format_count(size)}B" for name, size in done.files.items())
    for label, sentence in (
        ("model", f"{done.title}, {cost} multiply-adds"),
        ("accuracy", f"{accuracy} % on {done.split}, 95 % interval {low} to {high}"),
        (
            "verified",
            f"on {units.counted(done.images, 'image')} of val, without ensearch: probabilities "
            f"differ by at most {done.largest_difference:.1g}",
        ),
        ("files", ", ".join(sizes)),
        ("folder", str(done.folder)),
    ):
        tell(f"{label:<10}{sentence}")
