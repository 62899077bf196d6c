"""Members of one network in lockstep: the same step of every one of them at once.

An epoch's order, augmentation and learning rates lie on the device before its first step, and a
counter there says which step is next. A step is then the same operations on the same memory every
time, so that CUDA can record it once as a graph and repeat it without Python in between.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F

from ensearch.core import Member
from ensearch.training import augment, data, fused, optimizer
from ensearch.training.augment import Augmentation
from ensearch.training.data import Images
from ensearch.training.device import mixed_precision
from ensearch.training.loop import batches, draw_epoch, train_step
from ensearch.training.schedule import learning_rate
from ensearch.training.state import State, tensors

# Steps before a graph is recorded: libraries choose algorithms and take memory in the first ones.
_WARMUP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How a step computes `chunk` members: fused into one module, or each as a network of its own.

    Networks of their own have a CUDA stream each, the branches of the recorded step. With `graph`
    the step is a recorded CUDA graph.
    """

    kind: Literal["fused", "branches"]
    chunk: int
    graph: bool

    @property
    def name(self) -> str:
        """The name under which measurements are stored: "8 fused, graph"."""
        what = "one after another" if self.chunk == 1 else f"{self.chunk} {self.kind}"
        return f"{what}, graph" if self.graph else what


class Feed:
    """The next batch of k members at every call, by random numbers drawn for the whole epoch.

    Those lie in memory that stays the same from epoch to epoch, as a recorded step needs.
    """

    def __init__(self, images: Images, members: Sequence[Member]) -> None:
        self._images, self._schedule = images, members[0].schedule
        self.steps, self._size = batches(self._schedule, images)
        device = images.x_train.device
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        # The optimizer on a GPU reads the rate in single precision; elsewhere it stays as exact as
        # it is alone.
        exact = torch.float32 if images.x_train.is_cuda else torch.float64
        self._rates = torch.zeros(self.steps, dtype=exact, device=device)
        self.lr = torch.zeros((), dtype=exact, device=device)
        self._drawn = {name: drawn.to(device) for name, drawn in self._draw(members, 0).items()}

    def fill(self, members: Sequence[Member], epoch: int) -> None:
        """Draw the members' epoch and go to its first step."""
        for name, drawn in self._draw(members, epoch).items():
            self._drawn[name].copy_(drawn)
        schedule, first = self._schedule, epoch * self.steps
        rates = [
            learning_rate(
                first + step, schedule.epochs * self.steps, schedule.warmup, schedule.peak_lr
            )
            for step in range(self.steps)
        ]
        self._rates.copy_(torch.tensor(rates, dtype=self._rates.dtype))
        self._step.zero_()

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The batches of the next step: images k x B x R x R x C, normalised, and labels k x B."""
        self.lr.copy_(self._rates.index_select(0, self._step)[0])
        picked = {
            name: drawn.index_select(1, self._step).flatten(0, 2)
            for name, drawn in self._drawn.items()
        }
        # A step too many, as before a graph is recorded, must not read beyond the end.
        self._step.add_(1).remainder_(self.steps)
        order = picked.pop("order")
        nothing = dict.fromkeys(augment.DRAWN)
        changes = Augmentation(**(nothing | picked), hole_side=self._schedule.cutout)
        x = data.normalise(augment.take(self._images.x_train, order, changes), self._images)
        x = augment.cut_out(augment.resized_crop(x, changes), changes)
        y = self._images.y_train[order]
        return x.view(-1, self._size, *x.shape[1:]), y.view(-1, self._size)

    def _draw(self, members: Sequence[Member], epoch: int) -> dict[str, torch.Tensor]:
        """All that is drawn for an epoch, by its name in `Augmentation`: k x steps x B x ..."""
        by_member = []
        for member in members:
            order, changes = draw_epoch(self._images, member, epoch)
            drawn = {name: getattr(changes, name) for name in augment.DRAWN}
            by_member.append({"order": order} | {n: t for n, t in drawn.items() if t is not None})
        used, by_step = self.steps * self._size, (self.steps, self._size)
        return {
            name: torch.stack(
                [drawn[name][:used].reshape(*by_step, *first.shape[1:]) for drawn in by_member]
            )
            for name, first in by_member[0].items()
        }


class Lockstep:
    """Trains members together on copies of their states: `run` an epoch, then `copy_to` the states.

    The copies share one memory for all epochs, so that a step can be recorded.
    """

    def __init__(
        self, strategy: Strategy, states: Sequence[State], members: Sequence[Member], images: Images
    ) -> None:
        """Make room for as many members as there are `states`, of which only the shapes count.

        Raises NotFusible, and whatever the device says while the graph is recorded.
        """
        self._feed, self._schedule = Feed(images, members), members[0].schedule
        self._images = images
        self._device = images.x_train.device.type
        self._width = len(states) if strategy.kind == "fused" else 1
        self._parts = [self._part(state) for state in states[:: self._width]]
        self._total = torch.zeros(len(states), device=self._device)
        branch = strategy.graph and len(self._parts) > 1
        self._streams = [_stream() for _ in self._parts] if branch else []
        self._step: Callable[[], None] = self._record() if strategy.graph else self._compute

    def run(self, states: Sequence[State], members: Sequence[Member], epoch: int) -> list[float]:
        """Mean loss of each member over an epoch that begins at `states`, which do not change."""
        for part, group in self._groups(states):
            fused.gather(tensors(part), [tensors(state) for state in group])
        self._feed.fill(members, epoch)
        self._total.zero_()
        self.advance()
        return [total / self._feed.steps for total in self._total.tolist()]

    def advance(self) -> None:
        """Do as many steps as an epoch has; on CUDA they may still be running afterwards."""
        for _ in range(self._feed.steps):
            self._step()

    def copy_to(self, states: Sequence[State]) -> None:
        """Set the states to where the last `run` ended."""
        for part, group in self._groups(states):
            fused.scatter(tensors(part), [tensors(state) for state in group])

    def _part(self, state: State) -> State:
        """A module like the state's, fused to the width of a part, with its optimizer."""
        alone = self._width == 1
        model = copy.deepcopy(state.model) if alone else fused.fuse(state.model, self._width)
        made = optimizer.make(model.train(), self._schedule)
        for group in made.param_groups:
            group["lr"] = self._feed.lr
        return State(model=model, optimizer=made)

    def _groups(self, states: Sequence[State]) -> Iterator[tuple[State, Sequence[State]]]:
        for at, part in enumerate(self._parts):
            yield part, states[at * self._width : (at + 1) * self._width]

    def _compute(self) -> None:
        """Compute one step of all members."""
        x, y = self._feed.next()
        for at, part in enumerate(self._parts):
            mine = slice(at * self._width, (at + 1) * self._width)
            with self._branch(at):
                self._total[mine] += self._losses(part, x[mine], y[mine])
        for stream in self._streams:
            torch.cuda.current_stream().wait_stream(stream)

    def _losses(self, part: State, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Losses of one step of a part's module, by member; `x` is k x B x R x R x C."""
        smoothing, members = self._schedule.label_smoothing, len(x)
        inputs = data.sized(fused.as_one_input(x), self._images)
        if members == 1:
            return train_step(part, inputs, y[0], smoothing, self._device)
        with mixed_precision(self._device):
            # N x (m classes) to (m N) x classes: one loss an image, its mean by member.
            logits: torch.Tensor = part.model(inputs).view(y.shape[1], members, -1)
            losses = F.cross_entropy(
                logits.transpose(0, 1).flatten(0, 1),
                y.flatten(),
                label_smoothing=smoothing,
                reduction="none",
            )
            losses = losses.view(members, -1).mean(dim=1)
        part.optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        part.optimizer.step()
        return losses.detach()

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

    def _record(self) -> Callable[[], None]:
        """A function that repeats one step of all members, recorded as a CUDA graph."""
        stream = _stream()
        stream.wait_stream(torch.cuda.current_stream())
        # On the stream of the recording: a gradient is added up where its weight was first used.
        with torch.cuda.stream(stream):
            for _ in range(_WARMUP):
                self._compute()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            self._compute()
        return graph.replay


def _stream() -> torch.cuda.Stream:
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]
