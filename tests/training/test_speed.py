"""How fast members train, measured before the first of them does."""

from dataclasses import replace

import pytest
import torch

from ensearch import training
from ensearch.core import Schedule
from ensearch.errors import UnavailableError
from ensearch.training import loop, speed
from ensearch.training.data import Images
from ensearch.training.muon import Muon
from ensearch.training.state import State
from tests.members import SMALL

SCHEDULE = Schedule(epochs=1)  # batches of 128


def test_speed_grows_with_the_network() -> None:
    few = SCHEDULE.changed(batch_size=16)
    small, large = (
        training.measure_speed(replace(SMALL, width=width), (1, 10, 8), few, "cpu", seconds=0.2)
        for width in (0.25, 8)  # about 700 times the multiply-adds
    )
    assert 0 < small < large


def test_speed_is_measured_in_small_batches_where_the_time_allows_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches: list[int] = []

    def fake(state: object, images: Images, schedule: Schedule) -> float:
        batches.append(len(images.x_train))
        return 0.01 * len(images.x_train)

    monkeypatch.setattr(speed, "_timed_step", fake)
    # Steps of 2 and 8 images take 0.02 and 0.08 s; of 32, 0.32 s: more than a quarter of 1 s.
    assert training.measure_speed(SMALL, (1, 10, 8), SCHEDULE, "cpu", 1.0) == pytest.approx(0.01)
    assert set(batches) == {2, 8}


def test_what_a_step_takes_besides_its_images_is_not_taken_for_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fake(state: object, images: Images, schedule: Schedule) -> float:
        return 0.2 + 0.01 * len(images.x_train)

    monkeypatch.setattr(speed, "_timed_step", fake)
    # Of 2 and 8 images; a step of 32 would be too long.
    per_image = training.measure_speed(SMALL, (1, 10, 8), SCHEDULE, "cpu", 1.0)
    assert per_image == pytest.approx(0.2 / 128 + 0.01)


def test_a_network_that_does_not_fit_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(speed, "_timed_step", full)
    with pytest.raises(UnavailableError, match="Lower the budget"):
        training.measure_speed(SMALL, (1, 10, 8), SCHEDULE, "cpu")


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_a_step_that_is_measured_is_one_of_the_schedule(
    monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    """Its optimizer, its augmentation, its batches and its smoothing."""
    seen: list[tuple[bool, int, int]] = []
    real = loop.train_step

    def step(
        state: State, x: torch.Tensor, y: torch.Tensor, smoothing: float, device: str
    ) -> torch.Tensor:
        is_muon, holes = isinstance(state.optimizer, Muon), int((x == 0).sum())
        seen.append((is_muon, len(x), holes))
        assert smoothing == 0.25
        return real(state, x, y, smoothing, device)

    monkeypatch.setattr(speed, "train_step", step)
    schedule = SCHEDULE.changed(
        optimizer=optimizer, batch_size=2, cutout=8, label_smoothing=0.25, crop_scale=0.5
    )
    assert training.measure_speed(SMALL, (1, 10, 8), schedule, "cpu", seconds=0.0) > 0
    assert {(is_muon, count) for is_muon, count, _ in seen} == {(optimizer == "muon", 2)}
    assert all(holes > 0 for _, _, holes in seen), "cut out"
