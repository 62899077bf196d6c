"""What a storage holds of members: their weights, and what they predicted after training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file

from ensearch.core import Floats, Labels
from ensearch.ensembles import averaging
from ensearch.errors import StorageError
from ensearch.pool.results import wilson
from ensearch.store import MemberRecord, Store, files


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The first `members` of an ensemble: what they cost and how often they are right.

    `low` and `high` are the 95 % interval over images, by Wilson.
    """

    members: int
    macs: int
    params: int
    accuracy: float
    low: float
    high: float


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


def prefixes(
    members: Sequence[MemberRecord], probs: Sequence[Floats], labels: Labels
) -> tuple[Prefix, ...]:
    """Return what the first 1, 2, ... members are worth, whose N x C probabilities are given."""
    found = []
    for count, mean in enumerate(probs, start=1):
        accuracy = float(np.mean(mean.argmax(axis=1) == labels))
        low, high = wilson(accuracy, len(labels))
        found.append(
            Prefix(
                members=count,
                macs=sum(record.cost.macs for record in members[:count]),
                params=sum(record.cost.params for record in members[:count]),
                accuracy=accuracy,
                low=low,
                high=high,
            )
        )
    return tuple(found)


def weights(store: Store, record: MemberRecord) -> dict[str, Any]:
    """Return the tensors of a member. Raises StorageError if the file is missing or damaged."""
    path = store.weights_path(record.member.key)
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise files.unusable(path, f"cannot be read ({error}): restore a copy") from error
