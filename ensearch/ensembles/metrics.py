"""Predicted class probabilities and labels -> accuracy, NLL, Brier score, ECE, disagreement.

Shapes: `probs` is N x C (images x classes, rows sum to 1), `labels` is N; `members` in front of
a shape means M x N x C. Every score is a mean over the images. Any memory layout will do; with
the images of a class side by side, as `averaging.average` returns them, sums over classes are
about three times as fast.
"""

import math

import numpy as np

from ensearch.core import Floats, Labels

ECE_BINS = 15  # the number that Guo et al. 2017, and most papers since, report
HOTTEST = 20.0  # temperatures are fitted from 1 / 20 to 20


def accuracy(probs: Floats, labels: Labels) -> float:
    """Return the share of images whose most probable class is the label; in [0, 1]."""
    return float(np.mean(np.argmax(probs, axis=1) == labels))


def nll(probs: Floats, labels: Labels) -> float:
    """Return the mean negative log likelihood of the labels, in nats; at least 0."""
    right = probs[np.arange(len(labels)), labels]
    # A probability that underflowed to 0 would make the whole mean infinite: cap it at 708 nats.
    return float(-np.mean(np.log(np.maximum(right, np.finfo(np.float64).tiny))))


def brier(probs: Floats, labels: Labels) -> float:
    """Return the mean squared distance of the probabilities to the one-hot label; in [0, 2].

    Brier 1950, the multi-class form, a sum over all classes: twice the one-class form when there
    are two classes.
    """
    right = probs[np.arange(len(labels)), labels]
    # |p - y|^2 = |p|^2 - 2 p_label + 1, without building y.
    return float(np.mean(np.einsum("nc,nc->n", probs, probs) - 2 * right + 1))


def temperature(probs: Floats, labels: Labels) -> float:
    """Return the T at which `scaled(probs, T)` has the least NLL on the labels; in [0.05, 20].

    Guo et al. 2017, section 4.2, on the logs of probabilities, so that it serves averages too. The
    NLL is convex in 1 / T: its slope is the mean over images of (mean log p under scaled p) - (log
    p of the label), its curvature the mean variance of log p under scaled p. An end of the range
    is the answer where the slope has no zero, as where all images are right.
    """
    logs = _logs(probs)
    right = float(logs[np.arange(len(labels)), labels].mean())
    low, high, inverse, last = 1 / HOTTEST, HOTTEST, 1.0, math.inf
    # Newton's method: about 5 passes over the images. The 30 of bisection were four fifths of the
    # time of scoring. But where nearly all images are right the slope dies off exponentially, and
    # Newton would need hundreds of equal steps: a step that is not half the last is a bisection.
    while abs(last) > 1e-6 * inverse:  # Newton doubles the digits: about twelve are then right
        powers = np.exp(inverse * logs)
        powers /= powers.sum(axis=1, keepdims=True)
        terms = powers * logs
        means = terms.sum(axis=1)
        slope = float(means.mean()) - right
        curvature = float((terms * logs).sum() / len(labels) - np.mean(means * means))
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        step = -slope / curvature if curvature > 0 else math.inf
        if abs(step) > abs(last) / 2 or not low <= inverse + step <= high:
            step = math.sqrt(low * high) - inverse
        inverse, last = inverse + step, step
    return 1 / inverse


def scaled(probs: Floats, temperature: float) -> Floats:
    """Return N x C probabilities proportional to probs ** (1 / temperature).

    No row underflows to zeros at temperatures that `temperature` returns: its largest power is at
    least C ** -20.
    """
    powers = np.exp(_logs(probs) / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _logs(probs: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(probs, np.finfo(np.float64).tiny)))


def ece(probs: Floats, labels: Labels) -> float:
    """Return the expected calibration error over 15 equal bins (low, high] of the top probability.

    Sum over bins of (share of images) x |accuracy - mean top probability|, Guo et al. 2017, eq. 3;
    in [0, 1].
    """
    top = probs.max(axis=1)
    hit = np.argmax(probs, axis=1) == labels
    bins = np.clip(np.ceil(top * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    # Within a bin, share x |mean hit - mean top| is |sum of (hit - top)| / N.
    return float(np.abs(np.bincount(bins, hit - top, ECE_BINS)).sum() / len(labels))


def pair_disagreement(members: Floats) -> Floats:
    """Return the share of images on which two members predict different classes, M x M."""
    votes = np.argmax(members, axis=2)
    return np.stack([np.mean(votes != vote, axis=1) for vote in votes])
