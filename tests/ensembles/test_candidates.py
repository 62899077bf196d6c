"""Candidates that cannot be averaged or scored are refused, each with what is wrong."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ensearch.ensembles.candidates import Candidates, check, narrowed
from ensearch.errors import UsageError
from scripts.simulations.cross_fitting.drawn_pool import DrawnPool
from tests.planted import pool

PROBS = np.full((2, 3, 4), 0.25)


def of(**changes: Any) -> Candidates:
    values: dict[str, Any] = {
        "keys": ("a", "b"),
        "networks": ("x", "y"),
        "macs": np.array([1, 2]),
        "probs": PROBS,
    }
    return Candidates(**(values | changes))


def spoiled(value: float) -> Any:
    probs = PROBS.copy()
    probs[1, 2, 0] = value
    return probs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probs": PROBS[0]}, r"members x images x classes.*\(3, 4\)"),
        ({"probs": PROBS[:1]}, "for 2 members"),
        ({"probs": PROBS[:, :0]}, "at least one image"),
        ({"probs": np.ones((2, 3, 1))}, "2 classes"),
        ({"probs": PROBS.astype(np.float16)}, "float32 or float64"),
        ({"probs": spoiled(np.nan)}, "sum to 1.*those of b"),
        ({"probs": spoiled(np.inf)}, "sum to 1.*those of b"),
        ({"probs": spoiled(0.3)}, "sum to 1.*those of b"),
        ({"probs": np.stack([PROBS[0], PROBS[0] + [[0.5, -0.5, 0.3, -0.3]]])}, "at least 0"),
        ({"keys": ("a", "a")}, "different keys"),
        ({"macs": np.array([1])}, "one cost"),
        ({"networks": ("x",)}, "one network"),
        ({"macs": np.array([0, 1])}, "at least 1 multiply-add"),
    ],
)
def test_bad_candidates_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        of(**changes)


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 4], [0, -1, 2], []])
def test_labels_of_another_split_are_refused(labels: list[int]) -> None:
    with pytest.raises(UsageError, match="label from 0 to 3 for each of 3 images"):
        check(of(), np.array(labels, np.int64), [1.0])


@pytest.mark.parametrize("budgets", [[2.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, np.nan], [np.inf]])
def test_budgets_must_ascend(budgets: list[float]) -> None:
    with pytest.raises(UsageError, match="positive and ascending"):
        check(of(), np.zeros(3, np.int64), budgets)


def test_parts_keep_what_belongs_together() -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(3), (3, 5))
    whole = pool(probs, [1, 2, 3], ["x", "y", "x"])
    part = whole.only([2, 0]).take(np.array([4, 1]))
    assert (part.keys, part.networks, part.macs.tolist()) == (("c", "a"), ("x", "x"), [3, 1])
    np.testing.assert_array_equal(part.probs, probs[[2, 0]][:, [4, 1]])


def test_few_of_many_classes_tell_nearly_all() -> None:
    """20 of 200 classes, averages of all pairs of 6 members: the same hits and labels' means."""
    candidates, labels = DrawnPool(0, networks=3, members=2, classes=200).draw(400, 1)
    probs, places = narrowed(lambda: iter(candidates.probs), labels, keep=20)
    assert probs.shape == (6, 400, 20)
    assert probs.dtype == np.float32
    narrow = Candidates(
        keys=candidates.keys,
        networks=candidates.networks,
        macs=candidates.macs,
        probs=probs,
        narrow=True,
    )
    rows = np.arange(400)
    for pair in itertools.combinations(range(6), 2):
        whole, part = (c.probs[list(pair)].mean(axis=0) for c in (candidates, narrow))
        np.testing.assert_allclose(part[rows, places], whole[rows, labels], rtol=1e-5)
        hits = (whole.argmax(axis=1) == labels) != (part.argmax(axis=1) == places)
        assert hits.mean() <= 0.005
    assert narrow.take(np.arange(3)).narrow
    with pytest.raises(UsageError, match="sum to 1"):
        replace(narrow, narrow=False)


def test_few_classes_stay_as_they_are() -> None:
    probs, labels = narrowed(lambda: iter(PROBS), np.array([0, 1, 3]))
    np.testing.assert_array_equal(probs, PROBS)
    assert labels.tolist() == [0, 1, 3]
