"""What a decided answer costs: the script that ensearch is held against, and how it decides."""

import math

import pytest

from scripts.simulations.verdicts.decided import (
    Decision,
    Pair,
    Script,
    by_ensearch,
    line,
    trials_of,
)
from scripts.simulations.verdicts.decided import verdict_of as verdict
from scripts.simulations.verdicts.study import layout
from scripts.simulations.verdicts.worlds import WORLDS

NAME = "D = +1.5 everywhere"


def test_an_interval_of_welch_decides() -> None:
    # Means 0.81 and 0.80, both variances 2e-4: standard error 0.0141, t(2) = 4.30.
    assert verdict([0.80, 0.82], [0.79, 0.81]) == "undecided"
    assert verdict([0.90, 0.9001], [0.80, 0.8001]) == "ensembles"
    assert verdict([0.80, 0.8001], [0.90, 0.9001]) == "single"
    assert verdict([0.8, 0.8], [0.8, 0.8]) == "equal"
    assert verdict([0.80, 0.81], [0.80, 0.81] * 20) == "undecided"
    # A lead of 0.5 points, known to 1.4: at worst 0.9 behind.
    assert verdict([0.800, 0.810] * 3, [0.795, 0.805] * 3) == "ensemble at worst equal"
    assert verdict([0.795, 0.805] * 3, [0.800, 0.810] * 3) == "single at worst equal"


def test_every_trial_of_a_world_is_one_of_its_evaluations() -> None:
    made = layout(WORLDS[NAME])
    trials = trials_of(made)
    assert len(trials) == len(made.world.trials)
    for (place, size), trial in zip(trials, made.world.trials, strict=True):
        assert size in made.networks[place].sizes
        assert size.size == trial.size
        budget = made.truth.budgets[trial.rung]
        assert size.template.cost.macs == pytest.approx(budget, rel=0.05)


def test_the_script_trains_members_anew_and_counts_them() -> None:
    made = layout(WORLDS[NAME])
    script = Script(made.draw(2_500, 7))
    single, ensemble = script.finalists()
    assert single.size.size == 1 < ensemble.size.size
    searched = math.fsum(size.template.train_macs for _, size in trials_of(made))
    assert script.spent == pytest.approx(searched)
    used = sum(script.used.values())
    assert used == sum(trial.size for trial in made.world.trials)
    first = script.trained(single.place, single.size)
    assert first != script.trained(single.place, single.size), "a member was used twice"
    assert script.spent == pytest.approx(searched + 2 * single.size.template.train_macs)


def test_both_sides_decide_a_clear_world() -> None:
    made = layout(WORLDS[NAME])
    drawn = made.draw(10_000, 3)
    ours, script = by_ensearch(drawn, 3, 1.0), Script(drawn).decide(16)
    for decision in (ours, script):
        assert decision.verdict in ("ensembles", "ensemble at worst equal")
        assert decision.spent > 0


def test_ratios_are_of_studies_in_which_both_decide() -> None:
    pairs = [
        Pair(Decision("ensembles", 2.0), Decision("ensembles", 3.0), 0.01),
        Pair(Decision("undecided", 2.0), Decision("single", 8.0), 0.01),
    ]
    assert line("a world", pairs) == "| a world | 50 | 0.0 | 100 | 50.0 | 1.50 [1.50, 1.50] | 2 |"
