"""Decisions on replays: strategies are priced, verdicts are judged by images that none saw."""

from pathlib import Path

import numpy as np
import pytest

from ensearch.fronts import Verdict
from ensearch.fronts.matching import is_matched
from scripts.simulations.decisions import studies, tables
from scripts.simulations.decisions.outcomes import Outcome, RowOutcome, Truth
from scripts.simulations.decisions.run import run
from scripts.simulations.decisions.studies import Replay, Strategy
from scripts.simulations.replay import world
from scripts.simulations.replay.world import World
from scripts.simulations.verdicts.interface import RowVerdict
from scripts.simulations.verdicts.methods import METHODS


@pytest.fixture(scope="module")
def cifar() -> World:
    return world.load(Path(world.__file__).parent / "cifar10-30k.toml")


@pytest.fixture(scope="module")
def replay(cifar: World) -> Replay:
    return studies.replay_of(cifar, 0)


def test_strategies_have_names_and_short_names() -> None:
    assert studies.parse_strategy("20x3") == Strategy(trials=20, seeds=3)
    assert studies.parse_strategy("x2:asked second").name == "cost of 40, 2 seeds, asked second"
    for wrong in ("20", "20x3:dearest", "x"):
        with pytest.raises(ValueError, match="TRIALSxSEEDS"):
            studies.parse_strategy(wrong)


def test_the_halves_share_members_and_no_image(cifar: World, replay: Replay) -> None:
    assert replay.seen.images == replay.other.images == 1250
    for shape in range(len(cifar.shapes)):
        both = (replay.seen.accuracy[shape] + replay.other.accuracy[shape]) / 2
        np.testing.assert_allclose(both, cifar.accuracy[shape])
    e = next(e for e in replay.truth.values() if e.size == 2)
    shape = cifar.shapes.index(e.architecture)
    assert e.scores.accuracy == pytest.approx(replay.other.truth[shape, 1])
    assert np.isfinite(replay.other.cost).sum() == len(replay.truth)
    assert max(e.cost.macs for e in replay.truth.values()) <= cifar.budget


def test_a_study_pays_for_its_seeds_and_stops_at_the_cost_of_today(replay: Replay) -> None:
    study = studies.study_of(replay, Strategy(trials=8, seeds=3, order="cheapest"))
    trained = {e.network: (e.trained, e.train_macs / e.size) for e in study.evaluations}
    assert study.trials == 8
    assert min(members for members, _ in trained.values()) == 3
    assert study.spent == pytest.approx(sum(m * macs for m, macs in trained.values()))
    assert all(replay.seen.fits(pick) for pick in study.belief)
    for e in study.evaluations:
        assert study.hits[e.key].hits.mean() == e.scores.accuracy
        assert len(study.hits[e.key].subsets) == e.subsets <= 20
    again = studies.study_of(replay, Strategy(trials=8, seeds=3, order="cheapest"))
    assert [e.key for e in again.evaluations] == [e.key for e in study.evaluations]
    capped = studies.study_of(replay, Strategy(trials=None, seeds=3, order="cheapest"))
    assert 0.7 * replay.today.spent < capped.spent <= replay.today.spent
    assert capped.trials < replay.today.trials == 40


def test_the_asked_budget_may_come_second(cifar: World, replay: Replay) -> None:
    top = cifar.ladder.budgets[0]
    for order, expected in (("cheapest", False), ("asked second", True)):
        study = studies.study_of(replay, Strategy(trials=4, seeds=1, order=order))
        accuracies = np.array([e.scores.accuracy for e in study.evaluations])
        assert is_matched(study.evaluations, accuracies, top) == expected


def test_an_outcome_is_scored_by_the_unseen_half(cifar: World, replay: Replay) -> None:
    study = studies.study_of(replay, Strategy(trials=14, seeds=2, order="cheapest"))
    budgets = studies.comparable(cifar)
    assert budgets[-1] == cifar.budget
    best = max(replay.truth.values(), key=lambda e: e.scores.accuracy)
    rows = [
        RowVerdict(
            budget=budget, verdict="equal", low=-0.01, high=0.03, matched=True, take_key=best.key
        )
        for budget in sorted(cifar.ladder.budgets)
    ]
    found = Truth(replay).outcome(study, rows, budgets)
    assert [row.budget for row in found.rows] == budgets
    top = found.rows[-1]
    assert top.loss == 0
    assert top.loss_today >= 0
    assert top.half == pytest.approx(0.02)
    assert 0 < top.image_error < top.error
    tried = [replay.truth[e.key] for e in study.evaluations]
    single, ensemble = (
        max(e.scores.accuracy for e in tried if e.is_single == kind) for kind in (True, False)
    )
    assert top.advantage == pytest.approx(ensemble - single)
    assert 0 < found.hypervolume <= 1


def test_a_run_judges_every_strategy_by_every_method(cifar: World) -> None:
    strategies = [studies.parse_strategy(text) for text in ("13x1:cheapest", "13x3:cheapest")]
    outcomes = run(cifar, strategies, {"band": METHODS["fronts"]}, (0, 1), 0.01)
    assert outcomes.budgets == tuple(studies.comparable(cifar))
    assert list(outcomes.found) == [(strategy.name, "band") for strategy in strategies]
    few, many = outcomes.found.values()
    assert [len(few), len(many)] == [2, 2]
    assert all(a.spent < b.spent for a, b in zip(few, many, strict=True))
    for outcome in (*few, *many):
        for row in outcome.rows:
            assert row.matched == (row.half > 0)
            assert min(row.loss, row.loss_search, row.loss_informed) >= 0
    cells = tables.compared("3 seeds", many, few, outcomes.unit).split(" | ")
    assert len(cells) == len(tables.COMPARED)


def _row(verdict: Verdict, matched: bool = True) -> RowOutcome:
    return RowOutcome(
        budget=1.0,
        verdict=verdict,
        matched=matched,
        low=-0.01,
        high=0.03,
        advantage=0.01,
        held_out=0.02,
        of_table=0.0,
        error=0.001,
        image_error=0.001,
        loss=0.02,
        loss_today=0.01,
        loss_search=0.005,
        loss_informed=0.0,
    )


def test_weak_rows_count_half_and_strong_ones_need_a_match() -> None:
    rows = (_row("ensembles"), _row("ensemble at worst equal"), _row("undecided"))
    found = [
        Outcome(
            rows=(*rows, _row("single", matched=False)),
            trials=10,
            spent=3.0,
            hypervolume=volume,
            regret=regret,
        )
        for volume, regret in ((0.9, 0.01), (1.0, 0.0))
    ]
    cells = dict(
        zip(tables.COLUMNS, tables.line("20x3", "m", found, 2.0, 0.01).split(" | "), strict=True)
    )
    assert cells["cost"] == "1.50"
    assert cells["matched"] == "75.0"
    assert cells["ensembles"] == "25.0"
    assert cells["single"] == "0.0"
    assert cells["undecided"] == "50.0"
    assert cells["decided, weak half"] == "37.5 ± 0.0"
    assert cells["decided, weak full"] == "50.0 ± 0.0"
    assert cells["wrong"] == "25.0 ± 0.0"
    assert cells["wrong, held out"] == "25.0"
    assert cells["wrong by the table"] == "50.0"
    assert cells["loss"] == "2.00 ± 0.00"
