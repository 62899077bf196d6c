"""The verbs on the pool: `ensearch pool ...` and `ensearch front`."""

from pathlib import Path
from typing import Annotated

import typer

from ensearch.cli import options, terminal

app = typer.Typer(
    name="pool",
    help="Trained members and models of others: what can be combined without training.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Name = Annotated[str, typer.Argument(help="As `ensearch pool list` shows it.")]
ChooseOn = Annotated[
    str,
    typer.Option(
        help="What val is: held-out, half of the held-out images, the other half being test; or "
        "study, as in studies with this --seed, for models trained without that val."
    ),
]
Seed = Annotated[int, typer.Option(help="Of the halves, or of the studies whose val it is.")]


@app.command("list")
@terminal.guarded
def list_(
    test: Annotated[
        bool, typer.Option("--test", help="Also on test. This is recorded as an opening of it.")
    ] = False,
    storage: options.Storage = options.DEFAULT_STORAGE,
    as_json: options.AsJson = False,
) -> None:
    """Show members, by network, and models, with cost and accuracy (JSON: every entry)."""
    from ensearch.cli import pool as cli_pool

    cli_pool.listed(storage, test, as_json)


@app.command()
@terminal.guarded
def show(
    name: Name,
    test: Annotated[
        bool, typer.Option("--test", help="Also on test. This is recorded as an opening of it.")
    ] = False,
    storage: options.Storage = options.DEFAULT_STORAGE,
    as_json: options.AsJson = False,
) -> None:
    """Show an entry or all of a network: what its rows belong to and which studies use it."""
    from ensearch.cli import pool as cli_pool

    cli_pool.show(name, test, storage, as_json)


@app.command("import")
@terminal.guarded
def import_(
    file: Annotated[Path, typer.Argument(help="An npz file; see above for its arrays.")],
    name: Annotated[str, typer.Option(help="What the model is called in the pool.")],
    macs: Annotated[
        str, typer.Option(help="Multiply-adds of one forward pass of one example: 0.39e9, 390M.")
    ],
    params: Annotated[str | None, typer.Option(help="Parameters: 5.3M.")] = None,
    network: Annotated[
        str, typer.Option(help="Equal for models that differ in their training only.")
    ] = "",
    dataset: Annotated[
        str,
        typer.Option(
            help="Fingerprint of images, or of the labels of val or of test, that the rows must "
            "belong to; its beginning will do."
        ),
    ] = "",
    storage: options.Storage = options.DEFAULT_STORAGE,
) -> None:
    """Bring predictions of any model, made anywhere, on val, test or both.

    FILE is what numpy.savez(FILE, probs_val=, y_val=, probs_test=, y_test=, classes=) writes:
    probs_SPLIT, images x classes with rows that sum to 1, or logits_SPLIT instead; y_SPLIT, the
    labels 0, 1, ... in the order of the rows; classes, their names, if you like. Predictions are
    combined with others only where labels and their order are the same. `ensearch pool images`
    writes the images, in the order in which studies and `pool add` predict them.
    """
    from ensearch.cli import pool_import

    pool_import.imported(file, name, macs, params, network, dataset, storage)


@app.command()
@terminal.guarded
def add(
    dataset: Annotated[str, typer.Option(help="From `ensearch datasets`, such as folder:PATH.")],
    timm: Annotated[str, typer.Option(help="Models of timm: efficientnet_b0,resnet50.")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Weights, .safetensors or of torch.save. (default: timm's pretrained)"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What one model is called in the pool. (default: timm's)")
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Pixels a side to predict at. (default: as they are)"),
    ] = None,
    normalise: Annotated[
        str | None,
        typer.Option(
            help="By mean and deviation of: dataset, or model, those of timm's weights. (default: "
            "model for pretrained weights, dataset for a checkpoint)"
        ),
    ] = None,
    choose_on: ChooseOn = "held-out",
    seed: Seed = 0,
    device: options.Device = None,
    data_dir: options.DataDir = Path("data"),
    storage: options.Storage = options.DEFAULT_STORAGE,
) -> None:
    """Score models that exist on images of a dataset, with their exact cost.

    A model that was trained on all training images has seen the val of studies, which is cut from
    them. So the held-out images are halved: on one half (val) models are chosen, the other is their
    test.

    Inputs should be what the model was trained with. Images are those of the dataset, as `pool
    images` writes them (folder: keeps of a picture the largest square in its middle, scaled by
    bicubic interpolation to the side behind the @; imagenet: 87.5 % of that square); --resolution
    scales these by bilinear interpolation. They are divided by 255, less mean, over deviation: a
    note says which, and `pool show` keeps it.
    """
    from ensearch.cli import pool_import

    pool_import.added(
        dataset,
        timm,
        checkpoint,
        name,
        resolution,
        normalise,
        choose_on,
        seed,
        device,
        data_dir,
        storage,
    )


@app.command()
@terminal.guarded
def images(
    dataset: Annotated[str, typer.Option(help="From `ensearch datasets`, such as folder:PATH.")],
    out: Annotated[Path, typer.Option(help="The npz file to write; one that is there stays.")],
    choose_on: ChooseOn = "held-out",
    seed: Seed = 0,
    train: Annotated[
        bool,
        typer.Option("--train", help="Also x_train and y_train, which may be large: see above."),
    ] = False,
    data_dir: options.DataDir = Path("data"),
    storage: options.Storage = options.DEFAULT_STORAGE,
) -> None:
    """Write val and test of a dataset, to be predicted by any program for `pool import`.

    The file holds x_val, y_val, x_test, y_test and classes: images as bytes, N x R x R x C, in the
    order in which predictions are expected. The storage keeps the labels, so that an import is
    known to be of these images. With --train it holds x_train and y_train too, all other images,
    for models that are to be trained without those that judge them (ImageNet: 193 GB).
    """
    from ensearch.cli import pool_import

    pool_import.images(dataset, choose_on, seed, train, out, data_dir, storage)


@app.command()
@terminal.guarded
def remove(
    names: Annotated[list[str], typer.Argument(help="As `ensearch pool list --json` shows them.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also members that evaluations of studies use.")
    ] = False,
    storage: options.Storage = options.DEFAULT_STORAGE,
) -> None:
    """Take models or trained members out of the storage, with their files."""
    from ensearch.cli import pool as cli_pool

    cli_pool.removed(names, force, storage)


@app.command()
@terminal.guarded
def verify(
    storage: options.Storage = options.DEFAULT_STORAGE, as_json: options.AsJson = False
) -> None:
    """Check every entry: files whole, numbers finite, rows of the labels, content unchanged."""
    from ensearch.cli import pool as cli_pool

    cli_pool.verify(storage, as_json)


@terminal.guarded
def front(
    pool: Annotated[
        str,
        typer.Option(
            help="Who takes part: all, names as tables show them, patterns such as 'eff*', "
            "study:NAME, confirmed:NAME, dataset:FINGERPRINT; '!eff*' leaves out. Several with "
            "commas."
        ),
    ],
    budget: Annotated[str, typer.Option(help="FLOPs (multiply-adds) per example: 5e9, 5G.")],
    budgets: Annotated[
        str | None,
        typer.Option(help="Also at these: 1e9,2e9. (default: halves of --budget, up to 8 in all)"),
    ] = None,
    measure: Annotated[
        str, typer.Option(help="When cascades stop, by: max probability, margin or entropy.")
    ] = "max",
    test: Annotated[
        bool, typer.Option("--test", help="Also score on test. This is recorded as an opening.")
    ] = False,
    flops_per_mac: options.FlopsPerMac = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for CSV, JSON and PNG. (default: beside the storage)"),
    ] = None,
    storage: options.Storage = options.DEFAULT_STORAGE,
    as_json: options.AsJson = False,
) -> None:
    """Search ensembles and cascades over the pool, without training anything."""
    from ensearch.cli import front as cli_front

    unit = flops_per_mac or 1
    cli_front.front(pool, budget, budgets, measure, test, unit, out, storage, as_json)
