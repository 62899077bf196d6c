"""The replay benchmark: its arithmetic, its tables, and that its strategies run."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from ensearch.budget import Budget
from ensearch.core import Architecture, Cost, Schedule
from ensearch.fronts.hypervolume import hypervolume
from ensearch.search_space.ladder import Cell, Ladder
from scripts.simulations.replay import gain, score, strategies, tables, trace, variants, world
from scripts.simulations.replay.world import World

REPLAY = Path(world.__file__).parent


@pytest.fixture(scope="module")
def tiny() -> World:
    """Widths 1 to 4 of one depth, costing 1, 2, 4, 8; 4 members each; budget 8; 40 images.

    Members of width w are right on each image with probability 0.4 + 0.1 w.
    """
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 40)
    logits = np.zeros((16, 40, 3), dtype=np.float16)
    for row in range(16):
        right = rng.random(40) < 0.5 + 0.1 * (row // 4)
        told = np.where(right, labels, (labels + rng.integers(1, 3, 40)) % 3)
        logits[row, np.arange(40), told] = rng.uniform(1, 3, 40)
    shapes = tuple(
        Architecture(family="wide_resnet", width=float(w), depth=10, resolution=32)
        for w in (1, 2, 3, 4)
    )
    cells = tuple(
        Cell(
            rung=float(2**k * size),
            size=size,
            architecture=shape,
            schedule=Schedule(epochs=3),
            cost=Cost(macs=2**k * size, params=0),
        )
        for k, shape in enumerate(shapes)
        for size in (1, 2, 4)
        if 2**k * size <= 8
    )
    return world.make(
        name="tiny",
        steps=Ladder(budget=Budget(amount=8.0), cells=cells),
        shapes=shapes,
        macs=(1, 2, 4, 8),
        sizes=(1, 2, 4),
        train_factor=30.0,
        members=[4, 4, 4, 4],
        logits=logits,
        labels=labels,
    )


def test_hypervolume_is_the_area_under_the_staircase() -> None:
    # From 1 to 10: nothing; 10 to 100: 0.3 above 0.5; 100 to 1000: 0.4 above. 0.6 at 300 is below.
    area = hypervolume([100, 10, 300], [0.9, 0.8, 0.6], 1000, 1, 0.5)
    assert area == pytest.approx(0.3 + 0.4)
    assert hypervolume([100], [0.4], 1000, 1, 0.5) == 0
    assert hypervolume([], [], 1000, 1, 0.5) == 0


def test_a_belief_is_scored_by_the_truth(tiny: World) -> None:
    reference = 1 / 3
    best = score.front_hypervolume(tiny, score.known(tiny), reference)
    # Whoever believes the most expensive single network to be perfect takes it at the whole budget
    # only, where nothing is left of the cost axis.
    believed = score.matrix(tiny, {(3, 1): 1.0})
    assert score.front_hypervolume(tiny, believed, reference) == 0
    believed = score.matrix(tiny, {(0, 1): 0.2, (3, 1): 0.1})
    expected = (tiny.truth[0, 0] - reference) * math.log10(8)
    assert score.front_hypervolume(tiny, believed, reference) == pytest.approx(expected)
    assert expected < best
    assert score.regret(tiny, score.known(tiny)) == pytest.approx(0)
    assert score.regret(tiny, believed) == pytest.approx(
        score.regret(tiny, score.matrix(tiny, {(0, 1): 0.9}))
    )


def test_truth_is_the_mean_over_all_ensembles(tiny: World) -> None:
    assert tiny.truth[0, 0] == pytest.approx(np.mean([tiny.accuracy[0][1 << i] for i in range(4)]))
    pairs = [tiny.accuracy[1][mask] for mask in range(16) if mask.bit_count() == 2]
    assert len(pairs) == 6
    assert tiny.truth[1, 1] == pytest.approx(np.mean(pairs))
    assert tiny.truth[3, 1] == 0
    assert math.isinf(tiny.cost[3, 1])
    assert tiny.observed(1, 0b0101, 2) == tiny.accuracy[1][0b0101]


def test_images_and_sizes_of_a_world_can_be_chosen(tiny: World) -> None:
    part = tiny.on_images(np.arange(10))
    assert part.images == 10
    assert part.accuracy[1][0b0101] == tiny.hits[1][0b0101, :10].mean()
    assert part.truth[0, 0] == pytest.approx(np.mean([part.accuracy[0][1 << i] for i in range(4)]))
    every = tiny.of_sizes((1, 2, 3, 4, 5))
    np.testing.assert_array_equal(every.truth[:, [0, 1, 3]], tiny.truth)
    np.testing.assert_array_equal(every.cost[:, [0, 1, 3]], tiny.cost)
    triples = [tiny.accuracy[1][mask] for mask in range(16) if mask.bit_count() == 3]
    assert every.truth[1, 2] == pytest.approx(np.mean(triples))
    assert np.isinf(every.cost[:, 4]).all()  # the table has 4 members of each


def test_crossover_lies_where_the_advantage_changes_sign(tiny: World) -> None:
    # Rungs 2, 4, 8 are matched exactly; advantages -0.1, -0.1, +0.3: a quarter of the octave.
    belief = {(1, 1): 0.5, (0, 2): 0.4, (2, 1): 0.6, (1, 2): 0.5, (3, 1): 0.6, (2, 2): 0.9}
    assert score.crossover(tiny, score.matrix(tiny, belief)) == pytest.approx(4 * 2**0.25)
    behind = {pick: 1 - accuracy for pick, accuracy in belief.items() if pick[1] == 1} | {
        pick: 0.1 for pick in belief if pick[1] == 2
    }
    assert score.crossover(tiny, score.matrix(tiny, behind)) == math.inf
    ahead = {pick: 0.9 if pick[1] == 2 else 0.2 for pick in belief}
    assert score.crossover(tiny, score.matrix(tiny, ahead)) == 0
    assert score.crossover(tiny, score.matrix(tiny, {(0, 1): 0.5})) is None


def test_a_rung_without_a_match_does_not_count(tiny: World) -> None:
    belief = {(2, 1): 0.6, (1, 2): 0.5, (3, 1): 0.65, (2, 2): 0.9}
    assert score.crossover(tiny, score.matrix(tiny, belief)) is not None
    cost = tiny.cost.copy()
    cost[2, 1] = 7.5  # 6 % below the single network of 8
    apart = dataclasses.replace(tiny, cost=cost)
    assert score.crossover(apart, score.matrix(apart, belief)) is None


def test_macs_to_a_goal_first_reached_and_kept() -> None:
    rows = np.array([[1, 0.5], [2, 0.995], [4, 0.98], [8, 0.99], [16, 1.0]])
    assert tables.reached(rows, 1, 0.99) == 2
    assert tables.reached(rows, 1, 0.99, keep=True) == 8
    assert tables.reached(rows, 1, 0.4, keep=True) == 1
    assert tables.reached(rows[:3], 1, 0.99, keep=True) == math.inf
    assert tables.reached(rows[:1], 1, 0.99) == math.inf
    assert tables.at(rows, 7.9)[1] == 0.98
    assert np.isnan(tables.at(rows, 0.5)).all()


def test_the_ratio_censors_at_the_horizon() -> None:
    assert tables.ratio([100.0] * 5, [10.0] * 5, 160)[0] == 10
    assert tables.ratio([math.inf] * 5, [10.0] * 5, 160) == (16, 16, 16)
    middle, low, high = tables.ratio([50, 100, 200, math.inf, 80], [10, 12, 9, 11, 10], 160)
    assert low <= middle <= high
    assert middle == 10


def test_training_is_paid_once_where_members_are_shared(tiny: World) -> None:
    members = strategies.Shared(world=tiny, seed=0)
    assert members.train(2, 2) == members.belief[2, 2]
    assert members.spent == 2 * 30 * 4
    members.train(2, 1)
    assert members.spent == 2 * 30 * 4
    members.train(2, 4)
    assert members.spent == 4 * 30 * 4
    assert set(members.belief) == {(2, 1), (2, 2), (2, 3), (2, 4)}


@pytest.mark.parametrize(
    "variant", ["ensearch", "ensearch, nothing shared", "by hand, TPE", "gain", "cheapest first"]
)
def test_strategies_pay_and_learn_and_repeat(tiny: World, variant: str) -> None:
    ends = []
    for seed in (0, 1):
        traces = trace.replay(tiny, variant, seed, 20.0)
        again = trace.replay(tiny, variant, seed, 20.0)
        for name, rows in traces.items():
            np.testing.assert_array_equal(rows, again[name])
            assert (np.diff(rows[:, tables.SPENT]) >= 0).all()
            assert (rows[:, tables.LOW] <= 1 + 1e-9).all()
            assert (rows[:, tables.REGRET] >= -1e-9).all()
            ends.append(rows[-1, tables.CHANCE])
    # Chance is what knows nothing; whoever has trained for 20 budgets knows most of it.
    assert min(ends) > 0.7


def test_the_gain_of_a_certain_improvement_is_its_area() -> None:
    # The front has error 0.5 from 1 to 10 and 0.2 from there to 100; 0.1 at cost 10 adds 0.1.
    surface = gain.Surface(mean=np.log([0.1, 0.3, 0.3]), sd=np.full(3, 1e-6))
    gains = gain.expected_gain(
        surface, np.array([10.0, 1.0, 10.0]), np.array([1.0, 10.0]), np.array([0.5, 0.2]), 100.0
    )
    np.testing.assert_allclose(gains, [0.1, 0.2, 0], atol=1e-5)


def test_the_surface_recovers_a_power_law(tiny: World) -> None:
    rng = np.random.default_rng(1)
    rows = np.column_stack([rng.uniform(-5, 0, 40), rng.choice([0, 0.5, 0.75], 40), np.zeros(40)])
    errors = -1.5 - 0.3 * rows[:, 0] - 0.4 * rows[:, 1]
    noisy = errors + rng.normal(0, 0.02, 40)
    fitted = gain.fit(rows[:30], noisy[:30], np.ones(30), rows[30:])
    assert np.abs(fitted.mean - errors[30:]).max() < 0.05
    assert (np.abs(fitted.mean - errors[30:]) < 4 * fitted.sd + 0.02).all()


@pytest.mark.parametrize("path", sorted(REPLAY.glob("*.npz")), ids=lambda path: path.stem)
def test_stored_tables_load(path: Path) -> None:
    loaded = world.load(path.with_suffix(".toml"))
    assert loaded.members == tuple(
        max(3, min(8, int(loaded.budget // macs))) for macs in loaded.macs
    )
    assert max(loaded.macs) <= loaded.budget
    # Every cell of ensearch's own ladder can be replayed; it has twice the rungs of a coarse one.
    cells = strategies.picks_of(loaded, loaded.ladder)
    coarse, finer = variants.finer(loaded, 1), variants.finer(loaded, 2)
    assert set(strategies.picks_of(loaded, coarse)) < set(cells)
    assert set(strategies.picks_of(loaded, finer)) == set(cells)
    assert all(cell.cost.macs <= cell.rung for cell in finer.cells)
    for shape, size in cells:
        assert 1 / loaded.classes < loaded.truth[shape, loaded.sizes.index(size)] < 1


def test_stored_tables_stay_small() -> None:
    assert sum(path.stat().st_size for path in REPLAY.glob("*.npz")) <= 10e6
