"""Members of one network in lockstep: the same step of every one of them at once.

An epoch's order, augmentation and learning rates lie on the device before its first step
(`feed.py`). A step is then the same operations on the same memory every time, so that CUDA can
record it once as a graph and repeat it without Python in between.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from ensearch.core import Member
from ensearch.training import data, fused, norms, optimizer, packs
from ensearch.training.data import Images
from ensearch.training.feed import Feed
from ensearch.training.lean import LeanStep
from ensearch.training.recording import new_stream, record
from ensearch.training.state import State, tensors
from ensearch.training.strategy import Strategy


class Lockstep:
    """Trains members together on copies of their states: `run` an epoch, then `copy_to` the states.

    The copies share one memory for all epochs, so that a step can be recorded.
    """

    def __init__(
        self, strategy: Strategy, states: Sequence[State], members: Sequence[Member], images: Images
    ) -> None:
        """Make room for as many members as there are `states`, of which only the shapes count.

        Raises NotFusible, and whatever the device says while the graph is recorded, or compilers of
        kernels.
        """
        self._kind, self._images = strategy.kind, images
        self._feed, self._schedule = Feed(images, members), members[0].schedule
        device = images.x_train.device.type
        self._width = 1 if strategy.kind == "branches" else len(states)
        self._parts = [self._part(state) for state in states[:: self._width]]
        smoothing = self._schedule.label_smoothing
        self._steps = [
            LeanStep(part, device, smoothing, images.targets, strategy.joined)
            for part in self._parts
        ]
        if strategy.joined and device == "cuda":
            norms.prepare(device)
        self._total = torch.zeros(len(states), device=device)
        branch = strategy.graph and len(self._parts) > 1
        self._streams = [new_stream() for _ in self._parts] if branch else []
        # None and not a bound method: a circle would keep the memory of a dropped group.
        self._graph = record(self._compute, self._feed.rewind) if strategy.graph else None

    def run(self, states: Sequence[State], members: Sequence[Member], epoch: int) -> list[float]:
        """Mean loss of each member over an epoch that begins at `states`, which do not change."""
        for part, group in self._groups(states):
            fused.gather(tensors(part), [tensors(state) for state in group])
        self._feed.fill(members, epoch)
        self._total.zero_()
        self.advance()
        return [total / self._feed.steps for total in self._total.tolist()]

    def advance(self, steps: int | None = None) -> int:
        """Do the first steps of the epoch that was drawn, all of them if nothing is said.

        Returns how many those are. On CUDA they may still be running afterwards.
        """
        steps = self._feed.steps if steps is None else min(steps, self._feed.steps)
        self._feed.rewind()
        for _ in range(steps):
            if self._graph is None:
                self._compute()
            else:
                self._graph.replay()
        return steps

    def copy_to(self, states: Sequence[State]) -> None:
        """Set the states to where the last `run` ended."""
        for part, group in self._groups(states):
            fused.scatter(tensors(part), [tensors(state) for state in group])

    def _part(self, state: State) -> State:
        """A module like the state's, fused to the width of a part, with its optimizer."""
        model = self._widened(state.model)
        made = optimizer.make(model.train(), self._schedule)
        for group in made.param_groups:
            group["lr"] = self._feed.lr
        return State(model=model, optimizer=made)

    def _widened(self, model: nn.Module) -> nn.Module:
        if self._kind == "branches":
            return copy.deepcopy(model)
        wide = fused.fuse(model, self._width)
        if self._kind == "packed":
            return packs.pack(wide, self._width)
        if self._kind == "fused NCHW":
            return wide.to(memory_format=torch.contiguous_format)
        return wide

    def _groups(self, states: Sequence[State]) -> Iterator[tuple[State, Sequence[State]]]:
        for at, part in enumerate(self._parts):
            yield part, states[at * self._width : (at + 1) * self._width]

    def _compute(self) -> None:
        """Compute the next step of all members."""
        x, y = self._feed.next()
        for at, step in enumerate(self._steps):
            mine = slice(at * self._width, (at + 1) * self._width)
            with self._branch(at):
                self._total[mine] += step(self._inputs(x[:, :, :, mine]), y[:, mine])
        for stream in self._streams:
            torch.cuda.current_stream().wait_stream(stream)

    def _inputs(self, x: torch.Tensor) -> torch.Tensor:
        """Images B x R x R x k x C as a part's module reads them: B x (k C) x R x R."""
        inputs = data.sized(x.flatten(3).permute(0, 3, 1, 2), self._images)
        return inputs.contiguous() if self._kind == "fused NCHW" else inputs

    @contextmanager
    def _branch(self, at: int) -> Iterator[None]:
        """A context in which work is queued to the stream of a part, if parts have streams."""
        if not self._streams:
            yield
            return
        stream = self._streams[at]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            yield
