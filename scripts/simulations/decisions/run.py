"""Strategies and methods on the replays of a table: the outcomes of each, seed by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.simulations.decisions.outcomes import Outcome, Truth
from scripts.simulations.decisions.studies import Strategy, comparable, replay_of, study_of
from scripts.simulations.replay.world import World
from scripts.simulations.verdicts.interface import Answer, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Outcomes by the names of strategy and method, an entry for each seed.

    `budgets` are those that the table can match; `unit` is the mean of what today's search spends.
    """

    budgets: tuple[float, ...]
    unit: float
    found: Mapping[tuple[str, str], Sequence[Outcome]]


def run(
    world: World,
    strategies: Sequence[Strategy],
    methods: Mapping[str, Method],
    seeds: Sequence[int],
    margin: float,
) -> Outcomes:
    """Return what every strategy and method comes to; a method sees all budgets of the ladder."""
    budgets, ladder = comparable(world), sorted(world.ladder.budgets)
    found: dict[tuple[str, str], list[Outcome]] = {
        (strategy.name, method): [] for strategy in strategies for method in methods
    }
    spent = []
    for seed in seeds:
        replay = replay_of(world, seed)
        truth = Truth(replay)
        spent.append(replay.today.spent)
        for strategy in strategies:
            study = study_of(replay, strategy)
            for name, method in methods.items():
                said = method(study.evaluations, ladder, study.hits, margin, seed)
                rows = said.rows if isinstance(said, Answer) else said
                found[strategy.name, name].append(truth.outcome(study, rows, budgets))
    return Outcomes(budgets=tuple(budgets), unit=sum(spent) / len(spent), found=found)
