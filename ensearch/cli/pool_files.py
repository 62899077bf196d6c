"""`pool images` and `export`: files to predict, and files for other storages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensearch import units
from ensearch.cli import options
from ensearch.cli.pool_models import OTHER_IMAGES, ChooseOn, Seed
from ensearch.cli.terminal import argument, guarded, note, say, tell, tell_json

if TYPE_CHECKING:  # imported when a verb needs it
    from ensearch.api.pool import ImageFile


@guarded
def images(
    dataset: options.Dataset,
    out: Annotated[
        Path,
        typer.Option(
            help="The npz file to write. A file that exists is not replaced.",
            rich_help_panel=options.OUTPUT,
        ),
    ],
    choose_on: ChooseOn = "held-out",
    seed: Seed = 0,
    train: Annotated[
        bool,
        typer.Option(
            "--train",
            help="Write x_train and y_train too, which may be large.",
            rich_help_panel=options.MODELS,
        ),
    ] = False,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
) -> None:
    """Write the images of a dataset that predictions for `pool import` must be of.

    The file holds x_val, y_val, x_test, y_test and classes: images as bytes, N x R x R x C, in the
    order in which predictions are expected. The storage keeps the labels, so that an import is
    known to be of these images. With --train it holds x_train and y_train too, all other images,
    for models that are to be trained without those that judge them (ImageNet: 193 GB).

    Example: ensearch pool images --dataset folder:photos --out photos.npz
    """
    from ensearch.api import pool

    file = pool.write_images(
        dataset=dataset,
        out=out,
        choose_on=choose_on,
        seed=seed,
        train=train,
        data_dir=data_dir,
        storage=storage,
        on_note=note,
    )
    if choose_on == "study":
        note(OTHER_IMAGES)
    _print_images(file)


def _print_images(file: "ImageFile") -> None:
    shape = f"{file.side} x {file.side} x {file.channels} uint8"
    for split in ("val", "test"):
        say(
            f"{split:<8}  x_{split} {file.images[split]:,} x {shape}, y_{split}; predict them in "
            f"this order as probs_{split} or logits_{split}, columns in the order of classes"
        )
    if "train" in file.images:
        say(f"train     x_train {file.images['train']:,} x {shape}, y_train")
    else:
        note(f"--train adds the {file.to_train_on:,} images to train on, x_train and y_train")
    tell(f"{file.path}")


@guarded
def export(
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help="A query that selects what to export, such as all; `ensearch front --help` "
            "explains it.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="The file to write. A file that exists is not replaced.",
            rich_help_panel=options.OUTPUT,
        ),
    ],
    storage: options.Storage = None,
    weights: Annotated[
        bool,
        typer.Option(
            "--weights/--no-weights",
            help="Include the weights of trained members.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = True,
    as_json: options.AsJson = False,
) -> None:
    """Write members and models, with all their files, to a file that `pool import` takes.

    Example: ensearch pool export all --out pool.zip
    """
    from ensearch.api import pool

    with argument("pool", "QUERY"):
        archive = pool.export(query, out, weights=weights, storage=storage, on_note=note)
    if as_json:
        tell_json(archive.to_dict())
        return
    tell(
        f"{archive.path}: {units.counted(archive.members, 'member')} and "
        f"{units.counted(archive.models, 'model')}, {units.format_count(archive.size)}B"
    )
    say(
        f"To take them into another storage: ensearch pool import {archive.path} --storage OTHER.db"
    )
