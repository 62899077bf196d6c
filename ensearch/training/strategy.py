"""Strategies of training members of one network together, by name."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal["fused", "fused NCHW", "packed", "branches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How a step computes `chunk` members of one network.

    "fused": one module of grouped convolutions, in channels_last memory; "fused NCHW": the same
    with channels before pixels, since libraries have other kernels for it; "packed": a fused module
    whose convolutions compute several members as one dense one (`packs.py`); "branches": networks
    of their own, of which each has a CUDA stream, the branches of the recorded step. With `graph`
    the step is a recorded CUDA graph. `joined` norms are one function with their ReLU and a sum
    before or behind them, by kernels of our own (`norms.py`).
    """

    kind: Kind
    chunk: int
    graph: bool
    joined: bool = False

    @property
    def name(self) -> str:
        """The name under which measurements are stored: "8 fused, graph, joined norms"."""
        what = "one after another" if self.chunk == 1 else f"{self.chunk} {self.kind}"
        return what + ", graph" * self.graph + ", joined norms" * self.joined

    @property
    def fuses(self) -> bool:
        """Whether members become one module, which not every network can."""
        return self.kind != "branches"

    @property
    def can_join(self) -> bool:
        """Whether norms may be joined: their kernels read channels_last and start slowly."""
        return self.graph and self.kind != "fused NCHW"


ALONE = Strategy(kind="branches", chunk=1, graph=False)


def candidates(device: str, members: int) -> list[Strategy]:
    """Strategies of training `members` together, the most promising first.

    Graphs exist on CUDA only. Without a graph, networks of their own gain nothing together.
    """
    sizes = [chunk for chunk in (8, 4, 2) if chunk < members]
    sizes = [members, *sizes] if members > 1 else []
    eager = [Strategy(kind="fused", chunk=chunk, graph=False) for chunk in sizes]
    if device != "cuda":
        return eager
    graphs = [
        Strategy(kind=kind, chunk=chunk, graph=True) for chunk in sizes for kind in get_args(Kind)
    ]
    first = len(get_args(Kind))
    return [*graphs[:first], replace(ALONE, graph=True), *graphs[first:], *eager]


def with_joined_norms(device: str, members: int) -> list[Strategy]:
    """The candidates whose norms can be joined, with joined norms."""
    found = candidates(device, members)
    return [replace(strategy, joined=True) for strategy in found if strategy.can_join]


def by_name(name: str, device: str, members: int) -> Strategy | None:
    """The strategy of that name; None if this release or device does not have it."""
    known = (ALONE, *candidates(device, members), *with_joined_norms(device, members))
    return next((strategy for strategy in known if strategy.name == name), None)
