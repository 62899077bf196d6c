"""The pooled model where its answer is known, and where it may not be used."""

import numpy as np
import pytest

from ensearch.core import Evaluation, Floats
from ensearch.fronts import estimates, noise, pooled
from scripts.simulations.verdicts.study import layout
from scripts.simulations.verdicts.worlds import WORLDS
from tests.advantages import evaluation, noise_of


def straight(deviation: float = 0.0) -> list[Evaluation]:
    """8 networks, each alone and as 2 and 4: 2 points a doubling, 1 more for 2 and 1.5 for 4.

    Every second network deviates, with all its sizes.
    """
    return [
        evaluation(2.0**k, size, 0.7 + 0.02 * k + 0.02 * (1 - 1 / size) + deviation * (-1.0) ** k)
        for k in range(8)
        for size in (1, 2, 4)
    ]


def estimated(rows: list[Evaluation], sd: float) -> tuple[Floats, Floats]:
    """The mean and the standard deviation of the draws with independent noise."""
    rng = np.random.default_rng(0)
    draws = pooled.fit(rows, noise_of(rows, sd**2), rng).draws(2000, rng)
    return draws.mean(axis=0), draws.std(axis=0)


def test_with_hardly_any_noise_the_estimates_are_what_was_measured() -> None:
    rows = straight(0.01)
    mean, sd = estimated(rows, 1e-4)
    np.testing.assert_allclose(mean, [e.scores.accuracy for e in rows], atol=3e-4)
    assert sd.max() < 4e-4


def test_with_much_noise_the_estimates_are_on_the_curve() -> None:
    """Networks deviate by 1 point where noise is 4: on average less than half of it is left."""
    mean, sd = estimated(straight(0.01), 0.04)
    curve = np.array([e.scores.accuracy for e in straight()])
    assert np.abs(mean - curve).mean() < 0.005
    assert np.abs(mean - curve).max() < 0.01
    # As of a curve with a gain through 24 values, not of one value.
    assert sd.max() < 0.85 * 0.04
    assert np.median(sd) < 0.65 * 0.04


def test_a_network_learns_from_its_other_sizes() -> None:
    """Noise of 1 point each: what is known of each is worth one and a half measurements or more."""
    _, sd = estimated(straight(), 0.01)
    assert np.median(sd) < 0.008


def test_draws_of_the_scales_have_weights() -> None:
    rows, rng = straight(0.005), np.random.default_rng(0)
    found = pooled.fit(rows, noise_of(rows, 1e-4), rng)
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights >= 0).all()
    assert found.points.shape == (pooled.POINTS, len(found.mode))
    # Not one value of the scales decides.
    assert 1 / (found.weights**2).sum() > 3


def test_the_covariance_of_the_estimates_is_that_of_the_draws_and_grows_with_the_noise() -> None:
    rows, rng = straight(0.005), np.random.default_rng(0)
    measured = noise_of(rows, 1e-4)
    found = pooled.fit(rows, measured, rng)
    now = found.covariance(measured.covariance)
    drawn = np.cov(found.draws(4000, rng), rowvar=False)
    # The draws vary the scales too.
    assert np.diag(now) == pytest.approx(np.diag(drawn), rel=0.4)
    less, more = (np.diag(found.covariance(f * measured.covariance)) for f in (0.25, 4))
    assert (less < np.diag(now)).all()
    assert (np.diag(now) < more).all()
    assert (np.diag(now) < 1.01 * np.diag(measured.covariance)).all()


def test_less_noise_counts_as_far_as_a_measurement_does() -> None:
    """C falls by W dN W' if the noise falls by dN, W the influence of the measurements."""
    rows = straight(0.01)
    noise_now = noise_of(rows, 1e-4)
    found = pooled.fit(rows, noise_now, np.random.default_rng(0))
    influence, less = found.influence(), np.zeros((len(rows), len(rows)))
    less[4, 4] = 1e-7
    change = found.covariance(noise_now.covariance) - found.covariance(noise_now.covariance - less)
    np.testing.assert_allclose(change, influence @ less @ influence.T, atol=2e-10)
    assert change.max() > 2e-9


def test_the_estimates_hold_the_truth_as_often_as_they_say() -> None:
    """12 studies of 55 accuracies, each against the mean of all, which the luck of images moves.

    Of 90 % intervals 86 to 98 % hold, and they are narrower than those of the measurements.
    """
    made = layout(WORLDS["D = 0 everywhere"])
    held, widths = [], []
    for seed in range(12):
        study = made.study(500, seed)
        hits = [study.hits[e.key] for e in study.evaluations]
        measured, rng = noise.measure(study.evaluations, hits), np.random.default_rng(seed)
        draws = pooled.fit(study.evaluations, measured, rng).draws(1000, rng)
        draws -= draws.mean(axis=1, keepdims=True)
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        truth = np.array([made.truth.accuracies[e.key] for e in study.evaluations])
        truth -= truth.mean()
        held.append(((low <= truth) & (truth <= high)).mean())
        centred = np.eye(len(truth)) - 1 / len(truth)
        alone = np.sqrt(np.diag(centred @ measured.covariance @ centred))
        widths.append(alone.mean() / draws.std(axis=0).mean())
    assert 0.86 < np.mean(held) < 0.98
    assert np.mean(widths) > 1


@pytest.mark.parametrize(
    ("name", "images", "fits"),
    [
        ("D = 0 everywhere", 500, True),
        ("D = 0 everywhere", 2_500, True),
        ("10 + 1 everywhere", 500, False),
        ("1 + 10 everywhere", 10_000, False),
    ],
)
def test_a_group_that_is_not_like_the_others_switches_the_model_off(
    name: str, images: int, fits: bool
) -> None:
    """One group of 11 is 3 points below the others alone, and that much above in ensembles.

    With scales that it had itself widened it was found in 5 of 40 such studies of 500 images.
    """
    made = layout(WORLDS[name])
    for seed in range(3):
        study = made.study(images, seed)
        measured = noise.measure(study.evaluations, [study.hits[e.key] for e in study.evaluations])
        found = estimates.estimate(study.evaluations, measured, np.random.default_rng(seed))
        assert found.is_pooled == fits
        if not fits:
            np.testing.assert_array_equal(found.accuracies, measured.accuracies)


def test_estimates_are_as_high_as_what_was_measured() -> None:
    """With errors at the measured accuracies they were 1.6 points lower with 500 images."""
    made, lower = layout(WORLDS["10 + 1 everywhere"]), []
    for seed in range(4):
        study = made.study(500, seed)
        measured = noise.measure(study.evaluations, [study.hits[e.key] for e in study.evaluations])
        rng = np.random.default_rng(seed)
        draws = pooled.fit(study.evaluations, measured, rng).draws(1000, rng)
        lower.append(measured.accuracies.mean() - draws.mean())
    assert np.mean(lower) == pytest.approx(0, abs=0.004)


def test_few_networks_are_no_population() -> None:
    rows = straight()[:15]  # 5 networks
    for some, is_pooled in ((rows, False), (straight()[:18], True)):
        found = estimates.estimate(some, noise_of(some, 1e-4), np.random.default_rng(0))
        assert found.is_pooled == is_pooled
