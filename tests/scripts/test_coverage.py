"""The simulation of coverage, small: it runs, and its worlds are what they claim."""

import importlib
from collections import Counter
from typing import Any

import numpy as np

coverage: Any = importlib.import_module("scripts.simulations.coverage.__main__")


def test_measured_accuracies_are_the_true_ones() -> None:
    """5,000 images, common difficulties: the standard error of their mean is about 0.006."""
    world = coverage.worlds.WORLDS["inside, wrong law"]
    rng = np.random.default_rng(0)
    evaluations, _ = coverage.worlds.study(world, {"val": 5_000}, rng)["val"]
    off = []
    for e in evaluations:
        level = round(2 * np.log2(e.cost.macs / e.size / coverage.worlds.BUDGETS[0]))
        truth = world.accuracy(level, e.architecture.depth - 1, e.size)
        off.append(e.scores.accuracy - truth)
    assert abs(np.mean(off)) < 0.02
    assert np.std(off) < 0.012


def test_true_statuses_follow_from_true_advantages() -> None:
    for world in coverage.worlds.WORLDS.values():
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
    world = coverage.worlds.WORLDS["inside, right law"]
    found = [coverage.repeat(world, {"val": 2_500}, 100, seed) for seed in range(12)]
    assert sum(one.fronts for one in found) >= 10
    assert sum(one.band for one in found) >= 10
    statuses = Counter(one.status for one in found)
    assert set(statuses) <= {"crossed", "not identifiable"}
    assert coverage.line(world, {"val": 2_500}, found).count("|") == 12


def test_equal_kinds_are_not_told_apart() -> None:
    world = coverage.worlds.WORLDS["none: all equal"]
    found = [coverage.repeat(world, {"val": 500}, 100, seed) for seed in range(8)]
    assert [one.status for one in found] == ["not identifiable"] * 8
