"""`predict`: classify pictures or arrays with an exported model."""

import csv
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ensearch.cli import options
from ensearch.cli.terminal import guarded, say, tell_json

EVERY = 5.0  # seconds between two lines of progress


@guarded
def predict(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder that `ensearch export` wrote.")
    ],
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES...", help="Pictures, folders of pictures, .npz or .npy files."
        ),
    ],
    members: Annotated[
        int | None,
        typer.Option(
            help="Use only this many members of the ensemble, the first ones. (default: all)",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    batch: Annotated[
        int,
        typer.Option(
            help="How many images are predicted at a time.", rich_help_panel=options.RUNNING
        ),
    ] = 64,
    runtime: Annotated[
        str,
        typer.Option(
            help="What runs the model: torch, onnx, or auto, which is onnx where that is "
            "installed.",
            rich_help_panel=options.RUNNING,
        ),
    ] = "auto",
    workers: Annotated[
        int,
        typer.Option(
            help="How many members run side by side, with torch: in processes, or on streams of a "
            "GPU.",
            rich_help_panel=options.RUNNING,
        ),
    ] = 1,
    device: Annotated[
        str,
        typer.Option(
            help="Where torch runs: cpu, cuda, or auto, which is a GPU where there is one.",
            rich_help_panel=options.RUNNING,
        ),
    ] = "cpu",
    as_json: options.AsJson = False,
) -> None:
    """Print the class and the probabilities of images, as CSV.

    The program model.py of the folder is run, so name a folder that you trust. Pictures that cannot
    be read are named and left out, and the exit code is then 5.

    Example: ensearch predict exported photo.png
    """
    from ensearch.api import export as api

    skipped: list[str] = []
    told = time.monotonic()

    def progress(text: str) -> None:
        nonlocal told
        if time.monotonic() - told >= EVERY:
            told = time.monotonic()
            say(text)

    model = api.load_exported(folder, runtime=runtime, workers=workers, device=device)
    found = model.classify(
        images, members=members, batch=batch, skipped=skipped, on_progress=progress
    )
    count = 0
    if as_json:
        rows = [each.to_dict() for each in found]
        count = len(rows)
        tell_json({"classes": model.classes, "images": rows})
    else:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        heads = ["image", "class", "probability", *model.classes]
        for each in found:
            if count == 0:  # only now: before it images may be refused
                writer.writerow(heads)
            count += 1
            probs = (f"{p:.6f}" for p in each.probabilities)
            writer.writerow([each.image, each.name, f"{each.probability:.6f}", *probs])
        if count == 0:  # an array of no images, or pictures that cannot be read
            writer.writerow(heads)
    for line in skipped:
        say(f"left out: {line}")
    if skipped:
        say(f"{len(skipped)} of {len(skipped) + count} images cannot be read")
        raise typer.Exit(5)
