"""What would settle a budget, for noise whose parts are known on paper."""

from dataclasses import replace

import numpy as np
import pytest

from ensearch.core import Evaluation, Floats
from ensearch.fronts.noise import Noise
from ensearch.fronts.settling import STEPS, ToSettle, to_settle
from tests.advantages import noise_of, rows_of

HALF = 0.02
# Of each of two accuracies: images 4e-5, half of which members average away, and luck 6e-5.
IMAGES, BOTH, MEMBERS = 4e-5, 2e-5, 6e-5


def pair() -> tuple[list[Evaluation], Noise]:
    rows = rows_of([(1.0, 1, 0.8), (0.5, 2, 0.8)])
    return rows, noise_of(rows, IMAGES, MEMBERS, both=BOTH, trained=3, count=500)


def settled(wanted: float, shrink: float = 1.0) -> ToSettle:
    rows, noise = pair()

    def covariance(found: Floats) -> Floats:
        return shrink * found

    return to_settle((rows[0], rows[1]), (0, 1), noise, covariance, HALF, wanted)


def test_half_widths_with_all_members_and_with_all_images() -> None:
    found = settled(0.015)
    assert found.half_width == HALF
    # Of 1e-4 the images' own 2e-5 are left, or the luck of 6e-5.
    assert found.half_width_members == pytest.approx(HALF * 0.2**0.5)
    assert found.half_width_images == pytest.approx(HALF * 0.6**0.5)


def test_as_many_seeds_as_it_takes() -> None:
    """2e-5 + 8e-5 x 3 / (3 + n) is below (0.95 x 0.015 / 0.02)^2 of 1e-4 from n = 4.8 on."""
    rows, noise = pair()
    found = settled(0.015)
    assert found.seeds == {row.network: 5 for row in rows}
    for more, enough in ((5, True), (4, False)):
        left = np.diag(noise.with_more(dict.fromkeys(noise.networks.tolist(), more), 1)).mean()
        assert (HALF * (left / 1e-4) ** 0.5 <= 0.95 * 0.015) == enough


def test_as_many_images_as_it_takes() -> None:
    """4e-5 / k + 6e-5 is below (0.95 x 0.018 / 0.02)^2 = 0.731 of 1e-4 from k = 3.05 on."""
    found = settled(0.018)
    assert found.images == 4 * 500
    assert settled(0.015).images is None


def test_where_nothing_would_do() -> None:
    found = settled(0.005)
    assert (found.seeds, found.train_macs, found.images) == (None, 0, None)


def test_what_seeds_cost_to_train() -> None:
    """5 members more of each network, at 7 and 3 multiply-adds a member."""
    rows, noise = pair()
    single, ensemble = replace(rows[0], train_macs=7.0), replace(rows[1], train_macs=6.0)
    found = to_settle((single, ensemble), (0, 1), noise, lambda c: c, HALF, 0.015)
    assert found.train_macs == 5 * (7 + 3)


def test_the_width_shrinks_as_the_estimates_do() -> None:
    """A model that makes half of every variance changes nothing: today's is the half too."""
    assert settled(0.015, shrink=0.5) == settled(0.015)


def test_two_sizes_of_one_network_share_their_new_members() -> None:
    rows = rows_of([(1.0, 1, 0.8), (1.0, 2, 0.8)])
    noise = noise_of(rows, IMAGES, MEMBERS, trained=3)
    found = to_settle((rows[0], rows[1]), (0, 1), noise, lambda c: c, HALF, 0.018)
    assert found.seeds is not None
    assert list(found.seeds) == [rows[0].network]


def test_steps_are_at_most_64() -> None:
    assert list(STEPS) == sorted(STEPS)
    assert STEPS[-1] == 64
