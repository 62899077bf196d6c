"""The models of the package timm by name: `timm:resnet18`. Width and depth are 1, as the name says.

They start from fresh weights: a name with a dot, `resnet18.a1_in1k`, is of pretrained ones and is
refused. Models that take images of one size only are built for the resolution of the data; those
that cannot be are refused when they are counted, before anything trains.
"""

import difflib
from typing import Any

import timm
from torch import nn

from ensearch.core import Architecture, Range
from ensearch.errors import UsageError
from ensearch.families._pretrained import configuration

SUMMARY = "a model of the package timm by its name, such as timm:resnet18"
ARGUMENT = "NAME"
WIDTHS = DEPTHS = Range(low=1, high=1, step=1)
MIN_RESOLUTION = 8  # most need more, and say so when they are counted


def published(name: str, width: float, depth: float) -> tuple[int, int]:
    """The side and classes of its pretrained weights, if timm has some, else 224 and 1000."""
    known = configuration(name.partition(":")[2])
    return (224, 1000) if known is None else (known.input_size[-1], known.num_classes or 1000)


def known_as(architecture: Architecture) -> str:
    return ""


def build(architecture: Architecture, channels: int, classes: int) -> nn.Module:
    """The model of that name with fresh weights.

    Raises UsageError if timm has no such model, with the nearest names, or cannot build it so.
    """
    name = architecture.family.partition(":")[2]
    if name not in timm.list_models():
        raise UsageError(_unknown(name))
    known = configuration(name)
    how: dict[str, Any] = {"num_classes": classes, "in_chans": channels}
    if known is not None and known.fixed_input_size:
        how["img_size"] = architecture.resolution
    try:
        model = timm.create_model(name, **how)
    except Exception as error:  # whatever a model's author checks, and how
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(
            f"timm cannot build {name} for {channels} x {architecture.resolution} x "
            f"{architecture.resolution} pixels and {classes} classes: {first}. Take another model, "
            "or another resolution."
        ) from error
    return model


def layers(architecture: Architecture, channels: int, classes: int) -> None:
    """None: only building the model tells."""


def _unknown(name: str) -> str:
    plain, dot, _ = name.partition(".")
    if dot and timm.is_model(plain):
        return (
            f"timm:{name} names pretrained weights, and members start from fresh ones: "
            f"write timm:{plain}."
        )
    near = difflib.get_close_matches(name, timm.list_models(), n=5, cutoff=0.5)
    nearest = f" Nearest: {', '.join(near)}." if near else ""
    return (
        f"timm {timm.__version__} has no model {name!r}.{nearest} "
        "python -c 'import timm; print(*timm.list_models())' lists all."
    )
