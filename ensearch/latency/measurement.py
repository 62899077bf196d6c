"""Configurations -> how long each takes for an image, by networks with random weights.

Time does not depend on what the weights are, so that nothing needs to be trained or kept. What is
timed begins with images as the networks take them and ends with the mean of the members'
probabilities; reading, resizing and normalising are the same for all, and left out.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import torch
from torch import nn

from ensearch import cost, families
from ensearch.core import Architecture
from ensearch.errors import UnavailableError
from ensearch.latency import runtimes, timing
from ensearch.latency.times import Configuration
from ensearch.latency.timing import Clock, Run, Timing
from ensearch.store import LatencyRecord, Setup
from ensearch.units import counted

# Of all networks that are in memory at a time, one GiB in float32: they have their turns together.
MOST_PARAMS = 2**28


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and by what to measure; `device` is "cpu" or "cuda", `name` what people call it."""

    device: str
    name: str
    runtime: str
    threads: int

    @property
    def setup(self) -> Setup:
        """Return how the storage keeps it. Raises UnavailableError without the runtime."""
        return Setup(
            device=self.name,
            runtime=self.runtime,
            threads=self.threads,
            versions=runtimes.versions(self.runtime),
        )


def measure(
    configurations: Sequence[Configuration],
    batches: Sequence[int],
    place: Place,
    *,
    clock: Clock = time.perf_counter,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Iterator[list[LatencyRecord]]:
    """Yield the latencies of the configurations, of as many at a time as are built together.

    `on_progress` hears what is done. Raises UnavailableError where the runtime is missing or memory
    does not suffice, UsageError where the runtime does not run on the device.
    """
    setup = place.setup
    build = runtimes.builder(place.runtime, place.device, place.threads)
    with runtimes.threads_of_torch(place.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for group in _groups(configurations):
            runs = list(_runs(group, batches, build, on_progress))

            def heard(number: int, group: Sequence[Configuration] = group) -> None:
                on_progress(
                    f"round {number} of {timing.ROUNDS}: "
                    f"{counted(len(group), 'configuration')} in turns"
                )

            taken = timing.measure(runs, clock=clock, on_round=heard)
            now = datetime.now(UTC)
            pairs = itertools.product(group, batches)
            yield [
                record(
                    each,
                    architecture=one.architecture.key,
                    macs=one.macs,
                    size=one.size,
                    batch=batch,
                    setup=setup,
                    measured=now,
                )
                for (one, batch), each in zip(pairs, taken, strict=True)
            ]


def _groups(configurations: Sequence[Configuration]) -> Iterator[list[Configuration]]:
    """As many configurations at a time as fit together, from the smallest networks on."""
    ordered = sorted(configurations, key=lambda one: (_params(one) / one.size, one.size))
    group: list[Configuration] = []
    for one in ordered:
        if group and sum(map(_params, group)) + _params(one) > MOST_PARAMS:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _params(one: Configuration) -> int:
    return cost.count(one.architecture, one.channels, one.classes).params * one.size


def _runs(
    group: Sequence[Configuration],
    batches: Sequence[int],
    build: runtimes.Builder,
    on_progress: Callable[[str], None],
) -> Iterator[Run]:
    """The runs of a group: of each configuration one for each batch."""
    networks: dict[tuple[Architecture, int, int], list[nn.Module]] = {}
    for number, one in enumerate(group, 1):
        on_progress(f"building {number} of {len(group)}: {one.label}")
        same = networks.setdefault((one.architecture, one.channels, one.classes), [])
        while len(same) < one.size:  # members have weights of their own: caches know no copies
            network = families.build(one.architecture, one.channels, one.classes)
            same.append(network.eval())
        side = one.architecture.resolution
        runs = build(same[: one.size], (one.channels, side, side), batches)
        for run, batch in zip(runs, batches, strict=True):
            _try(run, one, batch)
            yield run


def _try(run: Run, one: Configuration, batch: int) -> None:
    try:
        run()
    except (RuntimeError, MemoryError) as error:  # PyTorch's own, also of a GPU without memory
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise UnavailableError(
            f"{one.label} cannot compute {counted(batch, 'image')} at a time here: {first}. "
            "Measure smaller batches."
        ) from error


def record(
    taken: Timing,
    *,
    architecture: str,
    macs: int,
    size: int,
    batch: int,
    setup: Setup,
    measured: datetime,
) -> LatencyRecord:
    """Return how a storage keeps the times of batches of `batch` images: milliseconds an image.

    `macs` are those of one of the `size` members, `measured` has a time zone.
    """

    def each(seconds: float) -> float:
        return 1000 * seconds / batch

    return LatencyRecord(
        architecture=architecture,
        macs=macs,
        size=size,
        batch=batch,
        setup=setup,
        ms=each(taken.median),
        ms_p95=each(taken.p95),
        low=each(taken.low),
        high=each(taken.high),
        runs=taken.runs,
        measured=measured,
    )
