"""What a decided answer costs in training: ensearch's search and settlement against a script.

    python -m scripts.simulations.verdicts.decided --studies 40 --images 2500

Both decide at the largest budget of a world whose truth is known, by the trials of `worlds.py` and
the same images. ensearch trains every network with --seeds members that all its ensembles share,
and settles with at most --cost times the training of its search; its answer counts from the first
look that decides. The script is what a competent person writes: every trial trains members of its
own, the best single network and the best ensemble within the budget are its finalists, and they
are trained again from fresh seeds, 2, 4, 8, ... and at most --repeats times each, until the
interval of their difference (Welch's, 95 %, over those seeds) decides by the same verdicts. Its
intervals do not know the noise of the images, nor that it looks several times.

A ratio is the script's multiply-adds of training over ensearch's in the same study, where both
decide; the median, with the middle half of the studies in brackets. A wrong answer contradicts the
true advantage.
"""

import argparse
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from ensearch.fronts import Verdict, allocation
from scripts.simulations.verdicts.grading import is_wrong
from scripts.simulations.verdicts.settling import Settling, settle
from scripts.simulations.verdicts.study import Drawn, Layout, Network, Size, layout
from scripts.simulations.verdicts.worlds import WORLDS

MARGIN = 0.01


class Decision(NamedTuple):
    """What was said of the largest budget, and the multiply-adds of training by then."""

    verdict: Verdict
    spent: float


class Pair(NamedTuple):
    """Both sides' decisions about one study, and the true advantage there."""

    ours: Decision
    script: Decision
    advantage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """A trial's configuration with what it was measured to be."""

    place: int  # of its network in the layout
    size: Size
    accuracy: float


class Script:
    """The person's script in one study: it never uses a member twice."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn, self.layout = drawn, drawn.layout
        self.used: Counter[int] = Counter()
        self.spent = 0.0

    def decide(self, repeats: int) -> Decision:
        """Search, then repeat the finalists until the answer is decided."""
        single, ensemble = self.finalists()
        verdict: Verdict = "undecided"
        alone: list[float] = []
        together: list[float] = []
        while verdict == "undecided" and len(alone) < repeats:
            for _ in range(max(2, len(alone))):  # 2, 4, 8, ... in all
                alone.append(self.trained(single.place, single.size))
                together.append(self.trained(ensemble.place, ensemble.size))
            verdict = verdict_of(together, alone)
        return Decision(verdict, self.spent)

    def finalists(self) -> tuple[Finalist, Finalist]:
        """Train every trial, and return the best single network and the best ensemble."""
        tried = [self._tried(*trial) for trial in trials_of(self.layout)]
        kinds = ([f for f in tried if (f.size.size == 1) == single] for single in (True, False))
        single, ensemble = (max(kind, key=lambda f: f.accuracy) for kind in kinds)
        return single, ensemble

    def _tried(self, place: int, size: Size) -> Finalist:
        return Finalist(place=place, size=size, accuracy=self.trained(place, size))

    def trained(self, place: int, size: Size) -> float:
        """Train members of its own and return the accuracy of their ensemble."""
        network, first = self.layout.networks[place], self.used[place]
        self.used[place] += size.size
        lacking = self.used[place] - len(self.drawn.own[place])
        if lacking > 0:
            # Many at once: every call copies what there is.
            self.drawn = self.drawn.with_more({network.key: lacking + 16 * size.size})
        members = self.drawn.own[place][first : self.used[place]]
        level = members.mean(axis=0) + self.drawn.common[place]
        self.spent += size.template.train_macs
        return float((level > network.thresholds[size.rows.start, 0]).mean())


def verdict_of(ensembles: Sequence[float], singles: Sequence[float]) -> Verdict:
    """Return what Welch's interval of the difference decides; see the module."""
    difference = statistics.mean(ensembles) - statistics.mean(singles)
    parts = [statistics.variance(kind) / len(kind) for kind in (ensembles, singles)]
    if sum(parts) == 0:
        half = 0.0
    else:
        freedom = sum(parts) ** 2 / sum(p**2 / (len(singles) - 1) for p in parts)
        half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(sum(parts))
    low, high = difference - half, difference + half
    if low > 0:
        return "ensembles"
    if high < 0:
        return "single"
    if low > -MARGIN and high < MARGIN:
        return "equal"
    if low > -MARGIN:
        return "ensemble at worst equal"
    return "single at worst equal" if high < MARGIN else "undecided"


