"""Members of one network are trained by every strategy, in turns with one after another."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ensearch.core import Member, Schedule
from ensearch.training import loop, strategies
from ensearch.training.data import Images
from ensearch.training.lockstep import Lockstep
from ensearch.training.state import State
from ensearch.training.strategy import ALONE, Strategy
from scripts.benchmarks.networks import architecture

# Seconds of a step from which on a strategy is not measured: some kernels take that long.
LONGEST = 2.0
STEPS, BATCH = (10 if torch.cuda.is_available() else 3), 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Images/s in turns by strategy, its own and those of one after another.

    `dropped` says why a strategy was left out.
    """

    pairs: dict[str, list[tuple[float, float]]]
    dropped: dict[str, str]


def pictures(resolution: int, device: str, steps: int = STEPS, batch: int = BATCH) -> Images:
    """Return random pictures for so many steps: what they show changes no speed."""
    generator = torch.Generator().manual_seed(0)
    shape = (steps * batch, resolution, resolution, 3 if resolution > 8 else 1)
    x = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8).to(device)
    return Images(
        x_train=x,
        y_train=(torch.arange(len(x)) % 10).to(device),
        to_predict={"val": x[:batch]},
        mean=torch.full(shape[3:], 127.5, device=device),
        std=torch.full(shape[3:], 74.0, device=device),
        classes=10,
    )


def members_of(network: str, resolution: int, count: int, batch: int = BATCH) -> list[Member]:
    """Return members of a network that differ in their seeds."""
    large = resolution > 8
    schedule = Schedule(epochs=30, batch_size=batch, flip=large, crop=4 if large else 1)
    shape = architecture(network, resolution)
    return [
        Member(architecture=shape, schedule=schedule, dataset="", seed=seed)
        for seed in range(count)
    ]


def trainer(
    strategy: Strategy, states: Sequence[State], members: Sequence[Member], images: Images
) -> tuple[Callable[[], object], int]:
    """Return what trains as many members as the strategy takes at once, and that number."""
    device = images.x_train.device.type
    if strategy == ALONE:
        state = strategies.copy_of(states[0], members[0])
        return lambda: loop.train_epoch(state, images, members[0], 0, device), 1
    group = members[: strategy.chunk]
    together = Lockstep(strategy, states[: strategy.chunk], group, images)
    together.advance(1)
    seconds = timed(lambda: together.advance(1), device)
    if seconds > LONGEST:
        raise RuntimeError(f"a step takes {seconds:.2f} s")
    together.run(states[: strategy.chunk], group, 0)
    return together.advance, strategy.chunk


def timed(run: Callable[[], object], device: str) -> float:
    """Return the seconds that it takes, on CUDA until the device is done."""
    finished(device)
    start = time.perf_counter()
    run()
    finished(device)
    return time.perf_counter() - start


def finished(device: str) -> None:
    """Wait until the device has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def in_turns(
    candidates: Sequence[Strategy],
    states: Sequence[State],
    members: Sequence[Member],
    images: Images,
    turns: int,
) -> Turns:
    """Measure each strategy in turns with one after another.

    One strategy at a time: graphs of all would not fit the memory.
    """
    device, count = images.x_train.device.type, len(images.x_train)
    alone, _ = trainer(ALONE, states, members, images)
    result = Turns(pairs={}, dropped=strategies.unfit(states[0], images))
    for strategy in candidates:
        if strategies.is_dropped(strategy, result.dropped) and strategy != ALONE:
            continue
        try:
            run, together = trainer(strategy, states, members, images)
            timed(run, device)
            pairs = [(timed(run, device), timed(alone, device)) for _ in range(turns)]
        except Exception as error:
            result.dropped[strategy.name] = strategies.in_brief(error)
            continue
        result.pairs[strategy.name] = [
            (together * count / own, count / base) for own, base in pairs
        ]
        del run
        if device == "cuda":
            torch.cuda.empty_cache()
    return result
