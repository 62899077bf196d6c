"""`pool import` and `add`: models that exist come into the pool."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensearch import units
from ensearch.cli import options
from ensearch.cli.terminal import guarded, note, say, tell
from ensearch.errors import UsageError

if TYPE_CHECKING:  # imported when a verb needs it
    from ensearch.api.pool import AddedModel

ChooseOn = Annotated[
    str,
    typer.Option(
        help="The images on which models are selected: held-out, which is half of the held-out "
        "images (the other half is test); or study, which are the validation images of studies "
        "with this --seed and without --limit-train or --val, for models that were trained "
        "without them.",
        rich_help_panel=options.MODELS,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        help="The seed by which the held-out images are halved, or that of the studies.",
        rich_help_panel=options.MODELS,
    ),
]
ClassOrder = Annotated[
    str | None,
    typer.Option(
        help="The order of classes in the model's output: dataset (that of the dataset), or plain "
        "(0, 1, 10, 2) or natural (0, 1, 2, 10) order of their names. (default: dataset; the "
        "model is refused where another order is right far more often)",
        rich_help_panel=options.MODELS,
    ),
]
OTHER_IMAGES = "--choose-on held-out of `pool add` and `pool images` takes other images as val"


@guarded
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="An npz file with the arrays named above, or a file of `pool export`.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="The name of the model in the pool.", rich_help_panel=options.MODELS),
    ] = None,
    macs: Annotated[
        str | None,
        typer.Option(
            help="How many multiply-adds the model takes for one image: 0.39e9, 390M.",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    params: Annotated[
        str | None,
        typer.Option(
            help="How many parameters the model has: 5.3M.", rich_help_panel=options.MODELS
        ),
    ] = None,
    network: Annotated[
        str,
        typer.Option(
            help="A name for the network itself. Give models the same one if only their training "
            "differs.",
            rich_help_panel=options.MODELS,
        ),
    ] = "",
    dataset: Annotated[
        str,
        typer.Option(
            help="The fingerprint of the images, or of the labels of val or test, that the rows "
            "must belong to, or its beginning.",
            rich_help_panel=options.MODELS,
        ),
    ] = "",
    class_order: ClassOrder = None,
    storage: options.Storage = None,
) -> None:
    """Import the predictions of a model that was trained anywhere, or a file of `pool export`.

    FILE is what numpy.savez(FILE, probs_val=, y_val=, probs_test=, y_test=, classes=) writes:
    probs_SPLIT, images x classes with rows that sum to 1, or logits_SPLIT instead; y_SPLIT, the
    labels 0, 1, ... in the order of the rows; and, if you like, classes, their names. Predictions
    are combined with others only where labels and their order are the same. `ensearch pool images`
    writes the images, in the order in which studies and `pool add` predict them.

    A FILE of `ensearch pool export` brings all that is known of its entries. It takes no other
    option than --storage.

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
        raise UsageError(
            f"{file} is no whole file of `ensearch pool export`, and predictions of one model need "
            "their --name and --macs."
        )
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


def _print_added(added: "AddedModel") -> None:
    right = "" if added.accuracy_val is None else f", {added.accuracy_val:.2%} right on val"
    tell(f"{added.name}: {units.format_count(added.macs)} multiply-adds{right}")


@guarded
def add(
    dataset: options.Dataset,
    timm: Annotated[
        str,
        typer.Option(
            help="The names of one or more models of timm: efficientnet_b0,resnet50.",
            rich_help_panel=options.MODELS,
        ),
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="A file of weights, .safetensors or of torch.save. (default: timm's pretrained "
            "weights)",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="The name in the pool, if only one model is added. (default: timm's name)",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Scale images to this many pixels a side first. (default: as they are)",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    normalise: Annotated[
        str | None,
        typer.Option(
            help="Whose mean and deviation normalise the images: dataset, or model (those of "
            "timm's weights). (default: model for pretrained weights, dataset for a checkpoint)",
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
    """Add models of timm to the pool: predict the images of a dataset and count the exact cost.

    A model that was trained on all training images has seen the val of studies, which is cut from
    them. So the held-out images are halved: models are selected on one half (val), and the other is
    their test.

    Inputs should be what the model was trained with. Images are those of the dataset, as `pool
    images` writes them. (folder: keeps the largest square in the middle of a picture, scaled by
    bicubic interpolation to the side behind the @; imagenet: keeps 87.5 % of that square.)
    --resolution scales these by bilinear interpolation. They are divided by 255 and normalised by
    a mean and a deviation, which a note names and `pool show` keeps.

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
