"""Predicted class probabilities and labels -> accuracy, NLL, Brier score, ECE, disagreement.

Shapes: `probs` is N x C (images x classes, rows sum to 1), `labels` is N; `members` in front of
a shape means M x N x C. Every score is a mean over the images.
"""

import numpy as np

from ensearch.core import Floats, Labels

ECE_BINS = 15  # the number that Guo et al. 2017, and most papers since, report


def accuracy(probs: Floats, labels: Labels) -> float:
    """Share of images whose most probable class is the label; in [0, 1]."""
    return float(np.mean(np.argmax(probs, axis=1) == labels))


def nll(probs: Floats, labels: Labels) -> float:
    """Negative log likelihood of the labels, in nats; at least 0."""
    right = probs[np.arange(len(labels)), labels]
    # A probability that underflowed to 0 would make the whole mean infinite: cap it at 708 nats.
    return float(-np.mean(np.log(np.maximum(right, np.finfo(np.float64).tiny))))


def brier(probs: Floats, labels: Labels) -> float:
    """Squared distance of the probabilities to the one-hot label, over all classes; in [0, 2].

    Brier 1950, the multi-class form: twice the one-class form when there are two classes.
    """
    right = probs[np.arange(len(labels)), labels]
    # |p - y|^2 = |p|^2 - 2 p_label + 1, without building y.
    return float(np.mean(np.einsum("nc,nc->n", probs, probs) - 2 * right + 1))


def ece(probs: Floats, labels: Labels) -> float:
    """Expected calibration error over 15 equal-width bins (low, high] of the top probability.

    Sum over bins of (share of images) x |accuracy - mean top probability|, Guo et al. 2017, eq. 3;
    in [0, 1].
    """
    top = probs.max(axis=1)
    hit = np.argmax(probs, axis=1) == labels
    bins = np.clip(np.ceil(top * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    # Within a bin, share x |mean hit - mean top| is |sum of (hit - top)| / N.
    return float(np.abs(np.bincount(bins, hit - top, ECE_BINS)).sum() / len(labels))


def pair_disagreement(members: Floats) -> Floats:
    """M x M: the share of images on which two members predict different classes."""
    votes = np.argmax(members, axis=2)
    return np.stack([np.mean(votes != vote, axis=1) for vote in votes])


def disagreement(members: Floats) -> float:
    """Mean of `pair_disagreement` over the pairs of different members; 0 for one member."""
    count = len(members)
    return float(pair_disagreement(members).sum() / (count * (count - 1))) if count > 1 else 0.0
