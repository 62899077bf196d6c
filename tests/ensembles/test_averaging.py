"""Ensembles of stored predictions: paper arithmetic, and what must hold for any predictions."""

import itertools
import math
from dataclasses import asdict, astuple
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensearch.core import Floats, Labels
from ensearch.ensembles import averaging, metrics
from ensearch.errors import StorageError, UsageError

rules = pytest.mark.parametrize("rule", averaging.RULES)


def world(seed: int, members: int = 4, images: int = 60, classes: int = 5) -> tuple[Floats, Labels]:
    """Members with errors of their own on images that are hard for all.

    Logits keep all their digits: in float16 two classes may tie, and then rounding decides.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    shared = 2 * np.eye(classes)[labels] + rng.normal(size=(images, classes))
    logits = shared + rng.normal(size=(members, images, classes))
    powers = np.exp(logits)
    return powers / powers.sum(axis=2, keepdims=True), labels


def alone(member: Floats, labels: Labels) -> dict[str, float]:
    """The scores of one N x C, each straight from `metrics`."""
    scaled = metrics.scaled(member, metrics.temperature(member, labels))
    found = {n: getattr(metrics, n)(member, labels) for n in ("accuracy", "nll", "brier", "ece")}
    return found | {"nll_scaled": metrics.nll(scaled, labels)}


worlds = st.builds(world, st.integers(0, 10**6), members=st.integers(2, 5))


def test_probs_are_the_softmax() -> None:
    logits = np.array([[0.0, math.log(3)], [60000.0, -60000.0]], dtype=np.float16)
    np.testing.assert_allclose(averaging.probs_of(logits), [[0.25, 0.75], [1.0, 0.0]], atol=1e-3)
    assert averaging.probs_of(logits).dtype == np.float64


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(StorageError, match="finite"):
        averaging.probs_of(np.array([[0.0, value]], dtype=np.float16))


def test_arithmetic_is_the_mean_of_probabilities() -> None:
    probs = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])
    np.testing.assert_allclose(averaging.average(probs, "arithmetic"), [[0.7, 0.3]])


def test_geometric_is_the_normalised_mean_of_logs() -> None:
    # sqrt(0.9 * 0.5) : sqrt(0.1 * 0.5) is 3 : 1.
    probs = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])
    np.testing.assert_allclose(averaging.average(probs, "geometric"), [[0.75, 0.25]])


def test_geometric_is_the_softmax_of_the_mean_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 20, 4)).astype(np.float16)
    probs = np.stack([averaging.probs_of(x) for x in logits])
    powers = np.exp(logits.astype(np.float64).mean(axis=0))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(averaging.average(probs, "geometric"), expected, rtol=1e-12)


def test_an_unknown_rule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'aritmetic'.*arithmetic.*geometric"):
        averaging.average(np.ones((1, 1, 1)), "aritmetic")


@pytest.mark.parametrize(
    ("trained", "size", "count"), [(4, 2, 6), (8, 8, 1), (8, 1, 8), (6, 3, 20)]
)
def test_all_subsets_are_used_up_to_the_limit(trained: int, size: int, count: int) -> None:
    found = averaging.subsets(trained, size)
    assert found == list(itertools.combinations(range(trained), size))
    assert len(found) == count


@given(
    trained=st.integers(1, 40), share=st.floats(0, 1), limit=st.integers(1, 25), seed=st.integers()
)
def test_subsets_are_distinct_legal_and_as_many_as_allowed(
    trained: int, share: float, limit: int, seed: int
) -> None:
    size = 1 + round(share * (trained - 1))
    found = averaging.subsets(trained, size, limit, seed)
    assert len(set(found)) == len(found) == min(limit, math.comb(trained, size))
    assert all(len(set(s)) == size and min(s) >= 0 and max(s) < trained for s in found)
    assert all(list(s) == sorted(s) for s in found)


@pytest.mark.parametrize(("trained", "size"), [(21, 1), (21, 2), (30, 7), (24, 12), (25, 23)])
def test_all_of_many_members_count_alike(trained: int, size: int) -> None:
    found = averaging.subsets(trained, size)
    assert len(set(found)) == len(found) == trained
    assert all(len(set(subset)) == size for subset in found)
    counts = np.bincount([member for subset in found for member in subset])
    assert counts.tolist() == [size] * trained


def test_a_sample_of_subsets_depends_on_the_seed_alone() -> None:
    assert averaging.subsets(10, 5, seed=1) == averaging.subsets(10, 5, seed=1)
    assert averaging.subsets(10, 5, seed=1) != averaging.subsets(10, 5, seed=2)


@pytest.mark.parametrize(
    ("trained", "size", "limit"), [(3, 4, 20), (3, 0, 20), (0, 1, 20), (3, 2, 0)]
)
def test_impossible_subsets_are_refused(trained: int, size: int, limit: int) -> None:
    with pytest.raises(UsageError, match=f"size {size} and a limit of {limit}"):
        averaging.subsets(trained, size, limit)


def test_labels_of_another_split_are_refused() -> None:
    probs, labels = world(0)
    with pytest.raises(UsageError, match=r"\(4, 60, 5\) and \(59,\)"):
        averaging.evaluate(probs, labels[1:], 2)
    with pytest.raises(UsageError, match=r"\(4, 60, 5\) and \(59,\)"):
        averaging.evaluate(probs, labels, 2, calibrate=(probs, labels[1:]))


def test_calibration_on_other_members_is_refused() -> None:
    probs, labels = world(0)
    with pytest.raises(UsageError, match="4 members to score, 3 to fit"):
        averaging.evaluate(probs, labels, 2, calibrate=(probs[1:], labels))


def test_majority_of_two_images_on_paper() -> None:
    # Image 0 (label 0): means of the pairs favour 0, 1, 1. Image 1 (label 1): always 1.
    probs = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.4, 0.6], [0.3, 0.7]], [[0.0, 1.0], [0.4, 0.6]]])
    scores, outcomes = averaging.evaluate(probs, np.array([0, 1]), 2)
    assert outcomes.subsets == ((0, 1), (0, 2), (1, 2))
    np.testing.assert_allclose(outcomes.hits.mean(axis=0), [1 / 3, 1])
    assert scores.accuracy == pytest.approx(2 / 3)
    # Label probabilities: 0.65, 0.45, 0.2 on image 0, 0.75, 0.7, 0.65 on image 1.
    right = [0.65, 0.45, 0.2, 0.75, 0.7, 0.65]
    assert scores.nll == pytest.approx(-sum(map(math.log, right)) / 6)
    assert scores.brier == pytest.approx(sum(2 * (1 - p) ** 2 for p in right) / 6)
    # Members 0, 1, 2 predict 0, 1, 1 on image 0 and all 1 on image 1: two of three pairs, half.
    assert scores.disagreement == pytest.approx(1 / 3)
    # Alone they are right on 2, 1 and 1 of the 2 images: as often as the pairs.
    assert scores.member_accuracy == pytest.approx(2 / 3)
    assert scores.improvement_rate == pytest.approx(0)
    assert scores.disagreement_error_ratio == pytest.approx(1)


@rules
@given(worlds)
@settings(max_examples=20)
def test_size_one_is_the_mean_of_the_members(rule: str, case: tuple[Floats, Labels]) -> None:
    probs, labels = case
    scores, outcomes = averaging.evaluate(probs, labels, 1, rule)
    assert outcomes.subsets == tuple((i,) for i in range(len(probs)))
    rows = [alone(member, labels) for member in probs]
    for name in rows[0]:
        expected = np.mean([row[name] for row in rows])
        assert getattr(scores, name) == pytest.approx(expected, rel=1e-9)
    assert scores.member_accuracy == scores.accuracy
    assert scores.disagreement == scores.improvement_rate == 0


@rules
@given(worlds)
@settings(max_examples=20)
def test_all_members_together_score_as_their_average(
    rule: str, case: tuple[Floats, Labels]
) -> None:
    probs, labels = case
    scores, outcomes = averaging.evaluate(probs, labels, len(probs), rule)
    assert outcomes.subsets == (tuple(range(len(probs))),)
    pairs = max(len(probs) * (len(probs) - 1), 1)
    expected = alone(averaging.average(probs, rule), labels) | {
        "disagreement": metrics.pair_disagreement(probs).sum() / pairs,
        "member_accuracy": np.mean([metrics.accuracy(member, labels) for member in probs]),
    }
    assert asdict(scores) == pytest.approx(expected)


@rules
@given(worlds)
@settings(max_examples=20)
def test_the_temperature_is_fitted_on_the_images_given_for_it(
    rule: str, case: tuple[Floats, Labels]
) -> None:
    probs, labels = case
    val, test = (probs[:, :40], labels[:40]), (probs[:, 40:], labels[40:])
    fitted = metrics.temperature(averaging.average(val[0], rule), val[1])
    scaled = metrics.scaled(averaging.average(test[0], rule), fitted)
    found = averaging.evaluate(*test, len(probs), rule, calibrate=val)[0]
    assert found.nll_scaled == pytest.approx(metrics.nll(scaled, test[1]))
    # Nothing else depends on it.
    without = asdict(averaging.evaluate(*test, len(probs), rule)[0])
    assert asdict(found) == without | {"nll_scaled": found.nll_scaled}


@rules
@given(worlds, st.integers(1, 5))
@settings(max_examples=20)
def test_scaling_never_raises_the_nll_where_it_is_fitted(
    rule: str, case: tuple[Floats, Labels], size: int
) -> None:
    probs, labels = case
    scores, _ = averaging.evaluate(probs, labels, min(size, len(probs)), rule)
    assert scores.nll_scaled <= scores.nll + 1e-12


@rules
@given(worlds, st.integers(0, 100))
@settings(max_examples=20)
def test_one_drawn_subset_scores_as_its_members_alone(
    rule: str, case: tuple[Floats, Labels], seed: int
) -> None:
    probs, labels = case
    scores, outcomes = averaging.evaluate(probs, labels, 2, rule, limit=1, seed=seed)
    (pair,) = outcomes.subsets
    expected, _ = averaging.evaluate(probs[list(pair)], labels, 2, rule)
    assert asdict(scores) == pytest.approx(asdict(expected), rel=1e-9)


@rules
@given(worlds, st.integers(1, 5))
@settings(max_examples=20)
def test_mean_hit_is_the_accuracy(rule: str, case: tuple[Floats, Labels], size: int) -> None:
    probs, labels = case
    scores, outcomes = averaging.evaluate(probs, labels, min(size, len(probs)), rule)
    assert outcomes.hits.shape == (len(outcomes.subsets), len(labels))
    assert outcomes.hits.mean() == pytest.approx(scores.accuracy)


@rules
@given(worlds, st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_order_of_the_members_does_not_matter(
    rule: str, case: tuple[Floats, Labels], random: Random
) -> None:
    probs, labels = case
    order = list(range(len(probs)))
    random.shuffle(order)
    for size in range(1, len(probs) + 1):
        scores, _ = averaging.evaluate(probs, labels, size, rule)
        shuffled, _ = averaging.evaluate(probs[order], labels, size, rule)
        assert astuple(shuffled) == pytest.approx(astuple(scores), abs=1e-12)


@rules
@given(worlds)
@settings(max_examples=20)
def test_nll_and_brier_never_rise_with_the_size(rule: str, case: tuple[Floats, Labels]) -> None:
    """Jensen, averaged over all subsets: exact for the NLL of both rules and the arithmetic Brier.

    NLL is convex in the probabilities and in the logits, the Brier score in the probabilities
    only. Size 1 is the mean member, so no size is ever worse than that.
    """
    probs, labels = case
    rows = [averaging.evaluate(probs, labels, m, rule)[0] for m in range(1, len(probs) + 1)]
    for one, more in itertools.pairwise(rows):
        assert more.nll <= one.nll + 1e-12
        if rule == "arithmetic":
            assert more.brier <= one.brier + 1e-12


def test_the_geometric_mean_can_have_a_worse_brier_score_than_its_members() -> None:
    # Members waver between the label and class 1, and between class 2 and class 1. Averaged
    # logits leave class 1 alone: Brier 2, against (0.5 + 1.5) / 2. Averaged probabilities are
    # (0.25, 0.5, 0.25): 0.75^2 + 0.5^2 + 0.25^2.
    probs = np.array([[[0.5, 0.5, 0.0]], [[0.0, 0.5, 0.5]]])
    labels = np.array([0])
    assert averaging.evaluate(probs, labels, 1)[0].brier == pytest.approx(1)
    assert averaging.evaluate(probs, labels, 2)[0].brier == pytest.approx(0.875)
    assert averaging.evaluate(probs, labels, 2, "geometric")[0].brier == pytest.approx(2)


@given(worlds)
@settings(max_examples=20)
def test_brier_gap_is_the_variance_between_members(case: tuple[Floats, Labels]) -> None:
    """Abe et al. 2022, equation 6."""
    probs, labels = case
    one = averaging.evaluate(probs, labels, 1)[0].brier
    together = averaging.evaluate(probs, labels, len(probs))[0].brier
    variance = probs.var(axis=0).sum(axis=1).mean()
    assert one - together == pytest.approx(variance, rel=1e-9)


@given(worlds)
@settings(max_examples=20)
def test_expected_brier_is_linear_in_one_over_size(case: tuple[Floats, Labels]) -> None:
    probs, labels = case
    count = len(probs)
    brier = {m: averaging.evaluate(probs, labels, m)[0].brier for m in range(1, count + 1)}
    slope = (brier[1] - brier[2]) / (1 - 1 / 2)
    for size, value in brier.items():
        assert value == pytest.approx(brier[1] - slope * (1 - 1 / size), rel=1e-12)
