"""The time that is left of a run: from the plan at first, from its pace soon."""

import pytest

from ensearch.study import pace


def test_a_plan_that_holds_counts_down() -> None:
    left = [pace.seconds_left(over, 100 * over, 100) for over in (0, 0.25, 0.5, 1)]
    assert left == pytest.approx([100, 75, 50, 0])


@pytest.mark.parametrize("times", [0.25, 4])
def test_a_plan_that_is_wrong_is_soon_corrected(times: float) -> None:
    # At a tenth the plan and the pace count alike, at a half the pace five times as much.
    tenth, half = (pace.seconds_left(over, 100 * times * over, 100) for over in (0.1, 0.5))
    assert tenth == pytest.approx(90 * (1 + times) / 2)
    assert half == pytest.approx(50 * (1 + 5 * times) / 6)


def test_without_a_plan_the_pace_is_all_there_is() -> None:
    assert pace.seconds_left(0.25, 10, None) == pytest.approx(30)
