"""Intervals of the best against the best, for draws whose quantiles are in tables."""

from statistics import NormalDist

import numpy as np
import pytest

from ensearch.core import Floats
from ensearch.fronts.comparison import Compared, Rivals, by_draws, by_themselves
from ensearch.fronts.noise import Noise
from tests.advantages import noise_of, rows_of

NORMAL = NormalDist()
DRAWS = 40_000  # a quantile of a standard normal is within 0.02


def rivals(singles: int, ensembles: int, *, first: int = 0, counts: bool = True) -> Rivals:
    """So many indices from `first` on, single networks first."""
    indices = np.arange(first, first + singles + ensembles, dtype=np.intp)
    return Rivals(singles=indices[:singles], ensembles=indices[singles:], counts=counts)


def drawn(means: list[float], sd: float, seed: int = 0) -> Floats:
    """Independent draws with exactly these means, and standard deviations but for 1 %."""
    noise = np.random.default_rng(seed).standard_normal((DRAWS, len(means)))
    return np.asarray(np.array(means) + sd * (noise - noise.mean(axis=0)))


def test_draws_of_one_pair() -> None:
    """Both ends of a normal difference: 1.645 and, where one end counts, 1.282 at level 0.9."""
    found = by_draws(drawn([0.80, 0.83], 0.01), [rivals(1, 1)], 0.9)[0]
    sd = 0.01 * 2**0.5
    assert (found.single, found.ensemble) == (0, 1)
    assert found.advantage == pytest.approx(0.03)
    assert found.low == pytest.approx(0.03 - 1.645 * sd, abs=0.03 * sd)
    assert found.high == pytest.approx(0.03 + 1.645 * sd, abs=0.03 * sd)
    assert found.least == pytest.approx(0.03 - 1.282 * sd, abs=0.03 * sd)
    assert found.most == pytest.approx(0.03 + 1.282 * sd, abs=0.03 * sd)
    away = 0.03 / sd
    loss = sd * (NORMAL.pdf(away) - away * NORMAL.cdf(-away))
    assert found.loss == pytest.approx(loss, rel=0.1)


def test_the_lower_end_is_about_the_named_ensemble_and_the_best_of_all_single_networks() -> None:
    """The mean maximum of 6 normal deviates is 1.267, with a standard deviation of 0.645.

    The last ensemble is the best in half the draws, and raises the upper end alone.
    """
    means = [0.80] * 6 + [0.83, 0.8299]
    draws = drawn(means, 0.01)
    draws[:, 6:] = means[6:]  # nothing is unknown of the ensembles
    pair, all_six = by_draws(draws, [rivals(6, 1)], 0.9)[0], by_draws(draws, [rivals(6, 2)], 0.9)[0]
    assert pair.ensemble == all_six.ensemble == 6
    assert pair.advantage == pytest.approx(0.03)
    gap = draws[:, 6] - draws[:, :6].max(axis=1)
    assert gap.mean() == pytest.approx(0.03 - 1.267 * 0.01, abs=1e-4)
    assert gap.std() == pytest.approx(0.645 * 0.01, rel=0.02)
    for found in (pair, all_six):
        c = (gap.mean() - found.low) / gap.std()
        assert 1.5 < c < 1.9
        # The upper end is about the named single network: c standard deviations of that alone.
        assert found.high == pytest.approx(0.03 + c * 0.01, rel=0.02)


def test_a_rival_that_may_be_better_raises_the_upper_end_alone() -> None:
    means, noise = [0.80, 0.83, 0.82], np.random.default_rng(0).standard_normal(DRAWS)
    draws = np.tile(means, (DRAWS, 1))
    draws[:, 2] += 0.02 * noise
    draws[:, 0] += 0.01 * np.random.default_rng(1).standard_normal(DRAWS)
    alone, beside = by_draws(draws, [rivals(1, 1)], 0.9)[0], by_draws(draws, [rivals(1, 2)], 0.9)[0]
    assert beside.ensemble == alone.ensemble == 1
    assert beside.advantage == alone.advantage
    assert beside.low == pytest.approx(alone.low, abs=0.001)
    assert beside.high > alone.high + 0.005


