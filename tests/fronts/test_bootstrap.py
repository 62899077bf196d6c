"""Replicates of fronts whose noise, and whose luck of choosing, are known on paper."""

import numpy as np
import pytest

from ensearch.core import Evaluation, SubsetHits
from ensearch.fronts.bootstrap import by_cost, overstatement, resample
from tests.advantages import evaluation, outcomes_of

IMAGES = 1000


def made(
    accuracies: list[tuple[int, float]], seed: int = 0, images: int = IMAGES
) -> tuple[list[Evaluation], list[SubsetHits]]:
    """(size, true accuracy) of networks of ascending cost, all images independent."""
    rng = np.random.default_rng(seed)
    rows, outcomes = [], []
    for k, (size, accuracy) in enumerate(accuracies):
        hits = rng.random(images) < accuracy
        rows.append(evaluation(1 + k / 100, size, float(hits.mean())))
        outcomes.append(outcomes_of(size, hits))
    return rows, outcomes


def test_the_first_row_is_what_was_measured() -> None:
    rows, outcomes = made([(1, 0.7), (2, 0.7), (1, 0.8), (2, 0.6)])
    found = resample(rows, outcomes, None, 100, 0)
    np.testing.assert_allclose(found.accuracies[0], [e.scores.accuracy for e in rows])
    assert by_cost(rows, singles=True) == [0, 2]
    np.testing.assert_allclose(found.singles[0], found.accuracies[0, [0, 2]])
    np.testing.assert_allclose(found.ensembles[0], found.accuracies[0, [1, 1]])


def test_image_noise_is_that_of_a_binomial() -> None:
    rows, outcomes = made([(1, 0.7), (2, 0.7)])
    found = resample(rows, outcomes, None, 4000, 0).accuracies[1:]
    np.testing.assert_allclose(found.std(axis=0), np.sqrt(0.21 / IMAGES), rtol=0.06)
    np.testing.assert_allclose(found.mean(axis=0), [e.scores.accuracy for e in rows], atol=0.001)


def test_images_are_paired_and_members_luck_is_shared_by_the_sizes_of_a_network() -> None:
    """Members that are right on all images or on none: all noise is that of their draw."""
    rng = np.random.default_rng(0)
    base = rng.random(IMAGES) < 0.5
    better = base | (rng.random(IMAGES) < 0.4)
    rows = [evaluation(1, 1, float((base.mean() + better.mean()) / 2))]
    rows += [evaluation(1, 2, float(base.mean()))]
    outcomes = [
        SubsetHits(subsets=((0,), (1,)), hits=np.stack([base, better])),
        outcomes_of(2, base),
    ]
    found = resample(rows, outcomes, None, 4000, 0)
    assert found.seeds
    noise = found.accuracies[1:].std(axis=0)
    images = np.sqrt(0.25 / IMAGES)
    spread = (better.mean() - base.mean()) / np.sqrt(2)  # standard deviation of two members
    assert noise[1] == pytest.approx(np.hypot(images, spread / np.sqrt(2)), rel=0.1)
    assert np.asarray(np.corrcoef(found.accuracies[1:].T))[0, 1] > 0.95


def test_without_a_pair_of_members_there_is_no_noise_of_seeds() -> None:
    rows, outcomes = made([(1, 0.7), (2, 0.7)])
    assert not resample(rows, outcomes, None, 40, 0).seeds


def test_the_other_split_chooses_and_this_one_scores() -> None:
    rows, outcomes = made([(1, 0.7), (1, 0.75), (2, 0.7)])
    _, others = made([(1, 0.9), (1, 0.5), (2, 0.7)], seed=1, images=3000)
    found = resample(rows, outcomes, others, 200, 0)
    assert found.singles[0, 1] == rows[0].scores.accuracy
    # The first is chosen in every replicate; its noise is that of its score.
    np.testing.assert_allclose(found.singles[:, 1], found.singles[:, 0])
    moved = found.singles[1:, 1] - found.accuracies[1:, 0]
    np.testing.assert_allclose(moved, moved[0])
    lone = resample(rows, outcomes, None, 200, 0)
    assert lone.singles[0, 1] == rows[1].scores.accuracy


def test_replicates_lie_about_the_mean_of_both_splits() -> None:
    """Equal but for noise, and one split harder by 0.1: only the common mean differs."""
    rows, outcomes = made([(1, 0.7), (2, 0.7)])
    _, others = made([(1, 0.6), (2, 0.6)], seed=1)
    found = resample(rows, outcomes, others, 4000, 0)
    scored = np.array([e.scores.accuracy for e in rows])
    chosen = np.array([o.hits.mean() for o in others])
    centre = (scored + chosen - chosen.mean() + scored.mean()) / 2
    replicates = [found.singles[1:, 0].mean(), found.ensembles[1:, 0].mean()]
    # The standard error of a mean of 4,000 replicates is 0.0002.
    np.testing.assert_allclose(replicates, centre, atol=0.001)


@pytest.mark.parametrize(
    ("rivals", "gap", "plain", "left"),
    [
        (6, 0.0, 1.27, (-0.4, 0.4)),  # the expected maximum of 6 normal deviates
        (1, 0.0, 0.0, (-0.35, 0.35)),
        # One that is 1.4 standard errors better than 5 others passes for one of them: overshoot.
        (6, 0.02, 0.4, (-0.9, 0.0)),
    ],
)
def test_the_correction_takes_off_what_choosing_adds(
    rivals: int, gap: float, plain: float, left: tuple[float, float]
) -> None:
    """One single network against ensembles: biases in standard errors, over 100 studies."""
    truth = [(1, 0.7)] + [(2, 0.7 - gap * (k > 0)) for k in range(rivals)]
    measured, corrected = [], []
    for seed in range(100):
        rows, outcomes = made(truth, seed)
        sample = resample(rows, outcomes, None, 100, seed)
        measured.append(sample.ensembles[0, -1] - sample.singles[0, 0])
        corrected.append(measured[-1] - overstatement(sample, rows, [(1, rivals)]))
    error = np.sqrt(0.21 / IMAGES)
    # The mean of 100 differences has a standard error of 0.14.
    assert np.mean(measured) / error == pytest.approx(plain, abs=0.35)
    assert left[0] < np.mean(corrected) / error < left[1]


def test_a_clear_best_needs_no_correction() -> None:
    rows, outcomes = made([(1, 0.7), (2, 0.5), (2, 0.6), (2, 0.8)])
    sample = resample(rows, outcomes, None, 200, 0)
    assert overstatement(sample, rows, [(1, 3)]) == pytest.approx(0, abs=1e-12)


def test_choosing_among_single_networks_counts_for_them() -> None:
    """The same hits with the kinds exchanged: the correction changes its sign."""
    truth = [(1, 0.7)] + [(2, 0.7)] * 6
    rows, outcomes = made(truth)
    other, same = made([(3 - size, accuracy) for size, accuracy in truth])
    one = overstatement(resample(rows, outcomes, None, 200, 0), rows, [(1, 6)])
    back = overstatement(resample(other, same, None, 200, 0), other, [(6, 1)])
    assert one == pytest.approx(-back)
    assert one > 0.005
