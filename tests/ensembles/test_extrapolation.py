"""Predicted sizes: an exact law on any members, and really trained ones."""

import itertools
import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensearch.core import Evaluation, Floats, Labels, Scores
from ensearch.ensembles import averaging, extrapolation
from ensearch.errors import UsageError
from tests import worlds

# 202 Wide ResNets trained on 300 handwritten digits, 8 each of the eight that are used here.
DIGITS = Path(__file__).parents[2] / "scripts" / "simulations" / "replay" / "digits.npz"
FULL = 8
ALL = math.comb(FULL, FULL // 2)
# Of recorded figures. Logits in steps of 1/8 make means tie, geometric ones above all, and the
# last digit of a sum then decides for a class: accuracies differ by 0.01 points between builds.
ROUNDING = np.array([0.05, 1e-4, 1e-4, 1e-4])


def measured(
    probs: Floats, labels: Labels, upto: int, rule: str = "arithmetic"
) -> list[Evaluation]:
    """Sizes 1 and `upto` over all subsets of the members, as if no more had been trained."""
    rows = []
    for size in (1, upto):
        scores, outcomes = averaging.evaluate(probs, labels, size, rule, limit=ALL)
        row = worlds.evaluation(size, 10, 0.5, 1000 * size, 0.5)
        rows.append(replace(row, trained=upto, subsets=len(outcomes.subsets), scores=scores))
    return rows


def drawn(seed: int, members: int, images: int = 30, classes: int = 4) -> tuple[Floats, Labels]:
    rng = np.random.default_rng(seed)
    powers = np.exp(2 * rng.normal(size=(members, images, classes)))
    return powers / powers.sum(axis=2, keepdims=True), rng.integers(0, classes, images)


@cache
def digits() -> tuple[tuple[Floats, ...], Labels]:
    with np.load(DIGITS) as found:
        ends = np.cumsum(found["members"])
        networks = [
            np.stack([averaging.probs_of(one) for one in found["logits"][end - count : end]])
            for end, count in zip(ends, found["members"], strict=True)
            if count == FULL
        ]
        return tuple(networks), found["labels"].astype(np.int64)


def four(scores: Scores) -> Floats:
    """Accuracy in points, NLL, scaled NLL, Brier score."""
    return np.array([100 * scores.accuracy, scores.nll, scores.nll_scaled, scores.brier])


@cache
def truth(rule: str, size: int) -> Floats:
    """Networks x 4: what ensembles of all 8 members score."""
    networks, labels = digits()
    rows = (averaging.evaluate(probs, labels, size, rule, limit=ALL) for probs in networks)
    return np.stack([four(scores) for scores, _ in rows])


def errors(trained: int, size: int) -> Floats:
    """Networks x subsets x 4: predicted minus measured, from every `trained` of 8 members."""
    networks, labels = digits()
    found = [
        [
            four(
                extrapolation.predict(measured(probs[list(few)], labels, trained), [size])[0].scores
            )
            for few in itertools.combinations(range(FULL), trained)
        ]
        for probs in networks
    ]
    return np.array(found) - truth("arithmetic", size)[:, None]


@given(st.integers(0, 10**6), st.integers(3, 6))
@settings(max_examples=20)
def test_the_brier_score_is_exact_where_all_subsets_are_known(seed: int, members: int) -> None:
    """Pairs of R members give the score of 3 to R of the same members to the last digits."""
    probs, labels = drawn(seed, members)
    found = extrapolation.predict(measured(probs, labels, 2), range(3, members + 1))
    assert [row.size for row in found] == list(range(3, members + 1))
    for row in found:
        expected = averaging.evaluate(probs, labels, row.size, limit=ALL)[0].brier
        assert row.scores.brier == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 3))
@settings(max_examples=20)
def test_the_brier_score_is_unbiased(seed: int, trained: int) -> None:
    """Averaged over which of 4 members were trained, it is the score of all 4."""
    probs, labels = drawn(seed, 4)
    found = [
        extrapolation.predict(measured(probs[list(few)], labels, trained), [4])[0].scores.brier
        for few in itertools.combinations(range(4), trained)
    ]
    expected = averaging.evaluate(probs, labels, 4)[0].brier
    assert np.mean(found) == pytest.approx(expected, abs=1e-12)


def test_two_members_on_paper() -> None:
    # One image, label 0. Errors (-0.4, 0.4) and (-0.2, 0.2): squares 0.32 and 0.08, product 0.16.
    probs = np.array([[[0.6, 0.4]], [[0.8, 0.2]]])
    rows = measured(probs, np.array([0]), 2)
    assert rows[0].scores.brier == pytest.approx(0.2)
    assert rows[1].scores.brier == pytest.approx((0.2 + 0.16) / 2)
    found = {row.size: row.scores.brier for row in extrapolation.predict(rows, [3, 4, 10**6])}
    assert found[3] == pytest.approx((0.2 + 2 * 0.16) / 3)
    assert found[4] == pytest.approx((0.2 + 3 * 0.16) / 4)
    assert found[10**6] == pytest.approx(0.16, abs=1e-6)


