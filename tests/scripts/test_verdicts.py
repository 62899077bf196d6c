"""The simulation of verdicts, small: its worlds are what they claim, and it grades rightly."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensearch.fronts import Verdict
from scripts.simulations.verdicts import table
from scripts.simulations.verdicts.cells import Cell, Outcome, load, run, save
from scripts.simulations.verdicts.grading import Grade, grade, grade_looks, is_wrong
from scripts.simulations.verdicts.interface import Answer, RowVerdict
from scripts.simulations.verdicts.methods import METHODS
from scripts.simulations.verdicts.noise import common, expected
from scripts.simulations.verdicts.settling import Settling, settle
from scripts.simulations.verdicts.study import CHEAPEST, Network, Truth, layout
from scripts.simulations.verdicts.worlds import WORLDS, World, steady


@pytest.mark.parametrize(
    "name",
    [
        "crossing -0.5 to +0.5",
        "99.7 % at the top, D = +0.07",
        "spread falling with cost, crossing -1 to +1",
        "heavy tails, D = 0",
        "networks of a depth alike, D = 0",
        "2 classes, D = 0",
    ],
)
def test_expected_accuracies_are_those_of_many_studies(name: str) -> None:
    """The mean of 200 studies is within 4 of its standard errors, for each of 50 evaluations."""
    made, studies = layout(WORLDS[name]), 200
    measured = np.array(
        [[e.scores.accuracy for e in made.study(200, seed).evaluations] for seed in range(studies)]
    )
    truth = np.array([made.truth.accuracies[e.key] for e in made.study(10, 0).evaluations])
    errors = measured.std(axis=0, ddof=1) / math.sqrt(studies)
    assert np.abs((measured.mean(axis=0) - truth) / errors).max() < 4


def test_heavy_tails_are_a_mixture_over_the_number_of_bad_members() -> None:
    """100,000 ensembles of 4: hits drawn from the model itself, without the closed form."""
    world, rng, size = WORLDS["heavy tails, D = 0"], np.random.default_rng(0), 4
    draws, luck, shift, threshold = 100_000, 0.2, 0.5, -0.6
    bad = rng.random((draws, size)) < world.bad
    members = world.errors.member * rng.standard_normal((draws, size))
    members += luck * rng.standard_normal((draws, size)) - shift * bad
    common = math.hypot(world.errors.shared, world.errors.network) * rng.standard_normal(draws)
    hits = common + members.mean(axis=1) > threshold
    assert expected(world, threshold, size, luck, shift) == pytest.approx(hits.mean(), abs=0.006)


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "advantages"),
    [
        ("D = -1 everywhere", [-0.01] * 9),
        ("D = +0.5 everywhere", [0.005] * 9),
        ("98 % at the top, D = +0.3", [0.003] * 9),
        ("heavy tails, D = 0", [0.0] * 9),
        ("10 + 1 everywhere", [0.0] * 5),
        ("1 + 10 everywhere", [0.0] * 5),
        ("crossing -2 to +2", [-0.02 + 0.005 * k for k in range(9)]),
        ("members -3, gain more, crossing -1 to +1", [-0.01 + 0.0025 * k for k in range(9)]),
        ("both kinds perfect", [0.0] * 9),
    ],
)
def test_true_advantages_are_the_ones_named(name: str, advantages: list[float], seeds: int) -> None:
    truth = layout(WORLDS[name], seeds).truth
    assert truth.advantages == pytest.approx(advantages, abs=1e-12)


def test_crossovers() -> None:
    assert layout(WORLDS["D = +1 everywhere"]).truth.crossover == 0
    assert layout(WORLDS["D = 0 everywhere"]).truth.crossover == math.inf
    assert layout(WORLDS["crossing -2 to +2"]).truth.crossover == pytest.approx(4 * CHEAPEST)
    doublings = layout(WORLDS["crossing -2 to +2, doublings"]).truth.crossover
    assert doublings == pytest.approx(CHEAPEST * 2**3.5)


@pytest.mark.parametrize("name", WORLDS)
def test_both_kinds_use_each_budget_to_the_full(name: str) -> None:
    made = layout(WORLDS[name])
    costs = [(e.is_single, e.cost.macs) for e in made.study(10, 0).evaluations]
    assert max(macs for _, macs in costs) <= made.truth.budgets[-1]
    for budget in made.truth.budgets:
        used = [single for single, macs in costs if 0.9999 * budget < macs <= budget]
        assert set(used) == {True, False}


def test_ten_and_one_compete() -> None:
    made = layout(WORLDS["10 + 1 at the bottom, 1 + 10 at the top"])
    for rung, single, ensemble in ((0, 10, 1), (8, 1, 10)):
        budget = made.truth.budgets[rung]
        near = [
            e.is_single
            for e in made.study(10, 0).evaluations
            if e.cost.macs > 0.9999 * budget
            and e.cost.macs <= budget
            and made.truth.accuracies[e.key] > made.truth.best_singles[rung] - 0.0011
        ]
        assert (sum(near), len(near) - sum(near)) == (single, ensemble)


def spread(network: Network, world: World) -> float:
    """The standard deviation between seeds of a member's accuracy on all images, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    rest = math.sqrt(common(world) + world.errors.member**2)
    threshold = float(network.thresholds[0, 0])
    levels = [(network.luck * node - threshold) / rest for node in nodes]
    accuracies = np.array([0.5 * math.erfc(-level / math.sqrt(2)) for level in levels])
    weights = weights / weights.sum()
    return math.sqrt(weights @ accuracies**2 - (weights @ accuracies) ** 2)


