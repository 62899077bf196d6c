"""A study replayed from a table: evaluations and hits on half of the images, truth on the other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ensearch.core import Cost, Evaluation, Scores, SubsetHits
from ensearch.ensembles.averaging import subset_seed, subsets
from ensearch.fronts.matching import is_matched
from ensearch.seeds import derive
from scripts.simulations.replay.orders import ORDERS
from scripts.simulations.replay.score import Belief
from scripts.simulations.replay.strategies import Shared, on_ladder
from scripts.simulations.replay.world import World

ALL = 70  # no table has more subsets of one size: 4 of 8 members


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """So many trials with so many seeds of every network; None: for the cost of today's search.

    Today's search is that of the same replay with 40 trials and 1 seed, budgets in the order
    "cheapest"; a study for its cost ends before the trial that would cost more. `order` is one of
    `ORDERS`.
    """

    trials: int | None
    seeds: int
    order: str = "product"

    @property
    def name(self) -> str:
        trials = "cost of 40" if self.trials is None else f"{self.trials} trials"
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return f"{trials}, {seeds}" + ("" if self.order == "product" else f", {self.order}")


TODAY = Strategy(trials=40, seeds=1, order="cheapest")


def parse_strategy(text: str) -> Strategy:
    """Return the strategy of 20x3 (trials x seeds), x3 (for the cost of today's) or 20x3:cheapest.

    ValueError for anything else.
    """
    found = re.fullmatch(r"(\d*)x(\d+)(?::(.*))?", text)
    if not found or (order := found[3] or "product") not in ORDERS:
        raise ValueError(f"a strategy is TRIALSxSEEDS[:ORDER] with ORDER of {list(ORDERS)}: {text}")
    return Strategy(trials=int(found[1]) if found[1] else None, seeds=int(found[2]), order=order)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """What a strategy has after its last trial; `spent` are all multiply-adds of training.

    `masks` has the members of each network of `world` as bits.
    """

    world: World
    seed: int
    masks: Mapping[int, int]
    evaluations: tuple[Evaluation, ...]
    hits: Mapping[str, SubsetHits]
    belief: Belief
    trials: int
    spent: float

    @property
    def most(self) -> Mapping[str, int]:
        """How many more members of each network the table has."""
        return {
            network: self.world.members[shape] - self.masks[shape].bit_count()
            for network, shape in self._shapes().items()
        }

    def _shapes(self) -> dict[str, int]:
        places = {shape: place for place, shape in enumerate(self.world.shapes)}
        return {e.network: places[e.architecture] for e in self.evaluations}

    def with_more(self, more: Mapping[str, int]) -> "Study":
        """Return it with more members of networks; the sizes that are evaluated stay the same."""
        masks, spent, shapes = dict(self.masks), self.spent, self._shapes()
        for network, count in more.items():
            shape = shapes[network]
            rest = [m for m in range(self.world.members[shape]) if not masks[shape] >> m & 1]
            order = np.random.default_rng(derive(self.seed, "settle", shape)).permutation(256)
            for member in sorted(rest, key=lambda m: int(order[m]))[:count]:
                masks[shape] |= 1 << member
            spent += count * self.world.train_macs(shape)
        same = {e.key for e in self.evaluations}
        evaluations, hits = evaluate(self.world, masks, self.seed)
        return replace(
            self,
            masks=masks,
            spent=spent,
            evaluations=tuple(e for e in evaluations if e.key in same),
            hits={key: found for key, found in hits.items() if key in same},
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replay:
    """One table with its images split in two halves, of which a study sees the first.

    `truth` holds every configuration of the table within the budget, scored on the other half by
    all subsets of all members, and `truth_hits` its hits; both by the evaluation's key.
    """

    seed: int
    seen: World
    other: World
    truth: Mapping[str, Evaluation]
    truth_hits: Mapping[str, SubsetHits]
    today: Study


def replay_of(world: World, seed: int) -> Replay:
    """Return the replay of a seed: its split of the images, the truth and today's search."""
    shuffled = np.random.default_rng(derive(seed, "images")).permutation(world.images)
    half = world.images // 2
    seen = world.on_images(shuffled[:half])
    # Seeds that no ensemble of the space needs make ensembles of other sizes: they count as well.
    other = world.on_images(shuffled[half:]).of_sizes(range(1, max(world.sizes) + 1))
    truth, hits = everything(other)
    return Replay(
        seed=seed,
        seen=seen,
        other=other,
        truth={e.key: e for e in truth},
        truth_hits=hits,
        today=_study(seen, TODAY, seed, np.inf),
    )


def study_of(replay: Replay, strategy: Strategy) -> Study:
    """Return the study that a strategy makes in a replay."""
    return _study(replay.seen, strategy, replay.seed, replay.today.spent)


def everything(world: World) -> tuple[list[Evaluation], dict[str, SubsetHits]]:
    """Return evaluations and hits of all configurations of a table within the budget."""
    masks = {shape: 2**members - 1 for shape, members in enumerate(world.members)}
    return evaluate(world, masks, 0, limit=ALL)


def comparable(world: World) -> list[float]:
    """Return the ladder's budgets, ascending, at which the whole table is matched."""
    evaluations, _ = everything(world)
    budgets = sorted(world.ladder.budgets)
    accuracies = np.array([e.scores.accuracy for e in evaluations])
    return [b for b in budgets if is_matched(evaluations, accuracies, b)]


def evaluate(
    world: World, masks: Mapping[int, int], seed: int, limit: int = 20
) -> tuple[list[Evaluation], dict[str, SubsetHits]]:
    """Return evaluations and hits of all sizes of the trained members that fit into the budget.

    `masks` has the members of each touched network as bits. Scores other than the accuracy are NaN.
    """
    evaluations, hits = [], {}
    for shape, mask in masks.items():
        members = [m for m in range(world.members[shape]) if mask >> m & 1]
        for size in range(1, len(members) + 1):
            if world.fits((shape, size)):
                evaluation, found = _evaluate(world, shape, members, size, seed, limit)
                evaluations.append(evaluation)
                hits[evaluation.key] = found
    return evaluations, hits


def _evaluate(
    world: World, shape: int, members: Sequence[int], size: int, seed: int, limit: int
) -> tuple[Evaluation, SubsetHits]:
    architecture = world.shapes[shape]
    drawn = subsets(len(members), size, limit, subset_seed(seed, architecture.key, size))
    rows = [sum(1 << members[i] for i in subset) for subset in drawn]
    hits = world.hits[shape][rows]
    nan = float("nan")
    evaluation = Evaluation(
        architecture=architecture,
        schedule=world.ladder.cells[0].schedule,
        size=size,
        trained=len(members),
        subsets=len(drawn),
        split="val",
        cost=Cost(macs=world.macs[shape], params=0).times(size),
        train_macs=size * world.train_macs(shape),
        scores=Scores(
            accuracy=float(hits.mean()),
            nll=nan,
            nll_scaled=nan,
            brier=nan,
            ece=nan,
            disagreement=nan,
            member_accuracy=nan,
        ),
    )
    return evaluation, SubsetHits(subsets=tuple(drawn), hits=hits)


def _study(world: World, strategy: Strategy, seed: int, allowance: float) -> Study:
    members = Shared(world=world, seed=seed, least=strategy.seeds)
    sampler = ORDERS[strategy.order](world.ladder, "tpe", seed)
    trials, spent, masks, belief = 0, 0.0, dict(members.masks), dict(members.belief)
    for step in on_ladder(world, np.inf, sampler, members):
        if strategy.trials is None and step.spent > allowance * (1 + 1e-9):
            break
        trials, spent = trials + 1, step.spent
        masks, belief = dict(members.masks), dict(members.belief)
        if trials == strategy.trials:
            break
    evaluations, hits = evaluate(world, masks, seed)
    return Study(
        world=world,
        seed=seed,
        masks=masks,
        evaluations=tuple(evaluations),
        hits=hits,
        belief=belief,
        trials=trials,
        spent=spent,
    )
