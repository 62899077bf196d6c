"""Splits are exact, in proportion and repeatable; the fingerprint sees what training sees."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from ensearch import datasets
from ensearch.datasets import LEFT_OVER, Pictures, Source, _split, digits
from ensearch.errors import UsageError
from tests.pictures import Arrays, good_arrays, npz_source, pictures


@st.composite
def label_sets(draw: st.DrawFn) -> npt.NDArray[np.int64]:
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=12))
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    return np.array(draw(st.permutations(labels)), dtype=np.int64)


@given(label_sets(), st.data(), st.integers(0, 2**63 - 1))
@settings(max_examples=150)
def test_stratified_takes_exactly_the_count_in_proportion(
    labels: npt.NDArray[np.int64], data: st.DataObject, seed: int
) -> None:
    count = data.draw(st.integers(0, len(labels)))
    chosen = _split.stratified(labels, count, seed)
    np.testing.assert_array_equal(chosen, _split.stratified(labels, count, seed))
    assert len(chosen) == count
    assert (np.diff(chosen) > 0).all()  # sorted and without repeats
    assert ((chosen >= 0) & (chosen < len(labels))).all()
    sizes = np.bincount(labels)
    shares = np.bincount(labels[chosen], minlength=len(sizes))
    quota = count * sizes / len(labels)
    assert (shares < quota + 1).all()
    if count >= len(sizes):
        assert (shares >= 1).all()
    if count < len(sizes) or quota.min() >= 1:
        assert (np.abs(shares - quota) < 1).all()


@pytest.mark.parametrize(
    ("sizes", "count", "shares"),
    [
        ([50, 30, 20], 10, [5, 3, 2]),  # exact
        ([55, 27, 18], 10, [5, 3, 2]),  # 5.5, 2.7, 1.8: the larger remainders go up
        ([96, 2, 2], 10, [8, 1, 1]),  # 9.6, 0.2, 0.2: the small ones get one, the large one pays
        ([5, 5, 5], 2, [1, 1, 0]),  # not enough for all: ties go to the first
        ([3, 1], 4, [3, 1]),  # everything
    ],
)
def test_shares_by_hand(sizes: list[int], count: int, shares: list[int]) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    chosen = _split.stratified(labels, count, seed=0)
    assert np.bincount(labels[chosen], minlength=len(sizes)).tolist() == shares


def test_stratified_is_the_same_on_every_machine_and_differs_between_seeds() -> None:
    labels = np.arange(20) % 2
    # Written down once: a change of these numbers changes every split of every study.
    assert _split.stratified(labels, 6, seed=0).tolist() == [2, 3, 8, 11, 13, 18]
    assert _split.stratified(labels, 6, seed=1).tolist() != [2, 3, 8, 11, 13, 18]


@given(st.lists(st.integers(2, 60), min_size=2, max_size=12), st.integers(0, 1000))
@settings(max_examples=100)
def test_val_leaves_every_class_in_train(sizes: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    val = _split.stratified(labels, _split.val_count(len(labels)), seed)
    left = np.delete(labels, val)
    assert set(left.tolist()) == set(range(len(sizes)))


@pytest.mark.parametrize(
    ("train", "val"), [(50000, 5000), (5000, 500), (4999, 500), (1500, 500), (1438, 479), (6, 2)]
)
def test_val_is_a_tenth_but_at_least_500_or_a_third(train: int, val: int) -> None:
    assert _split.val_count(train) == val


def numbered(**source: Any) -> Callable[[Path], datasets.Dataset]:
    """300 + 30 pictures in 3 classes of which each carries its own number in its pixels."""
    numbers = np.arange(330)
    x = np.stack([numbers // 256, numbers % 256] * 8, axis=1).reshape(-1, 4, 4).astype(np.uint8)
    y = numbers % 3
    arrays = {"x_train": x[:300], "y_train": y[:300], "x_test": x[300:], "y_test": y[300:]}
    return lambda folder: datasets.load(npz_source(folder, arrays, **source))


def identities(images: Pictures) -> list[int]:
    x = np.asarray(images)
    return [int(i) for i in x[:, 0, 0, 0].astype(int) * 256 + x[:, 0, 1, 0]]


def test_splits_are_disjoint_and_keep_picture_and_label_together(tmp_path: Path) -> None:
    data = numbered()(tmp_path)
    train, val, test = (identities(x) for x in (data.x_train, data.x_val, data.x_test))
    assert sorted(train + val + test) == list(range(330))
    assert (len(train), len(val), test) == (200, 100, list(range(300, 330)))
    for pictures_of, labels in ((train, data.y_train), (val, data.y_val), (test, data.y_test)):
        assert [i % 3 for i in pictures_of] == labels.tolist()


def test_limit_takes_a_part_of_train_and_leaves_val_whole(tmp_path: Path) -> None:
    whole, part = numbered()(tmp_path), numbered(limit_train=31)(tmp_path)
    assert identities(part.x_val) == identities(whole.x_val)
    assert set(identities(part.x_train)) < set(identities(whole.x_train))
    assert sorted(np.bincount(part.y_train).tolist()) == [10, 10, 11]


def test_limit_of_everything_changes_nothing(tmp_path: Path) -> None:
    assert numbered(limit_train=200)(tmp_path).fingerprint == numbered()(tmp_path).fingerprint


@pytest.mark.parametrize("limit", [-1, 0, 2, 201])
def test_impossible_limit_names_the_legal_range(limit: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"between 3 .* and 200 .*got {limit}\."):
        numbered(limit_train=limit)(tmp_path)


def test_the_splits_of_studies_before_val_are_what_they_were() -> None:
    """Written down from the version before: members of those studies stay usable."""
    for known, source in {
        "cc429ad5de4724f7": {},
        "0cbe92adbff370ad": {"limit_train": 300},
        "7d19ef576255af0c": {"limit_train": 60, "split_seed": 3},
    }.items():
        data = datasets.load(Source(spec="digits", data_dir=Path("data"), **source))
        assert (data.fingerprint, len(data.y_val)) == (known, 479)


@pytest.mark.parametrize(
    ("val", "images"), [(None, 100), (LEFT_OVER, 269), (40, 40), (100, 100), (169, 169), (269, 269)]
)
def test_training_images_are_the_same_whatever_val_takes(
    val: int | str | None, images: int, tmp_path: Path
) -> None:
    usual, data = (numbered(limit_train=31, val=v)(tmp_path) for v in (None, val))
    assert identities(data.x_train) == identities(usual.x_train)
    chosen, before = set(identities(data.x_val)), set(identities(usual.x_val))
    assert len(data.y_val) == len(chosen) == images
    assert chosen <= before or chosen >= before  # the usual ones are the first
    assert not chosen & set(identities(data.x_train))
    counts = np.bincount(data.y_val)
    assert counts.max() - counts.min() <= 2  # in proportion, in both parts
    assert (data.fingerprint == usual.fingerprint) == (images == 100)


@pytest.mark.parametrize(("val", "train"), [(3, 297), (40, 260), (100, 200), (297, 3)])
def test_what_val_does_not_take_trains_where_there_is_no_limit(
    val: int, train: int, tmp_path: Path
) -> None:
    data = numbered(val=val)(tmp_path)
    assert (len(data.y_val), len(data.y_train)) == (val, train)
    assert sorted(identities(data.x_train) + identities(data.x_val)) == list(range(300))
    assert set(data.y_train.tolist()) == set(data.y_val.tolist()) == {0, 1, 2}


def test_a_small_val_leaves_room_for_more_training_images(tmp_path: Path) -> None:
    data, usual = numbered(limit_train=290, val=9)(tmp_path), numbered()(tmp_path)
    assert (len(data.y_train), len(data.y_val)) == (290, 9)
    assert set(identities(data.x_train)) > set(identities(usual.x_train))
    assert set(identities(data.x_val)) < set(identities(usual.x_val))


def test_left_over_images_validate_up_to_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MOST_VAL", 150)
    assert len(numbered(limit_train=31, val=LEFT_OVER)(tmp_path).y_val) == 150
    # Not fewer than without a limit.
    monkeypatch.setattr(datasets, "MOST_VAL", 50)
    assert len(numbered(limit_train=31, val=LEFT_OVER)(tmp_path).y_val) == 100


@pytest.mark.parametrize("val", [-1, 0, 2, 298, 1000])
def test_impossible_val_names_the_legal_range(val: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"val must be between 3 .* and 297 .*got {val}\."):
        numbered(val=val)(tmp_path)
    with pytest.raises(UsageError, match=r"limit_train must be between 3 .* and 20 .*got 21\."):
        numbered(limit_train=21, val=280)(tmp_path)


def test_split_seed_moves_val_and_not_test(tmp_path: Path) -> None:
    one, other = numbered()(tmp_path), numbered(split_seed=1)(tmp_path)
    assert identities(one.x_val) != identities(other.x_val)
    assert identities(one.x_test) == identities(other.x_test)


def test_digits_are_those_of_scikit_learn() -> None:
    bunch = load_digits()
    table = digits._table()
    assert np.array_equal(table[:, :-1], bunch.data)
    assert np.array_equal(table[:, -1], bunch.target)


def test_digits_have_the_sizes_that_the_rules_give(tmp_path: Path) -> None:
    data = datasets.load(Source(spec="digits", data_dir=tmp_path))
    # 1797 images: a fifth is 359; of the other 1438 a third, 479, is less than 500.
    assert (len(data.y_train), len(data.y_val), len(data.y_test)) == (959, 479, 359)
    assert np.asarray(data.x_test).max() == 240
    other = datasets.load(Source(spec="digits", data_dir=tmp_path, split_seed=5))
    np.testing.assert_array_equal(data.x_test, other.x_test)


# Statistics and fingerprint


def test_mean_and_std_are_of_the_training_images(tmp_path: Path) -> None:
    arrays = good_arrays() | {"x_train": pictures(30, 5, 5, 3), "x_test": pictures(9, 5, 5, 3)}
    data = datasets.load(npz_source(tmp_path, arrays))
    x_train = np.asarray(data.x_train)
    np.testing.assert_allclose(data.mean, x_train.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(data.std, x_train.std(axis=(0, 1, 2)), rtol=1e-9)


def test_a_constant_channel_has_a_std_above_zero(tmp_path: Path) -> None:
    arrays = good_arrays() | {"x_train": pictures(30, 5, 5, 3), "x_test": pictures(9, 5, 5, 3)}
    arrays["x_train"][..., 1] = 7
    data = datasets.load(npz_source(tmp_path, arrays))
    assert data.mean[1] == 7
    assert data.std[1] == 0.01


def change_pixel(arrays: Arrays, key: str) -> None:
    arrays[key][4, 2, 2] ^= 1


def swap_labels(arrays: Arrays, key: str) -> None:
    arrays[key][[0, 1]] = arrays[key][[1, 0]]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (change_pixel, "x_train"),
        (change_pixel, "x_test"),
        (swap_labels, "y_train"),
        (swap_labels, "y_test"),
    ],
)
def test_fingerprint_sees_every_pixel_and_label(
    change: Callable[[Arrays, str], None], key: str, tmp_path: Path
) -> None:
    arrays = good_arrays()
    before = datasets.load(npz_source(tmp_path, arrays)).fingerprint
    change(arrays, key)
    assert datasets.load(npz_source(tmp_path, arrays)).fingerprint != before


def test_fingerprint_sees_seed_and_limit(tmp_path: Path) -> None:
    variants: list[dict[str, int]] = [{}, {"split_seed": 1}, {"limit_train": 9}]
    prints = {datasets.load(npz_source(tmp_path, good_arrays(), **v)).fingerprint for v in variants}
    assert len(prints) == 3


def test_fingerprint_does_not_see_path_number_type_or_names(tmp_path: Path) -> None:
    arrays = good_arrays()
    before = datasets.load(npz_source(tmp_path / "a", arrays)).fingerprint
    arrays |= {"classes": np.array(["x", "y", "z"]), "y_train": arrays["y_train"].astype(np.uint8)}
    arrays["x_train"] = arrays["x_train"][..., np.newaxis] / 255
    after = datasets.load(npz_source(tmp_path / "b", arrays))
    assert after.fingerprint == before
    assert after.classes == ("x", "y", "z")