def trials_of(made: Layout) -> list[tuple[int, Size]]:
    """Return the place of the network and the size of every trial of the world, in their order."""
    places = {(n.depth, _cost(n)): place for place, n in enumerate(made.networks)}
    found = []
    for trial in made.world.trials:
        budget = made.truth.budgets[trial.rung]
        place = min(
            (place for (depth, _), place in places.items() if depth == trial.depth),
            key=lambda p: abs(math.log(_cost(made.networks[p]) * trial.size / budget)),
        )
        sizes = made.networks[place].sizes
        found.append((place, next(size for size in sizes if size.size == trial.size)))
    return found


def _cost(network: Network) -> int:
    return network.sizes[0].template.cost.macs


def by_ensearch(drawn: Drawn, seed: int, cost: float) -> Decision:
    """Search and settle; return the first look that decides, or the last one."""
    budgets = drawn.layout.truth.budgets
    how = Settling(cost=cost, rule="variance", shown=False)
    settled = settle(drawn, budgets, MARGIN, seed, how)
    known = allocation.networks(drawn.study().evaluations, None)
    search = math.fsum(each.members * each.cost for each in known.values())
    verdicts = [answer.rows[-1].verdict for answer in settled.answers]
    looks = range(len(verdicts))
    look = next((k for k in looks if verdicts[k] != "undecided"), looks[-1])
    return Decision(verdicts[look], search * (1 + settled.costs[look]))


def main() -> None:
    options = _parser().parse_args()
    print("| world | decided % | wrong % | script decided % | wrong % | ratio | studies |")
    print("|---|---|---|---|---|---|---|")
    every: list[Pair] = []
    for name in (name for name in WORLDS if options.only in name):
        made = layout(WORLDS[name], options.seeds)
        advantage = made.truth.advantages[-1]
        pairs = []
        for seed in range(options.first_seed, options.first_seed + options.studies):
            drawn = made.draw(options.images, seed)
            ours = by_ensearch(drawn, seed, options.cost)
            pairs.append(Pair(ours, Script(drawn).decide(options.repeats), advantage))
        print(line(name, pairs), flush=True)
        every += pairs
    print(line("all", every))


def line(name: str, pairs: Sequence[Pair]) -> str:
    """Return the row of a world."""
    columns = []
    for said in ([pair.ours.verdict for pair in pairs], [pair.script.verdict for pair in pairs]):
        decided = sum(verdict != "undecided" for verdict in said)
        wrong = sum(is_wrong(v, p.advantage, MARGIN) for v, p in zip(said, pairs, strict=True))
        columns += [f"{100 * decided / len(pairs):.0f}", f"{100 * wrong / len(pairs):.1f}"]
    ratios = [
        script.spent / ours.spent
        for ours, script, _ in pairs
        if "undecided" not in (ours.verdict, script.verdict)
    ]
    if ratios:
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        columns.append(f"{middle:.2f} [{low:.2f}, {high:.2f}]")
    else:
        columns.append("")
    return f"| {name} | {' | '.join(columns)} | {len(pairs)} |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=40, help="simulated studies of each world")
    parser.add_argument("--first-seed", type=int, default=0, help="seed of the first study")
    parser.add_argument("--images", type=int, default=2_500, help="of each study")
    parser.add_argument("--seeds", type=int, default=3, help="of every network of ensearch's")
    parser.add_argument("--cost", type=float, default=4.0, help="of settling, in searches")
    parser.add_argument("--repeats", type=int, default=64, help="of each finalist at most")
    parser.add_argument("--only", default="", metavar="TEXT", help="worlds whose name holds this")
    return parser


if __name__ == "__main__":
    main()
