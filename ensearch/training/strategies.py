"""How members of one network train together fastest here: measured, not guessed."""

import copy
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import torch

from ensearch.core import Member, Schedule
from ensearch.launch import Measured, lockstep_key
from ensearch.training import fused, optimizer
from ensearch.training.data import Images
from ensearch.training.hardware import describe_device
from ensearch.training.lockstep import Lockstep
from ensearch.training.loop import batches, train_epoch
from ensearch.training.recording import RecordingFailedError
from ensearch.training.state import State, tensors
from ensearch.training.strategy import ALONE, Strategy, candidates

T = TypeVar("T")

# Steps that are timed at a time, and for how long at least.
_STEPS, _SECONDS = 10, 0.1
# Share of the time that the members would take one after another, spent on measuring.
_SHARE = 0.1
# Seconds that must be left to try joined norms, whose kernels are compiled first: about 6 s on a
# free core, more beside other workers. They are kept on disk (~/.triton) for later processes.
_COMPILING = 10.0
# Below this gain members train one after another, which needs less memory and is easier to follow.
_GAIN = 1.05
# After so many steps a strategy that is slower than the best by this factor is measured no further.
_FIRST, _FAR = 3, 2.0
# A strategy whose first steps change a member otherwise than alone, by this share of the change,
# computes something else. Ten steps of two fused members on digits (WRN-10-0.25, 16-1, 28-1; CPU):
# rounding makes up to 0.014 of it in single precision and 0.29 in bfloat16, the same batch every
# time at least 0.78, other labels 1.05.
_CHANGE = 0.6
# Share of the learning rate with which strategies are compared. The full rate magnifies rounding:
# 0.07 in single precision at WRN-16-1.
_GENTLE = 0.01


class DeviceLostError(Exception):
    """This process can ask nothing of the GPU any more; `measured` rules out what it was doing."""

    def __init__(self, measured: Measured, message: str) -> None:
        super().__init__(message)
        self.measured = measured


def conditions(device: str, images: Images) -> str:
    """What decides how fast a strategy is, besides the network and the batch; `Measured.place`."""
    return (
        f"{describe_device(device)}, torch {torch.__version__}, "
        f"{images.channels} channels, {images.classes} classes"
    )


def measure(
    states: Sequence[State],
    members: Sequence[Member],
    images: Images,
    seconds: float = math.inf,
    known: Measured | None = None,
    count: int = 0,
) -> Measured:
    """Images/s of all members together by every strategy, and the fastest one.

    The states stay as they are. Takes a tenth of what the members would take one after another, at
    most `seconds`, and a little more; strategies for which no time is left are not tried, joined
    norms also not where less is left than compiling them may take. `count` says how many images an
    epoch of that training has, if not as many as there are. A strategy that raises is dropped with
    its message. What is `known` of a measurement that came to no end is not measured again. Raises
    DeviceLostError if the GPU does not answer after that.
    """
    device = images.x_train.device.type
    few = _first(images, members[0].schedule.batch_size)
    gentle = [replace(member, schedule=_gentle(member.schedule)) for member in members]
    began, (alone, change) = time.perf_counter(), _alone(states[0], gentle[0], few)
    ahead = sum(member.schedule.epochs for member in members) * (count or images.count)
    limit = min(seconds, _SHARE * ahead / alone)
    rates, dropped = {ALONE.name: alone}, unfit(states[0], images)
    if known is not None:
        rates, dropped = known.rates | rates, known.dropped | dropped

    def left() -> float:
        return limit - (time.perf_counter() - began)

    for strategy in _in_turn(candidates(device, len(members)), rates, left):
        if strategy.name in rates or is_dropped(strategy, dropped):
            continue
        broken = False
        try:
            best = max(rates.values())
            rates[strategy.name] = _together(strategy, states, gentle, few, change, best)
            continue
        except Exception as error:
            dropped[strategy.name] = in_brief(error)
            broken = isinstance(error, RecordingFailedError)
        # Only here: within `except` the frames of the error hold the memory of what failed.
        check_device(fastest(members, images, rates, dropped, complete=False), broken)
    return fastest(members, images, rates, dropped)


def _in_turn(
    found: Sequence[Strategy], rates: Mapping[str, float], left: Callable[[], float]
) -> Iterator[Strategy]:
    """The strategies that were found while time is `left`, then the fastest with joined norms.

    What joined norms gain should hardly depend on how else members train: one comparison must do.
    """
    for strategy in found:
        if left() < 0:
            return
        yield strategy
    joinable = [strategy for strategy in found if strategy.can_join and strategy.name in rates]
    if joinable and left() >= _COMPILING:
        yield replace(max(joinable, key=lambda strategy: rates[strategy.name]), joined=True)


