"""A world whose accuracies are known on paper, and a trainer that produces members of it.

Two classes. A member of cost f gives image i the margin a(f) + u_i + n_i, with u_i ~ N(0, SHARED)
common to all members and n_i ~ N(0, OWN) its own. Logits are so small that averaging
probabilities is averaging margins, so the accuracy of m members is exactly

    Phi(a(f) / sqrt(SHARED^2 + OWN^2 / m)).
"""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

import numpy as np

from ensearch import cost, datasets
from ensearch.core import Member, Predictions, Split
from ensearch.launch import Failed, MemberJob, Progress, Trained, Update
from ensearch.seeds import derive
from tests.trainers import each

SHARED, OWN, TINY = 0.6, 0.8, 0.01
WEIGHTS = b"the weights of a member of this world"


def margin(macs: float) -> float:
    """Grows with the cost and saturates, so that splitting a large network costs little."""
    return 1.5 * (1.0 - float((5e4 / macs) ** 0.6))


def accuracy(macs: float, size: int, margin: Callable[[float], float] = margin) -> float:
    """Expected accuracy of an ensemble of `size` members that costs `macs` in all."""
    return NormalDist().cdf(margin(macs / size) / math.sqrt(SHARED**2 + OWN**2 / size))


def crossover(sizes: tuple[int, ...], margin: Callable[[float], float] = margin) -> float:
    """The smallest cost from which the best of `sizes` beats the single network, by bisection."""
    low, high = 3e4 * max(sizes), 1e9
    while high / low > 1.0001:
        middle = math.sqrt(low * high)
        ahead = max(accuracy(middle, m, margin) for m in sizes) > accuracy(middle, 1, margin)
        low, high = (low, middle) if ahead else (middle, high)
    return high


def write_dataset(path: Path, images: int, tests: int = 10) -> str:
    """A dataset of two classes whose pixels do not matter; the spec that names it.

    A tenth of the images becomes val; `tests` are those of the test split.
    """
    rng = np.random.default_rng(0)
    labels = np.arange(images) % 2
    pixels = rng.integers(0, 256, (images, 8, 8), dtype=np.uint8)
    np.savez(path, x_train=pixels, y_train=labels, x_test=pixels[:tests], y_test=labels[:tests])
    return f"npz:{path}"


def train_one(
    job: MemberJob,
    report: Callable[[Update], None],
    margin: Callable[[float], float] = margin,
) -> Trained | Failed:
    """What training would make of a job in this world; takes no time.

    Predictions follow from the member and the split, so weights predict what training did.
    """
    dataset, member = _load(job), job.member
    macs = cost.count(member.architecture, dataset.channels, len(dataset.classes)).macs
    if job.weights is None:
        report(Progress(key=member.key, epoch=1, epochs=1, loss=0.5))
    else:
        assert job.weights.read_bytes() == WEIGHTS
    return Trained(
        key=member.key,
        predictions=tuple(_predict(job, split, dataset, margin(macs)) for split in job.splits),
        losses=(0.5,) if job.weights is None else (),
        seconds=0.0,
        weights=WEIGHTS if job.keep_weights and job.weights is None else None,
    )


train = each(train_one)


def _drawn_from(member: Member) -> str:
    """Its key under the first recipe: how real networks train must not move this world's noise."""
    content = json.dumps(member.content() | {"recipe": 1}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _predict(job: MemberJob, split: Split, dataset: datasets.Dataset, mean: float) -> Predictions:
    labels, member = {"val": dataset.y_val, "test": dataset.y_test}[split], job.member
    # The seeds of val are those of a time when there was no other split.
    which = () if split == "val" else (split,)
    common = np.random.default_rng(derive("common", dataset.fingerprint, *which))
    own = np.random.default_rng(derive(_drawn_from(member), *which))
    images = len(labels)
    right = TINY * (mean + SHARED * common.normal(size=images) + OWN * own.normal(size=images))
    sign = np.where(labels == 1, 1.0, -1.0)
    logits = np.stack([-sign * right, sign * right], axis=1).astype(np.float16)
    return Predictions(member=member.key, split=split, logits=logits)


_LOADED: dict[datasets.Source, datasets.Dataset] = {}


def _load(job: MemberJob) -> datasets.Dataset:
    if job.source not in _LOADED:
        _LOADED[job.source] = datasets.load(job.source)
    return _LOADED[job.source]
