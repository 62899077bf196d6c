"""Every metric against arithmetic done on paper."""

import math

import numpy as np
import pytest

from ensearch import metrics

# Three images, two classes. Predicted classes 0, 1, 0; labels 0, 0, 0.
PROBS = np.array([[0.8, 0.2], [0.4, 0.6], [1.0, 0.0]])
LABELS = np.array([0, 0, 0])


def test_accuracy_is_the_share_of_hits() -> None:
    assert metrics.accuracy(PROBS, LABELS) == pytest.approx(2 / 3)


def test_nll_is_the_mean_log_in_nats() -> None:
    expected = -(math.log(0.8) + math.log(0.4) + math.log(1.0)) / 3
    assert metrics.nll(PROBS, LABELS) == pytest.approx(expected)


def test_nll_of_a_probability_of_zero_is_finite() -> None:
    assert metrics.nll(np.array([[0.0, 1.0]]), np.array([0])) == pytest.approx(708.4, abs=0.1)


def test_brier_sums_over_all_classes() -> None:
    # (0.2^2 + 0.2^2) + (0.6^2 + 0.6^2) + 0
    assert metrics.brier(PROBS, LABELS) == pytest.approx((0.08 + 0.72 + 0.0) / 3)


def test_brier_is_two_where_all_is_wrong_and_zero_where_all_is_right() -> None:
    sure = np.array([[1.0, 0.0, 0.0]])
    assert metrics.brier(sure, np.array([1])) == 2
    assert metrics.brier(sure, np.array([0])) == 0


def test_ece_adds_the_gaps_of_the_bins() -> None:
    # Top probabilities 0.8, 0.6 and 1.0 lie in three bins: gaps 0.2, 0.6 and 0, a third each.
    assert metrics.ece(PROBS, LABELS) == pytest.approx((0.2 + 0.6 + 0.0) / 3)


def test_ece_lets_errors_cancel_within_a_bin_only() -> None:
    # 0.62 and 0.66 share the bin (9/15, 10/15]: one hit of two against a mean top of 0.64.
    probs = np.array([[0.62, 0.38], [0.66, 0.34]])
    assert metrics.ece(probs, np.array([0, 1])) == pytest.approx(0.14)
    # 0.66 and 0.67 do not share one: gaps 0.34 and 0.67, half each.
    probs = np.array([[0.66, 0.34], [0.67, 0.33]])
    assert metrics.ece(probs, np.array([0, 1])) == pytest.approx((0.34 + 0.67) / 2)


def test_ece_bins_include_their_upper_edge() -> None:
    # 0.8 is 12/15 and shares the bin (11/15, 12/15] with 0.78: one hit of two, mean top 0.79.
    probs = np.array([[0.8, 0.2], [0.78, 0.22]])
    assert metrics.ece(probs, np.array([0, 1])) == pytest.approx(0.29)


def test_disagreement_is_the_mean_over_pairs_of_members() -> None:
    # Predictions on 4 images. Pairs differ on 1, 4 and 3 of them.
    votes = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]])
    members = np.eye(2)[votes]
    assert metrics.disagreement(members) == pytest.approx((1 + 4 + 3) / 12)
    pairs = metrics.pair_disagreement(members)
    np.testing.assert_allclose(pairs * 4, [[0, 1, 4], [1, 0, 3], [4, 3, 0]])


def test_one_member_does_not_disagree_with_itself() -> None:
    assert metrics.disagreement(PROBS[None]) == 0
