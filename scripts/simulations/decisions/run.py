"""Strategies and methods on the replays of a table: the outcomes of each, seed by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scripts.simulations.decisions.outcomes import Outcome, Truth
from scripts.simulations.decisions.studies import Strategy, Study, comparable, replay_of, study_of
from scripts.simulations.replay.world import World
from scripts.simulations.verdicts.interface import Answer, Method
from scripts.simulations.verdicts.settling import Settling, settle_grown


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
    settled: Sequence[Settling] = (),
) -> Outcomes:
    """Return what every strategy and method comes to; a method sees all budgets of the ladder.

    Every way in which studies are settled counts as a method.
    """
    budgets, ladder = comparable(world), sorted(world.ladder.budgets)
    names = [*methods, *(how.name for how in settled)]
    found: dict[tuple[str, str], list[Outcome]] = {
        (strategy.name, name): [] for strategy in strategies for name in names
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
            for how in settled:
                outcome = _settled(study, truth, ladder, budgets, margin, how)
                found[strategy.name, how.name].append(outcome)
    return Outcomes(budgets=tuple(budgets), unit=sum(spent) / len(spent), found=found)


def _settled(
    study: Study,
    truth: Truth,
    ladder: Sequence[float],
    budgets: Sequence[float],
    margin: float,
    how: Settling,
) -> Outcome:
    """Return what settling a study comes to; `trials` and belief are those of its search."""
    settled = settle_grown(study, ladder, margin, study.seed, how)
    looks = [truth.outcome(study, answer.rows, budgets) for answer in settled.answers]
    return replace(
        looks[-1],
        spent=study.spent * (1 + settled.cost),
        earlier=tuple(look.rows for look in looks[:-1]),
    )
