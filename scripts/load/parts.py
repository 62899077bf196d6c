"""The parts of the campaign, in full and in little."""

from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.load import drivers, growth, workers
from scripts.load.world import Row

# Yields rows of steps that are not done, in a folder.
Part = Callable[[Path, set[str], bool], Iterator[Row]]


def _drivers(folder: Path, done: set[str], small: bool) -> Iterator[Row]:
    with drivers.storages() as kinds:
        for kind, server in kinds.items():
            yield from drivers.own_studies(folder, kind, server, done, 3 if small else 100)


def _same(folder: Path, done: set[str], small: bool) -> Iterator[Row]:
    trials, rounds = (8, 1) if small else (30, 10)
    with drivers.storages() as kinds:
        for kind, server in kinds.items():
            yield from drivers.same_study(folder, kind, server, done, trials, rounds)


def _growth(folder: Path, done: set[str], small: bool) -> Iterator[Row]:
    yield from growth.growth(folder, done, *((20, 10) if small else (10_000, 1_000)))


def _workers(folder: Path, done: set[str], small: bool) -> Iterator[Row]:
    counts = (10, 100) if small else (1, 10, 30, 100, 300, 1_000)
    yield from workers.workers(folder, done, counts, *((3.0, 0.5) if small else (120.0, 5.0)))


def _night(folder: Path, done: set[str], small: bool) -> Iterator[Row]:
    yield from growth.night(folder, done, *((20, 10) if small else (2_000, 200)))


PARTS: dict[str, Part] = {
    "drivers": _drivers,
    "same": _same,
    "growth": _growth,
    "workers": _workers,
    "night": _night,
}
