"""Schedules: what is usual, what is refused, and keys, which may not change."""

import math
from dataclasses import replace

import pytest

from ensearch.core import Architecture, Member, Schedule
from ensearch.errors import UsageError
from ensearch.schedule import BY_OPTIMIZER, OPTIMIZERS

PLAIN = Schedule(epochs=8, flip=True, crop=4)
RICH = Schedule(epochs=30, peak_lr=0.1, weight_decay=1e-4, crop_scale=0.35)


# Written down before there were optimizers to choose from.
@pytest.mark.parametrize(
    ("schedule", "key", "member"),
    [(PLAIN, "3f82f3e7", "56bfeb707ea4b876"), (RICH, "f83f4c5f", "d8c9b72eac517e6b")],
)
def test_schedules_by_sgd_have_the_keys_of_earlier_versions(
    schedule: Schedule, key: str, member: str
) -> None:
    one = Member(
        architecture=Architecture(family="wide_resnet", width=1, depth=16, resolution=32),
        schedule=schedule,
        dataset="0123456789abcdef",
        seed=3,
    )
    assert (schedule.key, one.key) == (key, member)
    assert "optimizer" not in schedule.content()
    assert schedule.changed(optimizer="sgd").key == key


def test_muon_makes_other_members_even_with_the_same_numbers() -> None:
    sgd = {name: getattr(PLAIN, name) for name in BY_OPTIMIZER["sgd"]}
    same = PLAIN.changed(optimizer="muon", **sgd)
    assert same.key != PLAIN.key
    assert same.content() == PLAIN.content() | {"optimizer": "muon"}
    assert Schedule(**same.content()) == same  # type: ignore[arg-type]
    assert same.changes(PLAIN) == ("optimizer muon",)


def test_what_is_not_said_is_as_usual_for_the_optimizer() -> None:
    assert (PLAIN.optimizer, PLAIN.peak_lr, PLAIN.momentum) == ("sgd", 0.4, 0.9)
    muon = Schedule(epochs=8, optimizer="muon", flip=True, crop=4)
    assert (muon.peak_lr, muon.momentum, muon.weight_decay) == (0.12, 0.6, 5e-4)
    assert Schedule(epochs=8, optimizer="muon", peak_lr=0.1).momentum == 0.6
    assert all(usual.keys() == BY_OPTIMIZER["sgd"].keys() for usual in BY_OPTIMIZER.values())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_another_optimizer_brings_its_own_values_for_what_is_not_named(optimizer: str) -> None:
    start = replace(PLAIN, peak_lr=0.07, momentum=0.5, weight_decay=0.01)
    start = replace(start, optimizer="muon" if optimizer == "sgd" else "sgd")
    usual = Schedule(epochs=8, optimizer=optimizer, flip=True, crop=4)
    assert start.changed(optimizer=optimizer) == usual
    assert start.changed(optimizer=optimizer, peak_lr=0.3) == replace(usual, peak_lr=0.3)
    assert start.changed(optimizer=start.optimizer, epochs=9) == replace(start, epochs=9)
    assert start.changed() == start


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("optimizer", "adam", "optimizer must be 'sgd' or 'muon'; got 'adam'"),
        ("optimizer", ["muon"], "optimizer must be"),
        ("optimizer", True, "optimizer must be"),
        ("peak_lr", -math.inf, "peak_lr must be a positive finite number; got -inf"),
        ("peak_lr", math.nan, "peak_lr must be"),
        ("peak_lr", "0.1", "peak_lr must be"),
        ("momentum", 1, "momentum must be"),
        ("weight_decay", -math.inf, "weight_decay must be"),
        ("epochs", 1.5, "epochs must be"),
        ("flip", 1, "flip must be"),
        ("crop", True, "crop must be"),
    ],
)
def test_what_is_not_legal_is_refused(field: str, value: object, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Schedule(**{"epochs": 1, field: value})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=says):
        PLAIN.changed(**{field: value})
