"""What is known of short schedules is shown where the schedule is the one that was measured."""

import pytest

from ensearch import datasets
from ensearch.study import picks


def test_a_schedule_that_was_measured_is_known_and_others_are_not() -> None:
    usual = datasets.schedule("digits").changed(epochs=6, optimizer="muon")
    found = picks.known("digits", "wide_resnet", usual)
    assert found is not None
    assert (found.epochs, found.optimizer, found.longer) == (6, "muon", 48)
    assert picks.known("digits", "vit", usual) is None
    assert picks.known("digits", "wide_resnet", usual.changed(epochs=7)) is None
    assert picks.known("digits", "wide_resnet", usual.changed(peak_lr=0.01)) is None
    assert picks.known("fashion_mnist", "wide_resnet", usual) is None


@pytest.mark.parametrize("one", picks.MEASURED)
def test_every_measurement_is_of_long_schedules_and_in_order(one: picks.Picks) -> None:
    assert one.dataset in datasets.names()
    assert one.longer >= 4 * one.epochs
    assert one.low <= one.lost <= one.high
    assert int(one.tried.split()[0]) >= 10
    assert one.seeds >= 3
    assert f"{one.lost:.1f} points" in picks.sentence(one)