def test_spreads_are_the_ones_named() -> None:
    world = WORLDS["spread falling with cost, D = 0"]
    networks = layout(world).networks
    for network, c in ((networks[0], 0.27), (networks[-1], 0.09)):
        p = network.sizes[0].accuracy
        assert spread(network, world) == pytest.approx(c * p * (1 - p), rel=0.03)


def test_members_vary_between_seeds_by_the_spread() -> None:
    """A spread so large that images hardly matter: 3 members of 17 networks in 40 studies."""
    world = replace(WORLDS["D = 0 everywhere"], spread=steady(1.0))
    made = layout(world)
    variances = np.zeros(len(made.networks))
    for seed in range(40):
        study = made.study(500, seed)
        singles = [study.hits[e.key].hits for e in study.evaluations if e.is_single]
        variances += [hits.mean(axis=1).var(ddof=1) / 40 for hits in singles]
    ratios = variances / [spread(network, world) ** 2 for network in made.networks]
    assert ratios.mean() == pytest.approx(1, abs=0.1)


def test_bad_members_lose_seven_points() -> None:
    world = WORLDS["heavy tails, D = 0"]
    network = layout(world).networks[5]
    threshold, size = float(network.thresholds[0, 0]), network.sizes[0]
    sd = math.sqrt(
        world.errors.shared**2 + world.errors.network**2 + world.errors.member**2 + network.luck**2
    )
    good, bad = (
        0.5 * math.erfc((threshold + shift) / sd / math.sqrt(2)) for shift in (0, network.shift)
    )
    assert good - bad == pytest.approx(0.07, abs=1e-6)
    assert 0.92 * good + 0.08 * bad == pytest.approx(size.accuracy, abs=1e-6)


@pytest.mark.parametrize(
    ("verdict", "right", "wrong"),
    [
        ("ensembles", [0.001], [0.0, -0.02]),
        ("single", [-0.001], [0.0, 0.02]),
        ("equal", [0.0, 0.009, -0.009], [0.01, -0.01]),
        ("ensemble at worst equal", [-0.009, 0.02], [-0.01]),
        ("single at worst equal", [0.009, -0.02], [0.01]),
        ("undecided", [-0.02, 0.0, 0.02], []),
    ],
)
def test_what_is_wrong(verdict: str, right: list[float], wrong: list[float]) -> None:
    assert not any(is_wrong(verdict, d, 0.01) for d in right)
    assert all(is_wrong(verdict, d, 0.01) for d in wrong)


def test_unknown_verdicts_are_refused() -> None:
    with pytest.raises(ValueError, match="no such verdict: maybe"):
        is_wrong("maybe", 0.0, 0.01)


TRUTH = Truth(
    budgets=(1.0, 2.0),
    accuracies={"a": 0.8, "b": 0.79, "c": 0.9},
    best_singles=(0.8, 0.88),
    best_ensembles=(0.79, 0.9),
)


def row(k: int, verdict: Verdict, low: float, high: float, take: str) -> RowVerdict:
    budget = TRUTH.budgets[k]
    return RowVerdict(
        budget=budget, verdict=verdict, low=low, high=high, matched=True, take_key=take
    )


def test_grades() -> None:
    rows = [row(0, "single", -0.02, -0.005, "b"), row(1, "single", -0.03, -0.001, "c")]
    found = grade(Answer(rows, (1.2, math.inf)), TRUTH, 0.01)
    assert found.wrong == (1,)
    assert found.band is False
    assert found.crossover is True  # 1.26
    assert found.loss == pytest.approx(0.005)
    assert grade([*rows[:1], row(1, "ensembles", 0.01, 0.03, "c")], TRUTH, 0.01).band is True
    with pytest.raises(ValueError, match="expected rows"):
        grade(rows[:1], TRUTH, 0.01)


CELL = Cell(world="D = +1 everywhere", images=500, seeds=3, margin=0.01)


