"""`settle`: train more members to decide what is undecided, and show what is known then."""

from typing import Annotated

import typer

from ensearch.cli import options
from ensearch.cli.run import conclude
from ensearch.cli.terminal import guarded
from ensearch.cli.watch import watching


@guarded
def settle(
    study: options.Study,
    cost: Annotated[
        float | None,
        typer.Option(
            help="The most to spend, as a multiple of what the training of the search has cost. "
            "(default: 1)",
            rich_help_panel=options.STOPPING,
        ),
    ] = None,
    timeout: options.Timeout = None,
    workers: options.Workers = None,
    device: options.Device = None,
    launcher: options.Launcher = None,
    ray_address: options.RayAddress = None,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    take_over: options.TakeOver = False,
    retrain_missing: options.RetrainMissing = False,
    margin: options.Margin = None,
    weights: options.Weights = None,
    as_json: options.AsJson = False,
) -> None:
    """Train more members of a study to decide what is undecided.

    The same command again goes on where it was stopped.

    Example: ensearch settle digits-wide_resnet-2M --cost 0.5
    """
    from ensearch.api import settlement

    with watching() as watch:
        results = settlement.settle(
            study,
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
            retrain_missing=retrain_missing,
            take_over=take_over,
            on_event=watch,
            is_interrupted=watch.interrupts,
        )
        conclude(results, watch, storage, as_json)
