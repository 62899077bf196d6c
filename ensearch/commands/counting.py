"""`cost`: count the parameters and multiply-adds of a network or an ensemble."""

import json
from typing import Any

import typer

from ensearch.errors import UsageError
from ensearch.terminal import say


def cost(
    family: str,
    shape: dict[str, Any],
    channels: int,
    classes: int,
    size: int,
    flops_per_mac: int,
    as_json: bool,
) -> None:
    from ensearch import cost as costs
    from ensearch.core import Architecture

    if flops_per_mac not in (1, 2):
        raise UsageError(f"--flops-per-mac must be 1 or 2; got {flops_per_mac}.")
    architecture = Architecture(family=family, **shape)
    one = costs.count(architecture, channels, classes)
    whole = one.times(size)
    by_thop = costs.count_with_thop(architecture, channels, classes)
    difference = costs.disagreement(one.macs, by_thop)
    record = {
        "architecture": architecture.key,
        "members": size,
        "parameters": whole.params,
        "multiply_adds_per_example": whole.macs,
        "flops_per_example": whole.macs * flops_per_mac,
        "flops_per_multiply_add": flops_per_mac,
        "multiply_adds_per_example_by_thop": by_thop * size,
    }
    if as_json:
        typer.echo(json.dumps(record, indent=2))
    else:
        typer.echo(f"{size} × {architecture.key}, {channels} channels, {classes} classes")
        typer.echo(f"parameters     {whole.params:,}")
        typer.echo(f"multiply-adds  {whole.macs:,} per example")
        if flops_per_mac == 2:
            typer.echo(f"FLOPs          {2 * whole.macs:,} per example (2 per multiply-add)")
    if difference is not None:
        say(
            f"note: thop counts {by_thop * size:,}, {difference:.1%} off. The count of operators "
            "stands: thop misses attention and functional operators."
        )
