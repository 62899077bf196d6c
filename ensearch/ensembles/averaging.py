"""Members' probabilities -> ensembles' probabilities and their scores.

From R trained members every size 1..R is evaluated as an average over subsets. The subsets
overlap: averaging over them removes noise, but they are not replicates (a U-statistic).
"""

import itertools
import math
import random

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats, Labels, Scores, SubsetHits
from ensearch.ensembles import metrics
from ensearch.errors import StorageError, UsageError, unknown
from ensearch.seeds import derive

RULES = ("arithmetic", "geometric")
LIMIT = 20  # subsets of one size


def probs_of(logits: npt.NDArray[np.float16]) -> Floats:
    """Return the softmax of N x C logits in float64. StorageError if a logit is not finite."""
    exact = logits.astype(np.float64)
    if not np.isfinite(exact).all():
        raise StorageError(
            "a member's predictions must be finite numbers; found NaN or infinity. "
            "Delete this member's predictions and run the study again to train it anew."
        )
    powers = np.exp(exact - exact.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def average(probs: Floats, rule: str = "arithmetic") -> Floats:
    """Return an ensemble's N x C probabilities from its members' M x N x C.

    `arithmetic` is the mean of the probabilities; `geometric` the normalised mean of their logs,
    which is the softmax of the mean logits. UsageError for another rule.
    """
    return _combine(np.full(len(probs), 1 / len(probs)), _terms(probs, rule), rule)


def _terms(probs: Floats, rule: str) -> Floats:
    """M x C x N: what the rule takes the mean of, so that its logs are taken once for all subsets.

    Images come last: sums over 10 classes are then sums of long rows. For 3000 images a fit of the
    temperature took 0.5 ms so, and 1.6 ms with the 10 classes last.
    """
    if rule not in RULES:
        raise unknown("averaging rule", rule, RULES)
    terms = np.ascontiguousarray(probs.transpose(0, 2, 1))
    if rule == "arithmetic":
        return terms
    return np.asarray(np.log(np.maximum(terms, np.finfo(np.float64).tiny)))


def _combine(weights: Floats, terms: Floats, rule: str) -> Floats:
    """N x C from the M x C x N of `_terms`."""
    mean = np.asarray(np.tensordot(weights, terms, axes=1)).T
    if rule == "arithmetic":
        return mean
    powers = np.exp(mean - mean.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def subset_seed(study_seed: int, network: str, size: int) -> int:
    """Return the seed of the subsets that a study scores: a report draws the same ones again.

    `network` is the `network_key` of the members.
    """
    return derive(study_seed, "subsets", network, size)


def subsets(
    trained: int, size: int, limit: int | None = None, seed: int = 0
) -> list[tuple[int, ...]]:
    """Return ensembles of `size` of the members 0..trained-1: ascending tuples, ascending.

    All of them where there are at most `limit`, else `limit` different ones drawn from the seed.
    Without one it is 20, but of more members than that as many as members, each of which is then in
    equally many subsets: all that were trained count. UsageError unless 1 <= size <= trained and
    limit >= 1.
    """
    most = max(LIMIT, trained) if limit is None else limit
    if not 1 <= size <= trained or most < 1:
        raise UsageError(
            f"an ensemble needs a size between 1 and the {trained} trained members, and at least "
            f"1 subset; got size {size} and a limit of {most}. Train more members or ask for less."
        )
    if math.comb(trained, size) <= most:
        return list(itertools.combinations(range(trained), size))
    rng, drawn = random.Random(seed), set[tuple[int, ...]]()
    while limit is None and trained > LIMIT and len(drawn) < trained:
        # Every member in turn with the same others after it; again where that repeats a subset.
        order, steps = rng.sample(range(trained), trained), rng.sample(range(trained), size)
        turns = ([order[(start + step) % trained] for step in steps] for start in range(trained))
        drawn = {tuple(sorted(turn)) for turn in turns}
    # Drawing again on a repeat needs no list of all subsets (there are 6e8 of 16 out of 32) and
    # ends soon: even with 21 subsets in all and a limit of 20 it takes 55 draws on average.
    while len(drawn) < most:
        drawn.add(tuple(sorted(rng.sample(range(trained), size))))
    return sorted(drawn)


def evaluate(
    probs: Floats,
    labels: Labels,
    size: int,
    rule: str = "arithmetic",
    limit: int | None = None,
    seed: int = 0,
    calibrate: tuple[Floats, Labels] | None = None,
) -> tuple[Scores, SubsetHits]:
    """Return the expected scores of an ensemble of `size`, and what every subset of it got right.

    `probs` (R x N x C) are those of the R trained members; the scores are averages over the subsets
    of `size` members. The temperature of `nll_scaled` is fitted, for each subset, on the same
    members' probabilities and labels of val, `calibrate`; on `probs` and `labels` themselves if
    None, as for val. UsageError as in `subsets` and `average`, and where probabilities do not go
    with the labels or with each other.
    """
    fit_probs, fit_labels = (probs, labels) if calibrate is None else calibrate
    _check(probs, labels)
    _check(fit_probs, fit_labels)
    if len(fit_probs) != len(probs):
        raise UsageError(
            "the temperature must be fitted on the members that are scored; got "
            f"{len(probs)} members to score, {len(fit_probs)} to fit. Give both in one order."
        )
    drawn = subsets(len(probs), size, limit, seed)
    terms = _terms(probs, rule)
    fit_terms = terms if calibrate is None else _terms(fit_probs, rule)
    hits, rows = np.empty((len(drawn), len(labels)), dtype=np.bool_), []
    for row, subset in enumerate(drawn):
        weights = np.zeros(len(probs))
        weights[list(subset)] = 1 / size
        mean = _combine(weights, terms, rule)
        fit = mean if calibrate is None else _combine(weights, fit_terms, rule)
        scaled = metrics.scaled(mean, metrics.temperature(fit, fit_labels))
        hits[row] = np.argmax(mean, axis=1) == labels
        quality = (metrics.nll, metrics.brier, metrics.ece)
        rows.append([metrics.nll(scaled, labels), *(score(mean, labels) for score in quality)])
    scores = _scores(probs, labels, np.array(drawn), hits, np.array(rows))
    return scores, SubsetHits(subsets=tuple(drawn), hits=hits)


def _scores(
    probs: Floats,
    labels: Labels,
    members: Labels,
    hits: npt.NDArray[np.bool_],
    rows: Floats,
) -> Scores:
    """Averages over the subsets: S x size `members`, S x N `hits`, S x 4 other scores `rows`."""
    count, size = members.shape
    nll_scaled, nll, brier, ece = np.mean(rows, axis=0).tolist()
    between = metrics.pair_disagreement(probs)[members[:, :, None], members[:, None, :]]
    return Scores(
        accuracy=float(hits.mean()),
        nll=nll,
        nll_scaled=nll_scaled,
        brier=brier,
        ece=ece,
        disagreement=float(between.sum() / (count * max(size * (size - 1), 1))),
        member_accuracy=float((np.argmax(probs, axis=2) == labels)[members].mean()),
    )


def _check(probs: Floats, labels: Labels) -> None:
    if probs.ndim != 3 or labels.shape != probs.shape[1:2] or not len(labels):
        raise UsageError(
            "scoring needs probabilities members x images x classes and one label for each image; "
            f"got shapes {probs.shape} and {labels.shape}. Use predictions and labels of one split."
        )
