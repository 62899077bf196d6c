"""`settle`: train more members where they decide most, and show what is known then."""

from pathlib import Path
from typing import Annotated

import typer

from ensearch.cli import options
from ensearch.cli.run import conclude
from ensearch.cli.terminal import guarded
from ensearch.cli.watch import watching


@guarded
def settle(
    study: Annotated[str, typer.Argument(help="Name of a study of the storage.")],
    margin: options.Margin = None,
    cost: Annotated[
        float | None,
        typer.Option(help="Times the training of the search to spend at most. (default: 1)"),
    ] = None,
    timeout: options.Timeout = None,
    workers: options.Workers = None,
    device: options.Device = None,
    launcher: options.LauncherName = "processes",
    ray_address: options.RayAddress = None,
    weights: options.KeepWeights = True,
    storage: options.Storage = options.DEFAULT_STORAGE,
    data_dir: options.DataDir = Path("data"),
    retrain_missing: options.RetrainMissing = False,
    take_over: options.TakeOver = False,
    as_json: options.AsJson = False,
) -> None:
    """Train more members where they decide most; run it again to go on."""
    from ensearch.api import settlement

    asked = settlement.SettleOptions(
        margin=margin,
        cost=cost,
        timeout=timeout,
        workers=workers,
        device=device,
        launcher=launcher,
        ray_address=ray_address,
        weights=weights,
        storage=storage,
        data_dir=data_dir,
    )
    with watching() as watch:
        results = settlement.settle_from(
            study,
            asked,
            retrain_missing=retrain_missing,
            take_over=take_over,
            on_event=watch,
            is_interrupted=watch.interrupts,
        )
        conclude(results, watch, storage, as_json)
