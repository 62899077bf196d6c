"""`cost`: count the parameters and multiply-adds of a network or an ensemble."""

from typing import Annotated

import typer

from ensearch.cli import options
from ensearch.cli.terminal import guarded, note, tell, tell_json

NETWORK = "The network"


@guarded
def cost(
    family: Annotated[
        str,
        typer.Argument(
            metavar="FAMILY",
            help="The family of the network: wide_resnet, resnet_cifar, efficientnet, vit or "
            "timm:NAME.",
        ),
    ],
    width: Annotated[
        float | None,
        typer.Option(
            help="The width: a multiple of the usual channels, or the embedding of a vit.",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    depth: Annotated[
        float | None,
        typer.Option(
            help="The depth: layers, a multiple of the blocks of an efficientnet, or the blocks "
            "of a vit.",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Pixels a side of the input images. (default: those of the publication)",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    channels: Annotated[
        int,
        typer.Option(
            min=1,
            max=10_000,
            help="How many channels the input images have.",
            rich_help_panel=NETWORK,
        ),
    ] = 3,
    classes: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=10**6,
            help="How many classes there are. (default: those of the publication)",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    members: Annotated[
        int,
        typer.Option(
            min=1, max=10**6, help="How many members the ensemble has.", rich_help_panel=NETWORK
        ),
    ] = 1,
    flops_per_mac: options.FlopsPerMac = None,
    as_json: options.AsJson = False,
) -> None:
    """Count the parameters and multiply-adds of a network or an ensemble.

    Example: ensearch cost wide_resnet --width 10 --depth 28
    """
    from ensearch.api.counting import count

    counted = count(
        family,
        width=width,
        depth=depth,
        resolution=resolution,
        channels=channels,
        classes=classes,
        members=members,
        flops_per_mac=1 if flops_per_mac is None else flops_per_mac,
    )
    if as_json:
        tell_json(counted.to_dict())
    else:
        key = counted.architecture.key
        name = f"{key} ({counted.known_as})" if counted.known_as else key
        tell(f"{members} × {name}, {counted.channels} channels, {counted.classes} classes")
        tell(f"parameters     {counted.params:,}")
        tell(f"multiply-adds  {counted.macs:,} per example")
        if counted.flops_per_mac == 2:
            tell(f"FLOPs          {counted.flops:,} per example (2 per multiply-add)")
    if counted.disagreement is not None:
        note(
            f"thop counts {counted.by_thop:,}, {counted.disagreement:.1%} off. The count of "
            "operators stands: thop misses attention and functional operators."
        )
