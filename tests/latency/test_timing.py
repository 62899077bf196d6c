"""Timing by a clock that only the runs move."""

import gc

import pytest

from ensearch.latency import timing
from ensearch.latency.timing import FEWEST, ROUNDS


class World:
    """Runs that take what they are told; the first of every turn takes longer."""

    def __init__(self) -> None:
        self.now, self.order = 0.0, list[str]()

    def clock(self) -> float:
        return self.now

    def run(self, name: str, seconds: float) -> timing.Run:
        def one() -> None:
            cold = not self.order or self.order[-1] != name
            self.order.append(name)
            self.now += seconds * (5 if cold else 1)

        return one


def test_a_time_is_that_of_warm_runs() -> None:
    world = World()
    quick, slow = timing.measure(
        [world.run("quick", 0.01), world.run("slow", 0.5)], clock=world.clock
    )
    for found, seconds in ((quick, 0.01), (slow, 0.5)):
        assert (found.median, found.p95) == pytest.approx((seconds, seconds))
        assert (found.low, found.high) == pytest.approx((seconds, seconds))
    assert slow.runs == FEWEST * ROUNDS
    assert quick.runs > slow.runs


def test_runs_take_turns() -> None:
    world, rounds = World(), list[int]()
    timing.measure(
        [world.run("a", 1.0), world.run("b", 1.0)], clock=world.clock, on_round=rounds.append
    )
    turns = [name for k, name in enumerate(world.order) if k == 0 or world.order[k - 1] != name]
    assert turns == ["a", "b"] * ROUNDS
    assert rounds == list(range(1, ROUNDS + 1))


def test_a_slower_round_shows_as_spread() -> None:
    world, factor = World(), [1.0]

    def run() -> None:
        world.now += factor[0]

    def slower(number: int) -> None:
        factor[0] = 2.0 if number == 3 else 1.0

    (found,) = timing.measure([run], clock=world.clock, on_round=slower)
    assert (found.median, found.low, found.high, found.p95) == pytest.approx((1, 1, 2, 2))


def test_garbage_is_collected_again_afterwards() -> None:
    world, was = World(), list[bool]()

    def run() -> None:
        was.append(gc.isenabled())
        world.now += 1

    timing.measure([run], clock=world.clock)
    assert not any(was)
    assert gc.isenabled()
