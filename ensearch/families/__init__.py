"""Families of networks: one file each, whose name is the family's name.

To add a family, put a module into this folder; nothing is registered, and
tests/families/test_contract.py checks it like all others. A module whose name begins with an
underscore is a part of others, not a family. The smallest example is `resnet_cifar.py`.
A family module has:

SUMMARY         one line for lists of families and error messages
ARGUMENT        what follows the colon in NAME:ARGUMENT, such as "NAME"; "" if nothing does
WIDTHS, DEPTHS  `Range`s of the legal values
MIN_RESOLUTION  the smallest input side in pixels
published(name, width, depth)
                the side in pixels and the number of classes that its authors built the network for;
                `name` is NAME:ARGUMENT, or the family's own name
known_as(architecture)
                what the literature calls the network; "" if nothing but its key
build(architecture, channels, classes)
                a new `nn.Module` that maps N x channels x R x R to N x classes logits, its weights
                drawn from torch's current random state
layers(architecture, channels, classes)
                `Cost`s that add up to the network's, computed from its shape alone; None where only
                building the network tells
"""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, cast

from ensearch import plugins
from ensearch.core import Architecture, Cost, Range
from ensearch.errors import UsageError

if TYPE_CHECKING:  # what only reads the names of architectures needs no torch, 2 s to import
    from torch import nn


class Family(Protocol):
    """What a family module offers; see the module docstring."""

    SUMMARY: str
    ARGUMENT: str
    WIDTHS: Range
    DEPTHS: Range
    MIN_RESOLUTION: int

    def published(self, name: str, width: float, depth: float) -> tuple[int, int]: ...

    def known_as(self, architecture: Architecture) -> str: ...

    def build(self, architecture: Architecture, channels: int, classes: int) -> "nn.Module": ...

    def layers(
        self, architecture: Architecture, channels: int, classes: int
    ) -> Iterable[Cost] | None: ...


def names() -> list[str]:
    """The names of all family modules, without importing them."""
    return plugins.names(sys.modules[__name__])


def get(name: str) -> Family:
    """The family of NAME or NAME:ARGUMENT. Raises UsageError if there is none, or not so."""
    plain, colon, argument = name.partition(":")
    family = cast(Family, plugins.load(sys.modules[__name__], "family", plain))
    wanted = family.ARGUMENT
    if wanted and not argument:
        raise UsageError(
            f"family {plain!r} needs a {wanted}: write {plain}:{wanted}; got {name!r}."
        )
    if colon and not wanted:
        raise UsageError(f"family {plain!r} takes nothing after its name; got {name!r}.")
    return family


def check(architecture: Architecture) -> None:
    """Raise UsageError, naming the nearest legal value, unless the family can build this."""
    family = get(architecture.family)
    for what, value, legal in (
        ("width", architecture.width, family.WIDTHS),
        ("depth", architecture.depth, family.DEPTHS),
    ):
        nearest = legal.nearest(value)
        if value not in nearest:
            near = " and ".join(f"{v:g}" for v in nearest)
            if len(legal) == 1:
                raise UsageError(
                    f"{what} {value:g} is not legal for {architecture.family}: such a network is "
                    f"as it is, and its {what} is called {near}. Leave it out."
                )
            raise UsageError(
                f"{what} {value:g} is not legal for {architecture.family}: it takes {legal.low:g} "
                f"to {legal.high:g} in steps of {legal.step:g}. Nearest legal: {near}."
            )
    if architecture.resolution < family.MIN_RESOLUTION:
        raise UsageError(
            f"{architecture.family} needs inputs of at least {family.MIN_RESOLUTION} pixels a "
            f"side; got {architecture.resolution}."
        )


def build(architecture: Architecture, channels: int, classes: int) -> "nn.Module":
    """A network with fresh weights drawn from torch's current random state."""
    check(architecture)
    return get(architecture.family).build(architecture, channels, classes)