def test_what_is_kept_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def always(*given: object) -> list[RowVerdict]:
        calls.append(1)
        return [
            RowVerdict(
                budget=budget, verdict="single", low=0.0, high=0.02, matched=True, take_key=None
            )
            for budget in CELL.layout.truth.budgets
        ]

    monkeypatch.setitem(METHODS, "always single", always)
    first = run(CELL, ["always single"], range(3), tmp_path)
    (again,) = run(CELL, ["always single"], range(5), tmp_path)
    assert len(calls) == 5
    assert {seed: again.grades[seed] for seed in range(3)} == first[0].grades
    assert all(grade.wrong == tuple(range(9)) and grade.band for grade in again.grades.values())
    assert load(CELL, "always single", tmp_path).grades == again.grades


def test_results_of_another_world_are_refused(tmp_path: Path) -> None:
    save(Outcome(cell=CELL, method="any"), tmp_path)
    path = CELL.path(tmp_path, "any")
    content = json.loads(path.read_text())
    content["world"] += 1
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="another world"):
        load(CELL, "any", tmp_path)


def test_no_two_cells_share_a_file() -> None:
    paths = {Cell(world=n, images=500, seeds=3, margin=0.01).path(Path(), "x") for n in WORLDS}
    assert len(paths) == len(WORLDS)


def test_table() -> None:
    right = Grade(
        verdicts=("ensembles", "undecided"),
        lows=(0.01, None),
        highs=(0.03, None),
        wrong=(),
        band=True,
        crossover=None,
        loss=0.001,
    )
    wrong = Grade(
        verdicts=("single at worst equal", "undecided"),
        lows=(-0.04, None),
        highs=(0.0, None),
        wrong=(0,),
        band=False,
        crossover=True,
        loss=None,
    )
    outcome = Outcome(cell=CELL, method="any", grades={0: right, 1: wrong})
    assert table.line(outcome, range(2)) == (
        "| D = +1 everywhere | 500 | 50.0 | 100.0 | 1 of 2 **fails** | 25.0 | 25.0 | 50.0 "
        "| 1.50 | 0.100 | 1.0 | 0.00 |"
    )
    assert "1 of 1 cells fail" in table.totals([outcome], range(2))
    assert "0 of 1 cells fail" in table.totals([outcome], range(1))


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_right_where_ensembles_lead_by_far(method: str, tmp_path: Path) -> None:
    cell = Cell(world="below, right law", images=5_000, seeds=3, margin=0.01)
    (outcome,) = run(cell, [method], range(2), tmp_path)
    for found in outcome.grades.values():
        assert not found.wrong
        assert found.verdicts[-1] == "ensembles"
        assert found.loss is not None
        assert found.loss < 0.01


def test_two_splits_have_other_images() -> None:
    """Only one half of the images scores: its intervals are wider."""
    made = layout(WORLDS["crossing -2 to +2"])
    study = made.study(5_000, 0)
    halves = []
    for method in ("fronts", "fronts of two splits"):
        answer = METHODS[method](study.evaluations, made.truth.budgets, study.hits, 0.01, 0)
        assert isinstance(answer, Answer)
        halves.append([row.high - row.low for row in answer.rows if row.high and row.low])
    assert np.mean(halves[1]) > 1.1 * np.mean(halves[0])


def test_more_members_are_new_and_leave_the_others_as_they_were() -> None:
    drawn = layout(WORLDS["D = 0 everywhere"]).draw(300, 5)
    before = drawn.study()
    first = next(e for e in before.evaluations if e.trained == 3)
    network, key = first.network, first.key
    after = drawn.with_more({network: 9}).study()
    assert [e.key for e in after.evaluations] == [e.key for e in before.evaluations]
    for one, other in zip(before.evaluations, after.evaluations, strict=True):
        if one.network == network:
            assert (one.trained, other.trained) == (3, 12)
        else:
            assert one == other
    assert (after.hits[key].hits[:3] == before.hits[key].hits).all()
    assert not (after.hits[key].hits[3:6] == before.hits[key].hits).all()
    again = drawn.with_more({network: 9}).study()
    assert (again.hits[key].hits == after.hits[key].hits).all()


@pytest.mark.parametrize("shown", [True, False])
def test_a_settled_study_spends_no_more_than_it_may(shown: bool) -> None:
    made = layout(WORLDS["crossing -0.5 to +0.5"])
    how = Settling(cost=0.5, rule="variance", shown=shown)
    assert Settling.parse(how.name) == how
    settled = settle(made.draw(2_500, 30_000), made.truth.budgets, 0.01, 1, how)
    assert 2 <= len(settled.answers) <= 4 + shown
    assert 0 < settled.cost <= 0.5
    last = grade_looks(settled.answers, settled.cost, made.truth, 0.01)
    first = grade(settled.answers[0], made.truth, 0.01)
    assert last.looks == len(settled.answers)
    assert last.verdicts.count("undecided") <= first.verdicts.count("undecided")