def fastest(
    members: Sequence[Member],
    images: Images,
    rates: dict[str, float],
    dropped: dict[str, str],
    complete: bool = True,
) -> Measured:
    """A record of the fastest strategy, or of one after another if nothing gains much over it."""
    fit = {name: rate for name, rate in rates.items() if name not in dropped}
    best = max(fit, key=lambda name: fit[name], default=ALONE.name)
    if fit.get(best, 0.0) < _GAIN * fit.get(ALONE.name, 0.0):
        best = ALONE.name
    return Measured(
        lockstep_key=lockstep_key(members[0]),
        place=conditions(images.x_train.device.type, images),
        members=len(members),
        strategy=best,
        rates=fit,
        dropped=dropped,
        complete=complete,
    )


def check_device(measured: Measured, broken: bool = False) -> None:
    """Free what a strategy that has failed held; `measured` rules it out.

    Raises DeviceLostError if the GPU does not answer any more: after an illegal access, for one,
    all fails that the process asks of the GPU. Also where a recording was `broken` off, after
    which nobody knows.
    """
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return
    name, why = list(measured.dropped.items())[-1]
    if broken:
        raise DeviceLostError(measured, f"members trained together ({name}): {why}")
    problem = trouble()
    if problem is not None:
        raise DeviceLostError(
            measured,
            f"the GPU stopped answering ({problem}) when members trained together ({name}: {why})",
        )


def trouble() -> str | None:
    """Why the GPU does not answer, after memory that nobody uses is given back; None if it does."""
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.ones(1, device="cuda").item()
    except RuntimeError as error:
        return in_brief(error)
    return None


def unfit(state: State, images: Images) -> dict[str, str]:
    """Why "fused" or "branches" cannot give the members that training alone gives."""
    shape = (images.channels, images.resolution)
    if fused.draws_random(state.model, *shape):
        # A member alone draws them from its own seed; a recorded step would not.
        reason = "its forward pass draws random numbers, which every member has of its own"
        return {"fused": reason, "branches": reason}
    problem = fused.problem(state.model, *shape)
    return {} if problem is None else {"fused": problem}


def is_dropped(strategy: Strategy, dropped: Mapping[str, str]) -> bool:
    """Whether the strategy, or all that compute like it, do not work."""
    return strategy.name in dropped or ("fused" if strategy.fuses else "branches") in dropped


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
    seconds = seconds_of(lambda: train_epoch(own, few, member, 0, device), device)
    return images_of_an_epoch(member, few) / seconds, change


def _together(
    strategy: Strategy,
    states: Sequence[State],
    members: Sequence[Member],
    few: Images,
    change: torch.Tensor,
    best: float,
) -> float:
    """Images/s of all members by the strategy. Raises RuntimeError if it trains other members.

    One that is far slower than `best` images/s is measured over a few steps only: measuring must
    not take longer than training.
    """
    device, group = few.x_train.device.type, members[: strategy.chunk]
    lockstep = Lockstep(strategy, states[: strategy.chunk], group, few)
    per_step = strategy.chunk * batches(group[0].schedule, few)[1]
    lockstep.advance(1)  # libraries prepare themselves in it
    seconds, steps = _timed(lambda: lockstep.advance(_FIRST), device)
    if _FAR * steps * per_step < best * seconds:
        return steps * per_step / seconds
    lockstep.run(states[: strategy.chunk], group, 0)
    copies = [copy_of(state, members[0]) for state in states[: strategy.chunk]]
    lockstep.copy_to(copies)
    off = float((_change(states[0], copies[0]) - change).norm() / change.norm())
    if not off <= _CHANGE:
        raise RuntimeError(f"a member changed otherwise than alone, by {off:.2g} of its change")
    seconds = seconds_of(lockstep.advance, device)
    return strategy.chunk * images_of_an_epoch(group[0], few) / seconds


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


def images_of_an_epoch(member: Member, images: Images) -> int:
    """How many images the steps of an epoch train on."""
    steps, size = batches(member.schedule, images)
    return steps * size


def seconds_of(run: Callable[[], object], device: str) -> float:
    """Median time of a call of `run`, in seconds; the first one does not count."""
    times: list[float] = []
    run()
    while len(times) < 3 or sum(times) < _SECONDS:
        times.append(_timed(run, device)[0])
    return statistics.median(times)


def _timed(run: Callable[[], T], device: str) -> tuple[float, T]:
    """Seconds of a call, until the device has done it, and what it returned."""
    _wait_for(device)
    start = time.perf_counter()
    returned = run()
    _wait_for(device)
    return time.perf_counter() - start, returned


def _wait_for(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()  # the GPU works on after Python has moved on


def in_brief(error: Exception) -> str:
    """The error in one line of at most some 200 characters: RuntimeError: CUDA error: ..."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]:.200}"
