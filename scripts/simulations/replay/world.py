"""A replay world: members that were really trained once, from which any search can be replayed.

A table (`digits.npz`) holds the predictions of several members of every architecture of a full
grid. What an ensemble of any of them scores is computed here once; a strategy then pays for
members in multiply-adds and sees nothing but the members that it paid for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensearch.core import Architecture, Cost, Floats, Labels
from ensearch.ensembles.averaging import probs_of
from ensearch.search_space import Ladder, ladder
from ensearch.study import config as configs
from ensearch.study import options

# What is evaluated: an architecture (its index in the table) and how many members of it.
Pick = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A table made ready for replays.

    `sizes` are the ensembles' sizes of the search space (S of them), `cost` their multiply-adds
    and `truth` their accuracies, both A x S: the average over all ensembles of that size among the
    table's members; infinite and 0 above the budget. `hits[a][mask]` tells which of the N images
    one ensemble of architecture a got right, that of the members whose bits are set in `mask` (a
    row for every mask; that of 0 says nothing), and `accuracy[a][mask]` the share of them.
    """

    name: str
    ladder: Ladder
    budget: float
    shapes: tuple[Architecture, ...]
    macs: tuple[int, ...]  # of one member
    members: tuple[int, ...]  # in the table, of each architecture
    sizes: tuple[int, ...]
    train_factor: float  # 3 x images x epochs: training of a member costs this x its macs
    classes: int
    cost: Floats
    truth: Floats
    accuracy: tuple[Floats, ...]
    hits: tuple[npt.NDArray[np.bool_], ...]

    @property
    def images(self) -> int:
        return len(self.hits[0][0])

    def train_macs(self, shape: int) -> float:
        """Return the multiply-adds of training one member: 3 x macs x images x epochs."""
        return self.train_factor * self.macs[shape]

    def fits(self, pick: Pick) -> bool:
        return self.macs[pick[0]] * pick[1] <= self.budget

    def observed(self, shape: int, mask: int, size: int) -> float:
        """Return the mean accuracy of all ensembles of `size` among the members in `mask`."""
        return _over_subsets(self.accuracy[shape], mask, size)

    def on_images(self, chosen: Labels) -> "World":
        """Return the same members, scored on the images of these indices only."""
        hits = tuple(of_shape[:, chosen] for of_shape in self.hits)
        accuracy = tuple(_accuracies(of_shape) for of_shape in hits)
        truth = _truth(self.cost, self.members, self.sizes, accuracy)
        return replace(self, hits=hits, accuracy=accuracy, truth=truth)

    def of_sizes(self, sizes: Sequence[int]) -> "World":
        """Return the same members with these sizes of ensembles; none has more than the table."""
        cost = _cost(self.macs, sizes, self.budget)
        cost[np.array(self.members)[:, None] < np.array(sizes)] = np.inf
        truth = _truth(cost, self.members, sizes, self.accuracy)
        return replace(self, sizes=tuple(sizes), cost=cost, truth=truth)


_RESOLUTION = 32  # plays no part in a replay: the table holds the costs
_MASKS = {size: np.array([m for m in range(256) if m.bit_count() == size]) for size in range(1, 9)}


def _over_subsets(scores: Floats, mask: int, size: int) -> float:
    masks = _MASKS[size]
    return float(scores[masks[(masks & ~mask) == 0]].mean())


def load(config_file: Path) -> World:
    """Return the world of a configuration file, whose table lies beside it under the same name."""
    config = configs.resolve(options.read_file(config_file))
    with np.load(config_file.with_suffix(".npz")) as file:
        table = {key: file[key] for key in file}
    shapes = tuple(
        Architecture(
            family=config.space.family, width=float(width), depth=int(depth), resolution=_RESOLUTION
        )
        for width, depth in zip(table["width"], table["depth"], strict=True)
    )
    costs = dict(zip(shapes, (int(m) for m in table["macs"]), strict=True))
    highest = max(costs.values())
    steps = ladder.build(
        config.space,
        config.budget,
        config.schedule,
        _RESOLUTION,
        # What the table lacks is above the budget as a single network already.
        lambda shape: Cost(macs=costs.get(shape, highest * 1000), params=0),
    )
    assert config.limit_train is not None, "a world trains on a stated number of images"
    return make(
        name=config_file.stem,
        steps=steps,
        shapes=shapes,
        macs=tuple(costs.values()),
        sizes=config.space.members,
        train_factor=3.0 * config.limit_train * config.schedule.epochs,
        members=[int(m) for m in table["members"]],
        logits=table["logits"],
        labels=table["labels"].astype(np.int64),
    )


def make(
    *,
    name: str,
    steps: Ladder,
    shapes: tuple[Architecture, ...],
    macs: tuple[int, ...],
    sizes: tuple[int, ...],
    train_factor: float,
    members: Sequence[int],
    logits: npt.NDArray[np.float16],
    labels: Labels,
) -> World:
    """Return a world from its parts; `logits` is sum(members) x N x C, in order of shapes."""
    ends = np.cumsum(members)
    parts = [slice(end - count, end) for count, end in zip(members, ends, strict=True)]
    hits = tuple(_hits(_probs(logits[part]), labels) for part in parts)
    accuracy = tuple(_accuracies(of_shape) for of_shape in hits)
    cost = _cost(macs, sizes, steps.budget.amount)
    return World(
        name=name,
        ladder=steps,
        budget=steps.budget.amount,
        shapes=shapes,
        macs=macs,
        members=tuple(members),
        sizes=sizes,
        train_factor=train_factor,
        classes=logits.shape[2],
        cost=cost,
        truth=_truth(cost, members, sizes, accuracy),
        accuracy=accuracy,
        hits=hits,
    )


def _probs(logits: npt.NDArray[np.float16]) -> Floats:
    """Return probabilities R x N x C from logits R x N x C."""
    return np.stack([probs_of(member) for member in logits])


def _hits(probs: Floats, labels: Labels) -> npt.NDArray[np.bool_]:
    """Return which images every ensemble among R members gets right, by bit mask: 2^R x N."""
    hits = np.zeros((2 ** len(probs), len(labels)), dtype=np.bool_)
    for mask in range(1, len(hits)):
        inside = [i for i in range(len(probs)) if mask >> i & 1]
        hits[mask] = probs[inside].mean(axis=0).argmax(axis=1) == labels
    return hits


def _accuracies(hits: npt.NDArray[np.bool_]) -> Floats:
    """Return the accuracy of every ensemble among the members, by bit mask: 256 values.

    Index 0 and masks of members that do not exist hold NaN, so that using one shows.
    """
    accuracy = np.full(256, np.nan)
    accuracy[1 : len(hits)] = hits[1:].mean(axis=1)
    return accuracy


def _cost(macs: Sequence[int], sizes: Sequence[int], budget: float) -> Floats:
    cost = np.array(macs)[:, None] * np.array(sizes, dtype=np.float64)
    cost[cost > budget] = np.inf
    return cost


def _truth(
    cost: Floats, members: Sequence[int], sizes: Sequence[int], accuracy: Sequence[Floats]
) -> Floats:
    truth = np.zeros_like(cost)
    for shape, k in np.argwhere(np.isfinite(cost)):
        truth[shape, k] = _over_subsets(accuracy[shape], 2 ** members[shape] - 1, sizes[k])
    return truth
