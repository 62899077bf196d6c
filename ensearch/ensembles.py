"""Members' probabilities -> ensembles' probabilities and their scores.

From R trained members every size 1..R is evaluated as an average over subsets. The subsets
overlap: averaging over them removes noise, but they are not replicates (a U-statistic).
"""

import itertools
import math
import random

import numpy as np
import numpy.typing as npt

from ensearch import metrics
from ensearch.core import Floats, Labels, Scores
from ensearch.errors import StorageError, UsageError, unknown
from ensearch.seeds import derive

RULES = ("arithmetic", "geometric")


def probs_of(logits: npt.NDArray[np.float16]) -> Floats:
    """Softmax of N x C logits in float64. StorageError if a logit is not finite."""
    exact = logits.astype(np.float64)
    if not np.isfinite(exact).all():
        raise StorageError(
            "a member's predictions must be finite numbers; found NaN or infinity. "
            "Delete this member's predictions and run the study again to train it anew."
        )
    powers = np.exp(exact - exact.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def average(probs: Floats, rule: str = "arithmetic") -> Floats:
    """An ensemble's N x C probabilities from its members' M x N x C.

    `arithmetic` is the mean of the probabilities; `geometric` the normalised mean of their logs,
    which is the softmax of the mean logits. UsageError for another rule.
    """
    return _combine(np.full(len(probs), 1 / len(probs)), _terms(probs, rule), rule)


def _terms(probs: Floats, rule: str) -> Floats:
    """What the rule takes the mean of, so that its logs are taken once for all subsets."""
    if rule not in RULES:
        raise unknown("averaging rule", rule, RULES)
    if rule == "arithmetic":
        return probs
    return np.asarray(np.log(np.maximum(probs, np.finfo(np.float64).tiny)))


def _combine(weights: Floats, terms: Floats, rule: str) -> Floats:
    mean = np.asarray(np.tensordot(weights, terms, axes=1))
    if rule == "arithmetic":
        return mean
    powers = np.exp(mean - mean.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def subset_seed(study_seed: int, architecture_key: str, size: int) -> int:
    """Seed of the subsets that a study scores: a report draws the same ones again."""
    return derive(study_seed, "subsets", architecture_key, size)


def subsets(trained: int, size: int, limit: int = 20, seed: int = 0) -> list[tuple[int, ...]]:
    """Ensembles of `size` out of members 0..trained-1, as ascending tuples in ascending order.

    All of them where there are at most `limit`, else `limit` different ones drawn from the seed.
    UsageError unless 1 <= size <= trained and limit >= 1.
    """
    if not 1 <= size <= trained or limit < 1:
        raise UsageError(
            f"an ensemble needs a size between 1 and the {trained} trained members, and at least "
            f"1 subset; got size {size} and a limit of {limit}. Train more members or ask for less."
        )
    if math.comb(trained, size) <= limit:
        return list(itertools.combinations(range(trained), size))
    # Drawing again on a repeat needs no list of all subsets (there are 6e8 of 16 out of 32) and
    # ends soon: even with 21 subsets in all and a limit of 20 it takes 55 draws on average.
    draw, chosen = random.Random(seed), set[tuple[int, ...]]()
    while len(chosen) < limit:
        chosen.add(tuple(sorted(draw.sample(range(trained), size))))
    return sorted(chosen)


def evaluate(
    probs: Floats,
    labels: Labels,
    size: int,
    rule: str = "arithmetic",
    limit: int = 20,
    seed: int = 0,
) -> tuple[Scores, int, Floats]:
    """Expected quality of an ensemble of `size` out of the R members of `probs` (R x N x C).

    Returns the scores averaged over the subsets, the number of subsets, and for each of the N
    images the share of subsets that predict its label (its mean is the accuracy). UsageError as
    in `subsets` and `average`, and where labels and probabilities differ in their images.
    """
    if probs.ndim != 3 or labels.shape != probs.shape[1:2] or not len(labels):
        raise UsageError(
            "scoring needs probabilities members x images x classes and one label for each image; "
            f"got shapes {probs.shape} and {labels.shape}. Use predictions and labels of one split."
        )
    chosen = subsets(len(probs), size, limit, seed)
    terms, pairs = _terms(probs, rule), metrics.pair_disagreement(probs)
    hits, rows = np.zeros(len(labels)), []
    for subset in chosen:
        members = list(subset)
        weights = np.zeros(len(probs))
        weights[members] = 1 / size
        mean = _combine(weights, terms, rule)
        hits += np.argmax(mean, axis=1) == labels
        apart = pairs[np.ix_(members, members)].sum() / max(size * (size - 1), 1)
        rows.append(
            (
                metrics.nll(mean, labels),
                metrics.brier(mean, labels),
                metrics.ece(mean, labels),
                apart,
            )
        )
    hits /= len(chosen)
    nll, brier, ece, disagreement = np.mean(rows, axis=0).tolist()
    scores = Scores(
        accuracy=float(hits.mean()), nll=nll, brier=brier, ece=ece, disagreement=disagreement
    )
    return scores, len(chosen), hits
