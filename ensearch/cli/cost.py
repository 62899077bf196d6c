"""`cost`: count the parameters and multiply-adds of a network or an ensemble."""

import json

import typer

from ensearch import families
from ensearch.cli.terminal import say
from ensearch.core import Range
from ensearch.errors import UsageError
from ensearch.search_space import space


def cost(
    family: str,
    width: float | None,
    depth: float | None,
    resolution: int | None,
    channels: int,
    classes: int | None,
    size: int,
    flops_per_mac: int,
    as_json: bool,
) -> None:
    if flops_per_mac not in (1, 2):
        raise UsageError(f"--flops-per-mac must be 1 or 2; got {flops_per_mac}.")
    if family in space.names() and family not in families.names():
        raise UsageError(
            f"{family} is a search space, of networks of family {space.load(family).family}: "
            "name that one, with --width and --depth."
        )
    from ensearch import cost as costs
    from ensearch.core import Architecture

    kind = families.get(family)
    width = _said("width", width, family, kind.WIDTHS)
    depth = _said("depth", depth, family, kind.DEPTHS)
    usual_resolution, usual_classes = kind.published(family, width, depth)
    classes = classes or usual_classes
    architecture = Architecture(
        family=family, width=width, depth=depth, resolution=resolution or usual_resolution
    )
    families.check(architecture)
    known = kind.known_as(architecture)
    one = costs.count_operators(architecture, channels, classes)
    whole = one.times(size)
    by_thop = costs.count_with_thop(architecture, channels, classes)
    difference = costs.disagreement(one.macs, by_thop)
    record = {
        "architecture": architecture.key,
        "known_as": known,
        "channels": channels,
        "classes": classes,
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
        name = f"{architecture.key} ({known})" if known else architecture.key
        typer.echo(f"{size} × {name}, {channels} channels, {classes} classes")
        typer.echo(f"parameters     {whole.params:,}")
        typer.echo(f"multiply-adds  {whole.macs:,} per example")
        if flops_per_mac == 2:
            typer.echo(f"FLOPs          {2 * whole.macs:,} per example (2 per multiply-add)")
    if difference is not None:
        say(
            f"note: thop counts {by_thop * size:,}, {difference:.1%} off. The count of operators "
            "stands: thop misses attention and functional operators."
        )


def _said(what: str, value: float | None, family: str, legal: Range) -> float:
    """The value; the only legal one, if there is but one, may be left out."""
    if value is not None:
        return value
    if len(legal) > 1:
        raise UsageError(
            f"--{what} is missing: {family} takes {legal.low:g} to {legal.high:g} in steps of "
            f"{legal.step:g}."
        )
    return legal[0]
