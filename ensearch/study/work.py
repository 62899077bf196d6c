"""How much will be trained: expected members of a search, and those of members that are named."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.core import Member, Split
from ensearch.cost import training_macs
from ensearch.search_space import Cell, Ladder
from ensearch.store import FOR_GOOD, Store, files
from ensearch.study import start
from ensearch.study.speed import Speed
from ensearch.study.study import Study

# Random draws of trials over which the expected cost of a study is averaged.
_DRAWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchWork:
    """Expected work of `trials` new trials; `members` and below are averages over random draws."""

    trials: int
    members: float
    train_macs: float
    seconds: float
    longest: float  # seconds for the most expensive single member


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberWork:
    """What so many `members` still take; `macs` are those of training what is not ready, by key.

    `seconds` are an estimate for all workers together.
    """

    members: int
    macs: dict[str, float]
    seconds: float

    @property
    def ready(self) -> int:
        """How many members need no training."""
        return self.members - len(self.macs)

    @property
    def train_macs(self) -> float:
        """Multiply-adds of training the others."""
        return sum(self.macs.values())


def of_members(
    study: Study,
    store: Store,
    wanted: Sequence[Member],
    speed: Speed,
    workers: int,
    splits: Sequence[Split] = ("val",),
) -> MemberWork:
    """Return what members take that were never trained, or whose files are gone.

    They predict `splits`; members that only predict are not counted, nor are those that failed for
    good, which nobody trains again.
    """
    stored = store.members([member.key for member in wanted])
    lost = {files.key_of(path) for path in store.missing_files(stored)}
    ready = {key for key, r in stored.items() if r.state == "trained" or r.reason == FOR_GOOD}
    ready -= lost
    untrained = [member for member in wanted if member.key not in ready]
    images, predicted = study.images["train"], sum(study.images[split] for split in splits)
    seconds = [
        speed.of_member(study.count(m.architecture).macs, images * m.schedule.epochs, predicted)
        for m in untrained
    ]
    return MemberWork(
        members=len(wanted),
        macs={m.key: study.train_macs(m.architecture, m.schedule) for m in untrained},
        seconds=_side_by_side(sum(seconds), seconds, workers),
    )


def estimate(
    ladder: Ladder,
    images: int,
    trials: int,
    seeds: int,
    speed: Speed,
    workers: int,
    told: int = 0,
    predicted: int = 0,
) -> SearchWork:
    """Return the average work of random draws of `trials` cells, after those that are `told`.

    Every network gets at least `seeds` members. A member that several trials share is paid for
    once.

    As in a search, single networks and ensembles take turns, and each kind begins with a cell for
    every budget. `images` are for training, and every member scores those that are `predicted`.
    """
    singles, ensembles = by_kind(ladder.cells)
    trials = min(trials, len(ladder.cells))
    # Half of the trials each, the odd one to the single networks, and what one kind lacks to the
    # other.
    share = min(len(singles), max(trials - len(ensembles), (trials + 1) // 2))
    # What the first trials have not visited yet.
    orders = [start.budgets(ladder, is_single)[told // 2 :] for is_single in (True, False)]
    rng = np.random.default_rng(0)
    members, macs, seconds = [], [], []
    for _ in range(_DRAWS):
        drawn = [
            *_draw(ladder, singles, share, orders[0], rng),
            *_draw(ladder, ensembles, trials - share, orders[1], rng),
        ]
        trained = [(max(cell.size, seeds), cell) for cell in _largest(drawn)]
        members.append(sum(count for count, _ in trained))
        macs.append(
            sum(
                count / cell.size * training_macs(cell.cost, images, cell.schedule)
                for count, cell in trained
            )
        )
        each = [_seconds(cell, images, predicted, speed) for _, cell in trained]
        whole = sum(count * alone for (count, _), alone in zip(trained, each, strict=True))
        seconds.append(_side_by_side(whole, each, workers))
    return SearchWork(
        trials=trials,
        members=float(np.mean(members)),
        train_macs=float(np.mean(macs)),
        seconds=float(np.mean(seconds)),
        longest=max(_seconds(cell, images, predicted, speed) for cell in ladder.cells),
    )


def _side_by_side(whole: float, each: Sequence[float], workers: int) -> float:
    """Seconds of members that take so many in all: none of them trains on two workers."""
    return max([whole / workers, *each])


def by_kind(cells: Iterable[Cell]) -> tuple[list[Cell], list[Cell]]:
    """Return the single networks and the ensembles among the cells."""
    cells = list(cells)
    return [c for c in cells if c.is_single], [c for c in cells if not c.is_single]


def _draw(
    ladder: Ladder,
    cells: Sequence[Cell],
    number: int,
    budgets: Sequence[float],
    rng: np.random.Generator,
) -> list[Cell]:
    """Return so many of the cells of one kind: one for each of the budgets, then any."""
    prices, sizes = np.array([(ladder.price(c), c.size) for c in cells]).reshape(-1, 2).T
    of = np.array([ladder.budget_of(cell) for cell in cells])
    first = []
    for budget in budgets:
        inside = np.flatnonzero(of == budget)
        lowest = bool(budget == of.min())
        suitable = inside[start.first(budget, prices[inside], sizes[inside], lowest=lowest)]
        first.append(int(rng.choice(suitable)))
    others = [i for i in rng.permutation(len(cells)).tolist() if i not in first]
    return [cells[i] for i in [*first, *others][:number]]


def _seconds(cell: Cell, images: int, predicted: int, speed: Speed) -> float:
    """To train and to score one member of the cell on one worker."""
    return speed.of_member(cell.member_macs, cell.schedule.epochs * images, predicted)


def _largest(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cell with most members of each network: the others are parts of it."""
    best: dict[str, Cell] = {}
    for cell in cells:
        network = cell.network
        if network not in best or cell.size > best[network].size:
            best[network] = cell
    return list(best.values())
