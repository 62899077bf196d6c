"""Every metric against arithmetic done on paper, properties, and two libraries."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensearch.core import Floats, Labels, Scores
from ensearch.ensembles import metrics

# Three images, two classes. Predicted classes 0, 1, 0; labels 0, 0, 0.
PROBS = np.array([[0.8, 0.2], [0.4, 0.6], [1.0, 0.0]])
LABELS = np.array([0, 0, 0])


def drawn(seed: int, images: int = 50, classes: int = 4, sharpness: float = 1.0) -> Floats:
    """Probabilities of any confidence."""
    logits = sharpness * np.random.default_rng(seed).normal(size=(images, classes))
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def sampled(seed: int, probs: Floats, temperature: float) -> Labels:
    """Labels drawn from `scaled(probs, temperature)`, so that this temperature is nearly right."""
    edges = metrics.scaled(probs, temperature).cumsum(axis=1)
    uniform = np.random.default_rng(seed + 1).random((len(probs), 1))
    return np.asarray(np.minimum((uniform > edges).sum(axis=1), probs.shape[1] - 1))


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


def test_disagreement_is_the_share_of_images_on_which_a_pair_differs() -> None:
    # Predictions on 4 images. Pairs differ on 1, 4 and 3 of them.
    votes = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]])
    members = np.eye(2)[votes]
    pairs = metrics.pair_disagreement(members)
    np.testing.assert_allclose(pairs * 4, [[0, 1, 4], [1, 0, 3], [4, 3, 0]])


def test_scaling_takes_powers_and_normalises() -> None:
    # sqrt(0.9) : sqrt(0.1) is 3 : 1; 0.9^2 : 0.1^2 is 81 : 1.
    probs = np.array([[0.9, 0.1]])
    np.testing.assert_allclose(metrics.scaled(probs, 2.0), [[0.75, 0.25]])
    np.testing.assert_allclose(metrics.scaled(probs, 0.5), [[81 / 82, 1 / 82]])
    np.testing.assert_allclose(metrics.scaled(probs, 1.0), probs)


@pytest.mark.parametrize("temperature", [0.05, 20.0])
def test_scaling_does_not_underflow_to_rows_of_zeros(temperature: float) -> None:
    even = metrics.scaled(np.full((1, 10_000), 1e-4), temperature)
    np.testing.assert_allclose(even, 1e-4)
    sure = metrics.scaled(np.array([[0.0, 1e-320, 1.0]]), temperature)
    assert sure[0, 2] == pytest.approx(1)


def test_temperature_makes_the_confidence_the_hit_rate() -> None:
    # Sure to 0.9, right on 3 of 4: the best confidence is 0.75, the square root's.
    probs = np.tile([0.9, 0.1], (4, 1))
    labels = np.array([0, 0, 0, 1])
    assert metrics.temperature(probs, labels) == pytest.approx(2)
    found = metrics.nll(metrics.scaled(probs, metrics.temperature(probs, labels)), labels)
    assert found == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    # Right on 9 of 10: the confidence is right as it is.
    assert metrics.temperature(np.tile([0.9, 0.1], (10, 1)), np.arange(10) // 9) == pytest.approx(1)


@pytest.mark.parametrize("confidence", [0.6, 0.999, 1 - 1e-12, 1.0])
def test_temperature_stops_at_the_ends_of_its_range(confidence: float) -> None:
    probs = np.tile([confidence, 1 - confidence], (4, 1))
    assert metrics.temperature(probs, np.zeros(4, dtype=np.int64)) == pytest.approx(0.05, rel=1e-5)
    assert metrics.temperature(probs, np.ones(4, dtype=np.int64)) == pytest.approx(20, rel=1e-5)


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_fit_takes_few_passes(wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newton alone would take hundreds on images that are all right, bisection alone about 22."""
    passes, exp = [], np.exp
    monkeypatch.setattr(np, "exp", lambda x: passes.append(x) or exp(x))  # type: ignore[func-returns-value]
    probs, labels = np.tile([1 - 1e-12, 1e-12], (1000, 1)), np.zeros(1000, dtype=np.int64)
    labels[: 100 * wrong] = 1
    metrics.temperature(probs, labels)
    assert 2 <= len(passes) <= 30 - 15 * wrong


