"""How members of one network train together fastest here: measured, not guessed."""

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from ensearch.core import Member, Schedule
from ensearch.launch import Measured, lockstep_key
from ensearch.training import fused, optimizer
from ensearch.training.data import Images
from ensearch.training.hardware import describe_device
from ensearch.training.lockstep import Lockstep, Strategy
from ensearch.training.loop import batches, train_epoch
from ensearch.training.state import State, tensors

ALONE = Strategy(kind="branches", chunk=1, graph=False)

# Steps that are timed at a time, and for how long at least.
_STEPS, _SECONDS = 10, 0.1
# Share of the time that the members would take one after another, spent on measuring.
_SHARE = 0.1
# Below this gain members train one after another, which needs less memory and is easier to follow.
_GAIN = 1.05
# A strategy whose first steps change a member otherwise than alone, by this share of the change,
# computes something else. Ten steps of two fused members on digits (WRN-10-0.25, 16-1, 28-1; CPU):
# rounding makes up to 0.014 of it in single precision and 0.29 in bfloat16, the same batch every
# time at least 0.78, other labels 1.05.
_CHANGE = 0.6
# Share of the learning rate with which strategies are compared. The full rate magnifies rounding:
# 0.07 in single precision at WRN-16-1.
_GENTLE = 0.01


class DeviceLostError(Exception):
    """The GPU does not answer any more; `measured` rules out what it was doing."""

    def __init__(self, measured: Measured, message: str) -> None:
        super().__init__(message)
        self.measured = measured


def conditions(device: str, images: Images) -> str:
    """What decides how fast a strategy is, besides the network and the batch; `Measured.place`."""
    return (
        f"{describe_device(device)}, torch {torch.__version__}, "
        f"{images.channels} channels, {images.classes} classes"
    )


def candidates(device: str, members: int) -> list[Strategy]:
    """Strategies of training `members` together, the most promising first.

    Graphs exist on CUDA only. Without a graph, networks of their own gain nothing together.
    """
    sizes = [chunk for chunk in (8, 4, 2) if chunk < members]
    sizes = [members, *sizes] if members > 1 else []
    eager = [Strategy(kind="fused", chunk=chunk, graph=False) for chunk in sizes]
    if device != "cuda":
        return eager
    kinds = ("fused", "branches")
    graphs = [
        Strategy(kind=kind, chunk=chunk, graph=True)  # type: ignore[arg-type]
        for chunk in sizes
        for kind in kinds
    ]
    return [*graphs[:2], replace(ALONE, graph=True), *graphs[2:], *eager]


def by_name(name: str, device: str, members: int) -> Strategy | None:
    """The strategy of that name; None if this release or device does not have it."""
    known = (ALONE, *candidates(device, members))
    return next((strategy for strategy in known if strategy.name == name), None)


def measure(
    states: Sequence[State], members: Sequence[Member], images: Images, seconds: float | None = None
) -> Measured:
    """Images/s of all members together by every strategy, and the fastest one.

    The states stay as they are. Takes `seconds`, or a tenth of what the members would take one
    after another, and a little more; strategies for which no time is left are not tried. A strategy
    that raises is dropped with its message. Raises DeviceLostError if the GPU does not answer after
    that.
    """
    device = images.x_train.device.type
    few = _first(images, members[0].schedule.batch_size)
    members = [replace(member, schedule=_gentle(member.schedule)) for member in members]
    began, (alone, change) = time.perf_counter(), _alone(states[0], members[0], few)
    ahead = sum(member.schedule.epochs for member in members) * images.count
    limit = _SHARE * ahead / alone if seconds is None else seconds
    rates, dropped = {ALONE.name: alone}, unfit(states[0], images)
    for strategy in candidates(device, len(members)):
        if time.perf_counter() - began > limit:
            break
        if strategy.kind in dropped:
            continue
        try:
            rates[strategy.name] = _together(strategy, states, members, few, change)
        except Exception as error:
            dropped[strategy.name] = first_line(error)
            check_device(members, images, dropped)
    return fastest(members, images, rates, dropped)


def fastest(
    members: Sequence[Member], images: Images, rates: dict[str, float], dropped: dict[str, str]
) -> Measured:
    """A record of the fastest strategy, or of one after another if nothing gains much over it."""
    best = max(rates, key=lambda name: rates[name], default=ALONE.name)
    if rates.get(best, 0.0) < _GAIN * rates.get(ALONE.name, 0.0):
        best = ALONE.name
    return Measured(
        lockstep_key=lockstep_key(members[0]),
        place=conditions(images.x_train.device.type, images),
        members=len(members),
        strategy=best,
        rates=rates,
        dropped=dropped,
    )


