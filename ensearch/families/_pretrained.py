"""Pretrained models of timm, with what they expect of an image."""

from dataclasses import dataclass
from typing import Any

import timm
from torch import nn

from ensearch.errors import UnavailableError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pretrained:
    """A model with pretrained weights, which `tag` names."""

    model: nn.Module
    tag: str


def configuration(name: str) -> Any:
    """What timm says of the weights of a model, or of those that a tag names; None if nothing."""
    if not timm.is_model(name.partition(".")[0]):
        return None
    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError:  # no weights have that tag
        return None


def statistics(name: str, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation that timm's weights of a model were made with.

    Per channel, in grey levels of 0..255. Raises UsageError where timm does not say them.
    """
    known = configuration(name)
    if known is None or not known.mean or not known.std:
        raise UsageError(
            f"timm {timm.__version__} says no mean and deviation of {name!r}.",
            problem="no_published_statistics",
        )
    mean, std = (
        tuple(255 * value for value in (values * channels)[:channels])
        for values in (tuple(known.mean), tuple(known.std))
    )
    return mean, std


def pretrained(name: str, channels: int, classes: int, resolution: int) -> Pretrained:
    """The model with weights that timm finds on this machine or downloads.

    Raises UsageError where timm has none or they are of another number of classes, and
    UnavailableError where they cannot be had.
    """
    known = configuration(name)
    if known is None or not known.has_weights:
        raise UsageError(
            f"timm {timm.__version__} has no pretrained weights of {name!r}. Look for names with "
            "python -c 'import timm; print(*timm.list_pretrained())'.",
            problem="no_published_weights",
        )
    if known.num_classes != classes:
        raise UsageError(
            f"the weights {known.architecture}.{known.tag} tell {known.num_classes} classes apart, "
            f"the dataset has {classes}.",
            problem="weights_of_other_classes",
        )
    how: dict[str, Any] = {"img_size": resolution} if known.fixed_input_size else {}
    try:
        model = timm.create_model(name, pretrained=True, in_chans=channels, **how)
    except Exception as error:  # of the hub, the network, the disk, or of the model's author
        first = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise UnavailableError(
            f"the weights of {name} cannot be had: {first}. They are downloaded through timm: is "
            "there a network?",
            problem="weights_not_downloaded",
        ) from error
    return Pretrained(model=model, tag=f"{known.architecture}.{known.tag}")
