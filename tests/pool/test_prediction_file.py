"""Files of predictions: what is taken, what is refused and how that is said."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ensearch.ensembles import averaging
from ensearch.errors import UsageError
from ensearch.pool import prediction_file
from tests import models

Change = Callable[[dict[str, Any]], None]


def refusal(path: Path, change: Change) -> str:
    content: dict[str, Any] = models.arrays()
    change(content)
    models.write(path, content)
    with pytest.raises(UsageError) as caught:
        prediction_file.read(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@given(
    values=hnp.arrays(
        np.float64, st.tuples(st.integers(1, 8), st.integers(2, 6)), elements=st.floats(-30, 30)
    )
)
def test_probabilities_come_back_to_the_rounding_of_float16(values: Any) -> None:
    # Rows that are probabilities are refused as logits.
    assume(values.min() < 0 or np.abs(values.sum(axis=1) - 1).max() > 0.1)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    probs = powers / powers.sum(axis=1, keepdims=True)
    y = np.zeros(len(probs), np.int64)
    for name, given_as in (("probs_val", probs), ("logits_val", values)):
        found, classes = prediction_file.checked({name: given_as, "y_val": y})
        assert classes == ()
        assert found["val"].logits.dtype == np.float16
        # float16 keeps 11 bits: of a log of 60 that is 0.03.
        back = averaging.probs_of(found["val"].logits)
        assert np.allclose(back, probs, rtol=0.04, atol=1e-6)


def test_impossible_and_certain_classes_stay_finite() -> None:
    found, _ = prediction_file.checked(
        {"probs_val": np.array([[0.0, 1.0], [1.0, 0.0]]), "y_val": np.array([1, 0])}
    )
    assert found["val"].logits.tolist() == [[-87.3125, 0.0], [0.0, -87.3125]]


def test_large_logits_are_shifted_and_not_overflown() -> None:
    found, _ = prediction_file.checked(
        {"logits_val": np.array([[1e6, 1e6 + 3, -1e9]]), "y_val": np.array([1])}
    )
    assert found["val"].logits.tolist() == [[-3.0, 0.0, -65504.0]]


def as_bfloat16(values: Any) -> Any:
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x8000) & 0xFFFF0000).view(np.float32)


@pytest.mark.parametrize(
    "rounded",
    [as_bfloat16, lambda p: p.round(2), lambda p: p.astype(np.float32).round(2), lambda p: p * 1.0],
)
def test_probabilities_that_were_rounded_are_divided_by_their_sums(rounded: Any) -> None:
    y = models.labels(400, classes=10)
    probs = models.probs(y, 2, 0, classes=10)
    given_as = rounded(probs)
    found, _ = prediction_file.checked({"probs_val": given_as, "y_val": y})
    back = averaging.probs_of(found["val"].logits)
    wanted = given_as / given_as.sum(axis=1, keepdims=True)
    assert np.allclose(back, wanted, rtol=0.04, atol=1e-6)
    assert found["val"].note.startswith("probs_val was rounded: ") == (
        np.abs(given_as.sum(axis=1) - 1).max() > 1e-3
    )
    assert ("rounded to 0" in found["val"].note) == (given_as.min() == 0)


def test_independent_probabilities_are_not_taken_for_rounded_ones() -> None:
    """Such as those of sigmoids, whose sums may be anything."""
    y = models.labels(40)
    each = np.random.default_rng(0).random((40, 4)).round(2)
    with pytest.raises(UsageError, match=r"within 0\.02"):
        prediction_file.checked({"probs_val": each, "y_val": y})


def test_names_of_classes_come_along(tmp_path: Path) -> None:
    content = models.arrays() | {"classes": np.array(["a", "b", "c", "d"])}
    found, classes = prediction_file.read(models.write(tmp_path / "p.npz", content))
    assert classes == ("a", "b", "c", "d")
    assert sorted(found) == ["test", "val"]


def setting(name: str, value: Any) -> Change:
    return lambda content: content.update({name: value})


def at(name: str, place: Any, value: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        content[name] = content[name].copy()
        content[name][place] = value

    return change


def without(name: str) -> Change:
    return lambda content: content.__delitem__(name)


def logits_without_labels(content: dict[str, Any]) -> None:
    content["logits_val"] = content.pop("probs_val")
    del content["y_val"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (at("probs_val", (3, 1), np.nan), "1 rows hold NaN or infinity, the first is row 3"),
        (at("probs_test", (0, 0), np.inf), "probs_test should be finite"),
        (at("probs_val", (2, slice(None)), 0.2), "1 of 40 do not, the first is row 2 with 0.8"),
        (at("probs_val", (2, 0), -0.1), "found -0.1 to"),
        (setting("probs_val", np.ones((40, 4)) * 7), "call the array logits_val"),
        (setting("probs_val", np.ones((40, 1))), "at least 1 x 2; found 40 x 1"),
        (setting("probs_val", np.ones(40)), "found 40. Two classes need two columns"),
        (setting("probs_val", np.zeros((0, 4))), "found 0 x 4"),
        (setting("probs_val", np.array(3.0)), "found a single number"),
        (setting("probs_val", np.ones((40, 4), bool)), "should be numbers; found bool"),
        (setting("probs_val", np.full((40, 5), 0.2)), "val has 5 classes (columns), test 4"),
        (setting("y_val", models.labels(39)), "each of the 40 rows of probs_val; found 39"),
        (setting("y_val", np.zeros((40, 4), int)), "found 40 x 4"),
        (setting("y_val", models.labels(40) + 0.5), "whole numbers from 0; found float64"),
        (at("y_val", 5, 4), "0 to 3, because probs_val has 4 columns; found 0 to 4"),
        (at("y_test", 5, -1), "found -1 to 3"),
        (without("y_val"), "holds probs_val but no y_val"),
        (logits_without_labels, "holds logits_val but no y_val"),
        (without("probs_test"), "holds y_test but no probs_test"),
        (setting("logits_val", np.ones((40, 4))), "holds probs_val and logits_val"),
        (setting("prob_val", np.ones((40, 4))), "holds prob_val, which says nothing here"),
        (setting("classes", np.array(["a", "b", "c"])), "4 different names, one for each column"),
        (setting("classes", np.array(list("aabc"))), "found 4, 3 of them different"),
        (setting("classes", np.arange(4)), "a vector of strings; found int64"),
        (setting("classes", np.array([{}, 1, 2, 3], dtype=object)), "holds Python objects"),
        (lambda content: content.clear(), "holds no predictions"),
        (
            lambda content: content.update(logits_val=content.pop("probs_val")),
            "which are probabilities and would be flattened: call the array probs_val",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: Change, says: str) -> None:
    assert says in refusal(tmp_path / "p.npz", change)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"

    def says() -> str:
        with pytest.raises(UsageError) as caught:
            prediction_file.read(path)
        return str(caught.value)

    assert "no such file" in says()
    path.write_text("probs")
    assert "is not an npz file" in says()
    np.save(path.with_suffix(".npy"), np.ones(3))
    path.with_suffix(".npy").rename(path)
    assert "holds a single array" in says()
    whole = models.write(path, models.arrays()).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read (BadZipFile" in says()
    for place in range(0, len(whole), 211):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with contextlib.suppress(UsageError):  # and nothing else
            prediction_file.read(path)