def check_device(members: Sequence[Member], images: Images, dropped: dict[str, str]) -> None:
    """Free what a strategy that has failed held.

    Raises DeviceLostError if the GPU does not answer any more, with a record that rules the
    strategy out: after an illegal access, for one, all fails that the process asks of the GPU.
    """
    if not images.x_train.is_cuda:
        return
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.ones(1, device="cuda").item()
    except RuntimeError as error:
        measured = fastest(members, images, {}, dropped)
        name, why = list(dropped.items())[-1]
        raise DeviceLostError(
            measured,
            f"the GPU stopped answering ({first_line(error)}) when members trained together "
            f"({name}: {why}). The next run trains them one after another.",
        ) from error


def unfit(state: State, images: Images) -> dict[str, str]:
    """Why strategies of a kind cannot give the members that training alone gives, by kind."""
    shape = (images.channels, images.resolution)
    if fused.draws_random(state.model, *shape):
        # A member alone draws them from its own seed; a recorded step would not.
        reason = "its forward pass draws random numbers, which every member has of its own"
        return {"fused": reason, "branches": reason}
    problem = fused.problem(state.model, *shape)
    return {} if problem is None else {"fused": problem}


def _gentle(schedule: Schedule) -> Schedule:
    """The schedule with a rate that hardly changes the weights; it takes as long."""
    return replace(schedule, peak_lr=max(1e-12, _GENTLE * schedule.peak_lr))


def _first(images: Images, batch_size: int) -> Images:
    """The first of the images, for a few steps."""
    count = _STEPS * min(batch_size, images.count)
    if images.rows is not None:
        return replace(images, rows=images.rows[:count])
    return replace(images, x_train=images.x_train[:count], y_train=images.y_train[:count])


def _alone(state: State, member: Member, few: Images) -> tuple[float, torch.Tensor]:
    """Images/s of a member alone, and how its first steps change its weights."""
    own, device = copy_of(state, member), few.x_train.device.type
    train_epoch(own, few, member, 0, device)
    change = _change(state, own)
    seconds = _seconds(lambda: train_epoch(own, few, member, 0, device), device)
    return _images_of_an_epoch(member, few) / seconds, change


def _together(
    strategy: Strategy,
    states: Sequence[State],
    members: Sequence[Member],
    few: Images,
    change: torch.Tensor,
) -> float:
    """Images/s of all members by the strategy. Raises RuntimeError if it trains other members."""
    group = members[: strategy.chunk]
    lockstep = Lockstep(strategy, states[: strategy.chunk], group, few)
    lockstep.run(states[: strategy.chunk], group, 0)
    copies = [copy_of(state, members[0]) for state in states[: strategy.chunk]]
    lockstep.copy_to(copies)
    off = float((_change(states[0], copies[0]) - change).norm() / change.norm())
    if not off <= _CHANGE:
        raise RuntimeError(f"a member changed otherwise than alone, by {off:.2g} of its change")
    seconds = _seconds(lockstep.advance, few.x_train.device.type)
    return strategy.chunk * _images_of_an_epoch(group[0], few) / seconds


def copy_of(state: State, member: Member) -> State:
    """A copy of the state, to be trained without changing it."""
    model = copy.deepcopy(state.model)
    own = State(model=model, optimizer=optimizer.make(model, member.schedule))
    fused.gather(tensors(own), [tensors(state)])
    return own


@torch.no_grad()
def _change(before: State, after: State) -> torch.Tensor:
    """The change of all weights from one state to the other, as one vector."""
    pairs = zip(before.model.parameters(), after.model.parameters(), strict=True)
    return torch.cat([(new - old).flatten() for old, new in pairs])


def _images_of_an_epoch(member: Member, images: Images) -> int:
    steps, size = batches(member.schedule, images)
    return steps * size


def _seconds(run: Callable[[], object], device: str) -> float:
    """Median time of a call of `run`, in seconds; the first one does not count."""
    times: list[float] = []
    run()
    while len(times) < 3 or sum(times) < _SECONDS:
        _wait_for(device)
        start = time.perf_counter()
        run()
        _wait_for(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _wait_for(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()  # the GPU works on after Python has moved on


def first_line(error: Exception) -> str:
    """The error in one line of at most some 200 characters: RuntimeError: CUDA error: ..."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]:.200}"