def test_budgets_that_count_hold_together_and_the_others_widen_nothing() -> None:
    """8 independent pairs: both ends of all in 90 % of draws need 2.48, one pair 1.645."""
    draws = drawn([0.8, 0.8] * 8, 0.01)
    sd = 0.01 * 2**0.5
    joint = by_draws(draws, [rivals(1, 1, first=2 * k) for k in range(8)], 0.9)
    several = NORMAL.inv_cdf((1 + 0.9 ** (1 / 8)) / 2)
    for found in joint:
        assert (found.high - found.low) / 2 == pytest.approx(several * sd, rel=0.02)
    some = by_draws(draws, [rivals(1, 1, first=2 * k, counts=k == 0) for k in range(8)], 0.9)
    for found in some:
        assert (found.high - found.low) / 2 == pytest.approx(1.645 * sd, rel=0.02)
    none = by_draws(draws, [rivals(1, 1, first=2 * k, counts=False) for k in range(8)], 0.9)
    assert none == joint


def test_draws_that_never_differ_have_an_exact_interval() -> None:
    found = by_draws(np.tile([0.8, 0.83], (50, 1)), [rivals(1, 1)], 0.9)[0]
    ends = [found.low, found.high, found.least, found.most]
    assert ends == pytest.approx([0.03] * 4, abs=1e-12)
    assert found.loss == 0


def noise(singles: list[float], ensembles: list[float], variance: float) -> Noise:
    table = [(1.0 + k / 100, 1, p) for k, p in enumerate(singles)]
    table += [(0.5 + k / 200, 2, p) for k, p in enumerate(ensembles)]
    return noise_of(rows_of(table), variance)


def themselves(singles: list[float], ensembles: list[float], sd: float) -> Compared:
    found = noise(singles, ensembles, sd**2)
    deviates = sd * np.random.default_rng(0).standard_normal((DRAWS, len(found.accuracies)))
    return by_themselves(found, [rivals(len(singles), len(ensembles))], deviates, 0.95)[0]


def test_one_pair_by_itself_is_the_paired_interval() -> None:
    found, se = themselves([0.80], [0.83], 0.01), 0.01 * 2**0.5
    assert found.advantage == pytest.approx(0.03)
    assert found.low == pytest.approx(0.03 - 1.960 * se, abs=0.03 * se)
    assert found.high == pytest.approx(0.03 + 1.960 * se, abs=0.03 * se)
    assert found.least == pytest.approx(0.03 - 1.645 * se, abs=0.03 * se)
    assert found.most == pytest.approx(0.03 + 1.645 * se, abs=0.03 * se)
    loss = se * (NORMAL.pdf(0.03 / se) - 0.03 / se * NORMAL.cdf(-0.03 / se))
    assert found.loss == pytest.approx(loss, rel=0.1)


@pytest.mark.parametrize(("many", "c"), [(2, 1.92), (3, 2.06), (5, 2.23)])
def test_many_against_one_is_dunnett(many: int, c: float) -> None:
    """Dunnett 1955, table 1b, infinite degrees of freedom: one-sided, 95 %.

    An ensemble that looks best of many by luck widens the lower end, and not the upper.
    """
    se = 0.01 * 2**0.5
    found = themselves([0.80], [0.83] * many, 0.01)
    assert found.least == pytest.approx(0.03 - c * se, abs=0.04 * se)
    assert found.most == pytest.approx(0.03 + 1.645 * se, abs=0.03 * se)
    other = themselves([0.83] * many, [0.80], 0.01)
    assert other.most == pytest.approx(-0.03 + c * se, abs=0.04 * se)
    assert other.least == pytest.approx(-0.03 - 1.645 * se, abs=0.03 * se)


def test_rivals_far_behind_widen_nothing() -> None:
    alone, beside = themselves([0.8], [0.83], 0.01), themselves([0.8], [0.83] + [0.5] * 9, 0.01)
    assert beside.least == pytest.approx(alone.least, abs=0.0005)
    assert beside.low == pytest.approx(alone.low, abs=0.0005)
    assert beside.advantage == alone.advantage


def test_a_true_lead_is_held_by_joint_intervals_in_nineteen_of_twenty() -> None:
    """Near-equal rivals of both kinds at 2 budgets, 400 studies: 95 %, at least 92 %."""
    rng, sd, held = np.random.default_rng(5), 0.01, 0
    truth = noise([0.80] * 4 + [0.81] * 4, [0.805] * 4 + [0.808] * 4, sd**2)
    first = Rivals(singles=np.arange(4), ensembles=np.arange(8, 12), counts=True)
    second = Rivals(singles=np.arange(8), ensembles=np.arange(8, 16), counts=True)
    deviates = sd * rng.standard_normal((1000, 16))
    for _ in range(400):
        measured = truth.accuracies + sd * rng.standard_normal(16)
        study = noise(measured[:8].tolist(), measured[8:].tolist(), sd**2)
        one, two = by_themselves(study, [first, second], deviates, 0.95)
        held += one.low <= 0.005 <= one.high and two.low <= -0.002 <= two.high
    assert held >= 368
