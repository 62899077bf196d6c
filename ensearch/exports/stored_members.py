"""What a storage holds of members: their weights, and what they predicted after training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file

from ensearch.core import Floats, Labels
from ensearch.ensembles import averaging, cascades
from ensearch.errors import StorageError
from ensearch.pool.results import wilson
from ensearch.store import MemberRecord, Store, files


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An accuracy, a fraction, with its 95 % interval over images, by Wilson."""

    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The first `members` of an ensemble: what they cost and how often they are right."""

    members: int
    macs: int
    params: int
    score: Score


def probs(
    store: Store, members: Sequence[MemberRecord], rule: str, split: str, images: int
) -> tuple[tuple[Floats, ...], Floats]:
    """Return the probabilities of the first 1, 2, ... members, and how far they may be rounded.

    N x C for each number of members, and N. StorageError if predictions are missing or damaged.

    A logit moves by half the distance of its neighbours in float16, and a probability by at most
    p (1 - p) times the difference of two such moves. From 32 on that exceeds 0.005.
    """
    each, moved = [], np.zeros(images)
    for record in members:
        logits = store.predictions(record.member.key, split).logits
        if len(logits) != images:
            raise StorageError(
                f"member {record.member.key} has predictions of {len(logits)} images of {split}, "
                f"whose labels are {images}.",
                problem="predictions_do_not_fit",
            )
        each.append(averaging.probs_of(logits))
        largest = np.abs(logits.astype(np.float32)).max(axis=1).astype(np.float16)
        moved = np.maximum(moved, 0.25 * np.spacing(largest).astype(np.float64))
    stack = np.stack(each)
    means = tuple(averaging.average(stack[: k + 1], rule) for k in range(len(members)))
    return means, moved


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exits:
    """How N images leave a cascade, by the stored predictions.

    `probs` are N x C. `stages` says after how many networks an image leaves, and `margins` how near
    its confidence came to a threshold until then: rounding may decide of the nearest.
    """

    probs: Floats
    stages: Labels
    margins: Floats


def exits(means: Sequence[Floats], thresholds: Sequence[float], measure: str) -> Exits:
    """Return how images leave a cascade whose first 1, 2, ... members have these N x C means."""
    probs, count = means[-1].copy(), len(means[0])
    stages, margins = np.full(count, len(means)), np.full(count, np.inf)
    there = np.ones(count, np.bool_)
    for stage, (mean, threshold) in enumerate(zip(means, thresholds, strict=False), start=1):
        sure = cascades.confidence(np.ascontiguousarray(mean.T), 1, measure)
        margins[there] = np.minimum(margins[there], np.abs(sure[there] - threshold))
        leaves = there & (sure >= threshold)
        probs[leaves], stages[leaves] = mean[leaves], stage
        there &= ~leaves
    return Exits(probs=probs, stages=stages, margins=margins)


def prefixes(
    members: Sequence[MemberRecord], probs: Sequence[Floats], labels: Labels
) -> tuple[Prefix, ...]:
    """Return what the first 1, 2, ... members are worth, whose N x C probabilities are given."""
    return tuple(
        Prefix(
            members=count,
            macs=sum(record.cost.macs for record in members[:count]),
            params=sum(record.cost.params for record in members[:count]),
            score=score(mean, labels),
        )
        for count, mean in enumerate(probs, start=1)
    )


def score(probs: Floats, labels: Labels) -> Score:
    """Return how often N x C probabilities are right."""
    accuracy = float(np.mean(probs.argmax(axis=1) == labels))
    low, high = wilson(accuracy, len(labels))
    return Score(accuracy=accuracy, low=low, high=high)


def weights(store: Store, record: MemberRecord) -> dict[str, Any]:
    """Return the tensors of a member. Raises StorageError if the file is missing or damaged."""
    path = store.weights_path(record.member.key)
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise files.unusable(path, f"cannot be read ({error}): restore a copy") from error