@given(st.integers(0, 10**6), st.floats(0.1, 30), st.floats(0.1, 10), st.floats(0.05, 20))
def test_no_other_temperature_has_less_nll(
    seed: int, sharpness: float, true: float, other: float
) -> None:
    probs = drawn(seed, sharpness=sharpness)
    labels = sampled(seed, probs, true)
    fitted = metrics.scaled(probs, metrics.temperature(probs, labels))
    # At an end of its range the temperature is right to about 1e-6.
    least = metrics.nll(metrics.scaled(probs, other), labels)
    assert metrics.nll(fitted, labels) <= least * (1 + 1e-5) + 1e-12


@given(st.integers(0, 10**6), st.floats(0.5, 2))
def test_temperatures_divide(seed: int, factor: float) -> None:
    probs = drawn(seed, images=200, sharpness=3)
    labels = sampled(seed, probs, 1.0)
    softer = metrics.scaled(probs, factor)
    found = metrics.temperature(softer, labels)
    assert found * factor == pytest.approx(metrics.temperature(probs, labels), rel=1e-6)
    assert np.array_equal(np.argmax(softer, axis=1), np.argmax(probs, axis=1))


def test_rates_of_theisen_on_paper() -> None:
    scores = Scores(
        accuracy=0.95,
        nll=0.0,
        nll_scaled=0.0,
        brier=0.0,
        ece=0.0,
        disagreement=0.08,
        member_accuracy=0.9,
    )
    # Half of 10 % errors are gone; members differ on 8 % of the images.
    assert scores.improvement_rate == pytest.approx(0.5)
    assert scores.disagreement_error_ratio == pytest.approx(0.8)


def test_members_without_errors_have_rates_of_zero() -> None:
    scores = Scores(
        accuracy=1.0,
        nll=0.0,
        nll_scaled=0.0,
        brier=0.0,
        ece=0.0,
        disagreement=0.0,
        member_accuracy=1.0,
    )
    assert scores.improvement_rate == scores.disagreement_error_ratio == 0


# Not sharper: scikit-learn caps its log loss at 36 nats, at a probability of 2e-16.
@given(st.integers(0, 10**6), st.integers(2, 12), st.floats(0.1, 3))
@settings(max_examples=20, deadline=None)  # the import counts towards the first example
def test_scores_agree_with_scikit_learn(seed: int, classes: int, sharpness: float) -> None:
    from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

    probs = drawn(seed, 200, classes, sharpness)
    labels = sampled(seed, probs, 2.0)
    labels[:classes] = np.arange(classes)  # scikit-learn wants to see every class
    assert metrics.accuracy(probs, labels) == accuracy_score(labels, probs.argmax(axis=1))
    assert metrics.nll(probs, labels) == pytest.approx(log_loss(labels, probs), rel=1e-9)
    # Theirs is of one class against the rest; ours is the sum over classes.
    each = [brier_score_loss(labels == c, probs[:, c]) for c in range(classes)]
    assert metrics.brier(probs, labels) == pytest.approx(sum(each), rel=1e-9)


@given(st.integers(0, 10**6), st.integers(2, 12), st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_scores_agree_with_torchmetrics(seed: int, classes: int, sharpness: float) -> None:
    import torch
    from torchmetrics.functional.classification import (  # 4 s: paid by this test alone
        multiclass_accuracy,
        multiclass_calibration_error,
    )

    probs = drawn(seed, 200, classes, sharpness)
    labels = sampled(seed, probs, 2.0)
    pair = torch.from_numpy(probs), torch.from_numpy(labels)
    hits = multiclass_accuracy(*pair, classes, average="micro").item()
    assert metrics.accuracy(probs, labels) == pytest.approx(hits)
    error = multiclass_calibration_error(*pair, classes, n_bins=metrics.ECE_BINS).item()
    assert metrics.ece(probs, labels) == pytest.approx(error, abs=1e-6)  # theirs is in float32