@pytest.mark.parametrize(
    ("trained", "size", "bias", "spread"),
    [
        (2, 4, (0.01, -0.0023, 0.0029, 0), (1.73, 0.0463, 0.0463, 0.0226)),
        (2, 8, (0.29, -0.0041, 0.0025, 0), (1.86, 0.0455, 0.0480, 0.0223)),
        (4, 8, (0.28, -0.0014, -0.0009, 0), (0.85, 0.0258, 0.0229, 0.0127)),
    ],
)
def test_real_members(
    trained: int, size: int, bias: tuple[float, ...], spread: tuple[float, ...]
) -> None:
    """Every pair, or four, of the 8 members of 8 networks: the figures that `extrapolation` quotes.

    The bias is the mean over the networks, the spread the deviation within a network. Standard
    errors of the bias over the networks: 0.07 to 0.14 points, 0.0002 to 0.0005 nats, 0.0012 to
    0.0028 nats after scaling.
    """
    found = errors(trained, size)
    assert np.abs(found.mean(axis=1)[:, 3]).max() < 1e-12  # Brier, in every single network
    assert np.all(np.abs(found.mean(axis=(0, 1)) - bias) < ROUNDING)
    assert np.all(np.abs(np.sqrt(found.var(axis=1).mean(axis=0)) - spread) < ROUNDING)


@pytest.mark.parametrize(
    ("rule", "trained", "size", "bias"),
    [
        ("arithmetic", 2, 8, (0.29, -0.0041, 0.0025, 0)),  # the mean of the predictions above
        ("geometric", 2, 4, (0.31, -0.0017, -0.0062, -0.0007)),
        ("geometric", 2, 8, (0.61, -0.0032, -0.0127, -0.0013)),
        ("geometric", 4, 8, (0.25, -0.0012, -0.0055, -0.0006)),
    ],
)
def test_bias_of_either_rule(rule: str, trained: int, size: int, bias: tuple[float, ...]) -> None:
    """No law is exact for the geometric mean, not even for the Brier score, but the line is near.

    A line: predicted from the mean pair is the mean prediction, so all members may be used.
    """
    networks, labels = digits()
    rows = [
        extrapolation.predict(measured(probs, labels, trained, rule), [size]) for probs in networks
    ]
    found = np.stack([four(row[0].scores) for row in rows]) - truth(rule, size)
    assert np.all(np.abs(found.mean(axis=0) - bias) < ROUNDING)
    # The error left is small beside that of taking the pair, or the four, for the larger size.
    gap = truth(rule, trained) - truth(rule, size)
    assert np.all(np.abs(found.mean(axis=0)) < np.abs(gap.mean(axis=0)) / 2.5)


def test_a_prediction_says_what_it_is() -> None:
    probs, labels = drawn(0, 3)
    rows = measured(probs, labels, 3)
    (found,) = extrapolation.predict(rows, [5])
    assert found.is_predicted
    assert (found.size, found.trained, found.subsets, found.split) == (5, 3, 0, "val")
    assert found.network == rows[0].network
    assert found.cost == rows[0].cost.times(5)
    assert found.train_macs == 5 * rows[0].train_macs
    # These do not depend on the size; the ECE cannot be known.
    assert found.scores.disagreement == rows[1].scores.disagreement > 0
    assert found.scores.member_accuracy == rows[1].scores.member_accuracy
    assert math.isnan(found.scores.ece)


def test_only_sizes_and_networks_that_need_it_are_predicted() -> None:
    probs, labels = drawn(0, 3)
    rows = measured(probs, labels, 3)
    other = [replace(row, split="test") for row in measured(probs, labels, 2)]
    lonely = replace(rows[0], trained=1, schedule=replace(rows[0].schedule, epochs=11))
    found = extrapolation.predict([*rows, *other, lonely], [4, 1, 3, 4])
    assert [(row.split, row.size) for row in found] == [("val", 4), ("test", 3), ("test", 4)]
    again = extrapolation.predict([*rows, *other, lonely, *found], [4, 1, 3, 4])
    assert list(map(repr, again)) == list(map(repr, found))
    assert extrapolation.predict([], [4]) == extrapolation.predict(rows, []) == []


def test_predictions_stay_where_scores_can_be() -> None:
    rows = measured(*drawn(0, 2), 2)
    steep = {"accuracy": 0.99, "nll": 0.05, "nll_scaled": 0.05, "brier": 0.02}
    flat = {"accuracy": 0.6, "nll": 1.0, "nll_scaled": 1.0, "brier": 0.6}
    rows = [
        replace(row, scores=replace(row.scores, **values))
        for row, values in zip(rows, (flat, steep), strict=True)
    ]
    (found,) = extrapolation.predict(rows, [8])
    assert found.scores.accuracy == 1
    assert found.scores.nll == found.scores.nll_scaled == found.scores.brier == 0


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 1 member; got size 0"):
        extrapolation.predict([], [2, 0])
