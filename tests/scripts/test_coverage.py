"""The simulation of coverage, small: it runs, and its worlds are what they claim."""

import math
from collections import Counter

import numpy as np

from scripts.simulations.coverage import worlds
from scripts.simulations.coverage.repetition import line, repeat


def test_measured_accuracies_are_the_true_ones() -> None:
    """5,000 images, common difficulties: the standard error of their mean is about 0.006."""
    world = worlds.WORLDS["inside, wrong law"]
    rng = np.random.default_rng(0)
    evaluations, _ = worlds.study(world, {"val": 5_000}, rng)["val"]
    off = []
    for e in evaluations:
        level = round(2 * math.log2(e.cost.macs / e.size / worlds.BUDGETS[0]))
        truth = world.accuracy(level, int(e.architecture.depth) - 1, e.size)
        off.append(e.scores.accuracy - truth)
    assert abs(np.mean(off)) < 0.02
    assert np.std(off) < 0.012


def test_true_statuses_follow_from_true_advantages() -> None:
    for world in worlds.WORLDS.values():
        signs = [int(np.sign(round(d, 9))) for d in world.advantages]
        changes = [b for a, b in zip([0, *signs], signs, strict=False) if b != a and b]
        expected = {
            (1,): "ensembles always",
            (-1,): "singles always",
            (-1, 1): "crossed",
            (): "not identifiable",
        }
        assert world.status == expected.get(tuple(changes), "crosses back"), world.name


def test_intervals_hold_the_truth_in_most_studies() -> None:
    """12 studies of a clear crossover: at least 10 with probability 0.98 if 95 % do."""
    world = worlds.WORLDS["inside, right law"]
    repetitions = [repeat(world, {"val": 2_500}, 100, seed) for seed in range(12)]
    assert sum(r.fronts for r in repetitions) >= 10
    assert sum(r.band for r in repetitions) >= 10
    statuses = Counter(r.status for r in repetitions)
    assert set(statuses) <= {"crossed", "not identifiable"}
    assert line(world, {"val": 2_500}, repetitions).count("|") == 12


def test_equal_kinds_are_not_told_apart() -> None:
    world = worlds.WORLDS["none: all equal"]
    repetitions = [repeat(world, {"val": 500}, 100, seed) for seed in range(8)]
    assert [r.status for r in repetitions] == ["not identifiable"] * 8
