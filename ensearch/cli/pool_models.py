"""`ensearch pool import`, `add` and `images`: models that exist come into the pool."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensearch import units
from ensearch.cli import options
from ensearch.cli.terminal import guarded, note, say, tell
from ensearch.errors import UsageError

if TYPE_CHECKING:  # imported when a verb needs it
    from ensearch.api.pool import AddedModel, ImageFile

ChooseOn = Annotated[
    str,
    typer.Option(
        help="What val is: held-out, half of the held-out images, the other half being test; or "
        "study, as in studies with this --seed and no --limit-train or --val, for models trained "
        "without that val.",
        rich_help_panel=options.MODELS,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        help="Seed of the halves, or of the studies whose val and test are meant.",
        rich_help_panel=options.MODELS,
    ),
]
ClassOrder = Annotated[
    str | None,
    typer.Option(
        help="Order of the model's columns: dataset, that of its classes; or plain (0, 1, 10, 2) "
        "or natural (0, 1, 2, 10) order of their names. (default: dataset, and refused where "
        "another is right far more often)",
        rich_help_panel=options.MODELS,
    ),
]
OTHER_IMAGES = "--choose-on held-out of `pool add` and `pool images` takes other images as val"


@guarded
def import_(
    file: Annotated[
        Path, typer.Argument(help="An npz file; see above for its arrays. Or of `pool export`.")
    ],
    name: Annotated[
        str | None,
        typer.Option(help="What the model is called in the pool.", rich_help_panel=options.MODELS),
    ] = None,
    macs: Annotated[
        str | None,
        typer.Option(
            help="Multiply-adds of one forward pass of one example: 0.39e9, 390M.",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    params: Annotated[
        str | None, typer.Option(help="Parameters: 5.3M.", rich_help_panel=options.MODELS)
    ] = None,
    network: Annotated[
        str,
        typer.Option(
            help="Equal for models that differ in their training only.",
            rich_help_panel=options.MODELS,
        ),
    ] = "",
    dataset: Annotated[
        str,
        typer.Option(
            help="Fingerprint of images, or of the labels of val or of test, that the rows must "
            "belong to; its beginning will do.",
            rich_help_panel=options.MODELS,
        ),
    ] = "",
    class_order: ClassOrder = None,
    storage: options.Storage = None,
) -> None:
    """Import predictions of any model, made anywhere, on val, test or both; or a whole archive.

    FILE is what numpy.savez(FILE, probs_val=, y_val=, probs_test=, y_test=, classes=) writes:
    probs_SPLIT, images x classes with rows that sum to 1, or logits_SPLIT instead; y_SPLIT, the
    labels 0, 1, ... in the order of the rows; classes, their names, if you like. Predictions are
    combined with others only where labels and their order are the same. `ensearch pool images`
    writes the images, in the order in which studies and `pool add` predict them.

    A FILE of `ensearch pool export` brings entries with all that is known of them: no option but
    --storage is for these.

    Example: ensearch pool import b0.npz --name b0 --macs 390M
    """
    from ensearch.api import pool

    if pool.is_archive(file):
        _refuse_options(name, macs, params, network or None, dataset or None, class_order)
        imported = pool.import_archive(file, storage=storage, on_note=note)
        for entry in (*imported.members, *imported.models):
            tell(entry)
        say(
            f"{units.counted(len(imported.members), 'member')} and "
            f"{units.counted(len(imported.models), 'model')} came into the pool"
        )
        return
    if name is None or macs is None:
        raise UsageError("a model of the file needs its --name and its --macs.")
    added = pool.import_predictions(
        file,
        name=name,
        macs=macs,
        params=params,
        network=network,
        dataset=dataset,
        class_order=class_order,
        storage=storage,
        on_note=note,
    )
    if added.may_have_seen_val:
        note(OTHER_IMAGES)
    _print_added(added)


def _refuse_options(*values: str | None) -> None:
    if any(value is not None for value in values):
        raise UsageError("an archive says itself what its entries are: name only --storage.")


@guarded
def export(
    query: Annotated[str, typer.Argument(help="What to export, as `front --pool` takes it: all.")],
    out: Annotated[
        Path,
        typer.Option(
            help="The file to write; one that is there stays.", rich_help_panel=options.OUTPUT
        ),
    ],
    storage: options.Storage = None,
    weights: Annotated[
        bool,
        typer.Option(
            "--weights/--no-weights",
            help="With the weights of trained members.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = True,
    as_json: options.AsJson = False,
) -> None:
    """Write members and models, with all their files, to a file that `pool import` takes.

    Example: ensearch pool export all --out pool.zip
    """
    from ensearch.api import pool

    archive = pool.export(query, out, weights=weights, storage=storage, on_note=note)
    if as_json:
        tell(json.dumps(archive.to_dict(), indent=2))
        return
    tell(
        f"{archive.path}: {units.counted(archive.members, 'member')} and "
        f"{units.counted(archive.models, 'model')}, {units.format_count(archive.size)}B"
    )
    say(
        f"To take them into another storage: ensearch pool import {archive.path} --storage OTHER.db"
    )


def _print_added(added: "AddedModel") -> None:
    right = "" if added.accuracy_val is None else f", {added.accuracy_val:.2%} right on val"
    tell(f"{added.name}: {units.format_count(added.macs)} multiply-adds{right}")


@guarded
def add(
    dataset: options.Dataset,
    timm: Annotated[
        str,
        typer.Option(
            help="Models of timm: efficientnet_b0,resnet50.", rich_help_panel=options.MODELS
        ),
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Weights, .safetensors or of torch.save. (default: timm's pretrained)",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="What one model is called in the pool. (default: timm's)",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Pixels a side to predict at. (default: as they are)",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    normalise: Annotated[
        str | None,
        typer.Option(
            help="By mean and deviation of: dataset, or model, those of timm's weights. (default: "
            "model for pretrained weights, dataset for a checkpoint)",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    class_order: ClassOrder = None,
    choose_on: ChooseOn = "held-out",
    seed: Seed = 0,
    device: options.Device = None,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
) -> None:
    """Score models that exist on images of a dataset, with their exact cost.

    A model that was trained on all training images has seen the val of studies, which is cut from
    them. So the held-out images are halved: models are selected on one half (val), and the other is
    their test.

    Inputs should be what the model was trained with. Images are those of the dataset, as `pool
    images` writes them (folder: keeps of an image the largest square in its middle, scaled by
    bicubic interpolation to the side behind the @; imagenet: 87.5 % of that square); --resolution
    scales these by bilinear interpolation. They are divided by 255, less mean, over deviation: a
    note says which, and `pool show` keeps it.

    Example: ensearch pool add --dataset folder:photos --timm resnet50
    """
    from ensearch.api import pool

    added = pool.add_model(
        dataset=dataset,
        timm=timm,
        checkpoint=checkpoint,
        name=name,
        resolution=resolution,
        normalise=normalise,
        class_order=class_order,
        choose_on=choose_on,
        seed=seed,
        device=device or "auto",
        data_dir=data_dir,
        storage=storage,
        on_note=note,
        on_progress=say,
        on_added=_print_added,
    )
    _advise(added)


def _advise(added: Sequence["AddedModel"]) -> None:
    """Say what to type if the models need other inputs or other images."""
    inputs = added[0].inputs
    if inputs is not None:
        others = "model" if inputs.normalised_by == "dataset" else "dataset"
        note(
            f"a model that was trained with mean and deviation of the {others} is added with "
            f"--normalise {others}"
        )
    if added[0].may_have_seen_val:
        note(OTHER_IMAGES)


@guarded
def images(
    dataset: options.Dataset,
    out: Annotated[
        Path,
        typer.Option(
            help="The npz file to write; one that is there stays.",
            rich_help_panel=options.OUTPUT,
        ),
    ],
    choose_on: ChooseOn = "held-out",
    seed: Seed = 0,
    train: Annotated[
        bool,
        typer.Option(
            "--train",
            help="Also x_train and y_train, which may be large: see above.",
            rich_help_panel=options.MODELS,
        ),
    ] = False,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
) -> None:
    """Write val and test of a dataset, to be predicted by any program for `pool import`.

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
