"""Studies, trials and evaluations in a storage."""

import dataclasses
import functools
import math
from datetime import timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ensearch.core import (
    Cost,
    Evaluation,
    Scores,
    SubsetHits,
)
from ensearch.store import (
    SEARCH,
    Store,
    StudyRecord,
    StudySummary,
)
from tests.records import (
    NOW,
    ONE_STORE,
    SCHEDULE,
    evaluation_of,
    failure,
    record_of,
    study_of,
    trial_of,
)
from tests.servers import BOTH_DATABASES

pytestmark = BOTH_DATABASES


# Studies


@pytest.mark.parametrize("call", ["study", "has_study"])
def test_a_study_comes_back_as_it_was_added(store: Store, call: str) -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    record = StudyRecord(
        name="cifar10 {5G} ü",
        config={"budget": 5e9, "tiny": 0.1 + 0.2, "list": [1, None, {"a": True}]},
        environment={"torch": "2.15.0", "odd": "\0\udcff"},
        created=NOW.astimezone(there),
    )
    store.add_study(record)
    assert getattr(store, call)(record.name) == (record if call == "study" else True)


def test_an_unknown_study_gives_the_nearest_name(store: Store) -> None:
    store.add_study(study_of("digits-5G"))
    message = failure(lambda: store.study("digit-5G"))
    assert "unknown study 'digit-5G'. Did you mean 'digits-5G'?" in message
    assert not store.has_study("digit-5G")


def test_a_study_is_added_once(store: Store) -> None:
    store.add_study(study_of("digits"))
    message = failure(lambda: store.add_study(study_of("digits", NOW + timedelta(days=1))))
    assert "go on with it" in message
    assert store.studies() == [study_of("digits")]


def test_studies_are_listed_oldest_first(store: Store) -> None:
    ages = {"b": 2, "a": 1, "c": 0}
    for name, days in ages.items():
        store.add_study(study_of(name, NOW - timedelta(days=days)))
    assert [record.name for record in store.studies()] == ["b", "a", "c"]


# Evaluations and trials


@st.composite
def evaluations(draw: st.DrawFn) -> Evaluation:
    finite = st.floats(allow_nan=False)
    scores = {field.name: draw(finite) for field in dataclasses.fields(Scores)}
    evaluation = evaluation_of(draw(st.integers(1, 16)), width=draw(st.integers(1, 500)) / 8)
    return dataclasses.replace(
        evaluation,
        cost=Cost(macs=draw(st.integers(0, 2**62)), params=draw(st.integers(0, 2**62))),
        train_macs=draw(finite),
        scores=Scores(**scores),
    )


@ONE_STORE
@example(evaluation=evaluation_of(1), study="a\0b")
@given(evaluation=evaluations(), study=st.text(st.characters(codec="utf-8"), min_size=1))
def test_an_evaluation_comes_back_exactly(store: Store, evaluation: Evaluation, study: str) -> None:
    if "\0" in study and store.address.startswith("postgresql"):
        save = functools.partial(store.save_evaluations, study, [evaluation], ["a"] * 4)
        assert "cannot hold a value" in failure(save)
        return
    store.save_evaluations(study, [evaluation], ["a", "b", "c", "d"])
    assert evaluation in store.evaluations(study)


def test_evaluations_are_ordered_by_cost_and_replaced_by_newer_ones(store: Store) -> None:
    store.save_evaluations("digits", [evaluation_of(n, trained=2) for n in (2, 1)], ["a", "b"])
    wide = evaluation_of(1, trained=1, width=4.0)  # 4000 macs, between 2500 and 5000
    store.save_evaluations("digits", [wide], ["w"])
    newer = [evaluation_of(n, trained=3, accuracy=0.95) for n in (1, 2, 3)]
    store.save_evaluations("digits", newer, ["a", "b", "c"])
    store.save_evaluations("cifar10", [evaluation_of(1, trained=1)], ["x"])
    store.save_evaluations("digits", [evaluation_of(1, trained=1)], ["y"], stage="confirm-1")
    assert store.evaluations("digits") == [newer[0], wide, newer[1], newer[2]]
    assert store.evaluations("empty") == []


def test_the_members_of_a_network_are_those_of_its_largest_evaluation(store: Store) -> None:
    keys = ["b", "a", "d", "c"]
    store.save_evaluations("digits", [evaluation_of(n, trained=4) for n in (1, 4)], keys)
    older = [evaluation_of(2, trained=2)]
    store.save_evaluations("digits", older, keys)
    wide = evaluation_of(1, trained=1, width=4.0)
    store.save_evaluations("digits", [wide], ["w", "unused"])
    assert store.evaluation_members("digits") == {
        f"wide_resnet-10-2.5@32 {SCHEDULE.key}": ("b", "a", "d", "c"),
        f"wide_resnet-10-4@32 {SCHEDULE.key}": ("w",),
    }


def test_an_evaluation_that_says_nothing_is_refused(store: Store) -> None:
    good = evaluation_of(1, trained=1)
    for bad in (
        evaluation_of(1, trained=1, nll=math.nan),
        dataclasses.replace(good, train_macs=math.nan),
    ):
        with pytest.raises(ValueError, match="NaN"):
            store.save_evaluations("digits", [good, bad], ["a"])
    with pytest.raises(ValueError, match="4 members were evaluated, 1 given"):
        store.save_evaluations("digits", [evaluation_of(1, trained=4)], ["a"])
    both = [good, evaluation_of(1, trained=1, width=4.0)]
    with pytest.raises(ValueError, match="one network"):
        store.save_evaluations("digits", both, ["a"])
    assert store.evaluations("digits") == []


@ONE_STORE
@given(
    subsets=st.lists(st.lists(st.integers(0, 40), min_size=1).map(tuple), min_size=1, max_size=20),
    images=st.integers(1, 50),
    seed=st.integers(0, 2**32),
)
def test_outcomes_come_back_exactly(
    store: Store, subsets: list[tuple[int, ...]], images: int, seed: int
) -> None:
    hits = np.random.default_rng(seed).random((len(subsets), images)) < 0.5
    given = SubsetHits(subsets=tuple(subsets), hits=hits)
    evaluation = evaluation_of(1, trained=1)
    store.save_evaluations("digits", [evaluation], ["a"], [given])
    (found,) = store.subset_hits("digits", "val").values()
    assert found.subsets == given.subsets
    assert found.hits.dtype == np.bool_
    assert np.array_equal(found.hits, hits)


def test_outcomes_are_those_of_the_latest_evaluation(store: Store) -> None:
    hits = np.array([[True, False, True]])
    kept = SubsetHits(subsets=((0,),), hits=hits)
    evaluation = evaluation_of(1, trained=1)
    for stage in (SEARCH, "confirm-1"):
        store.save_evaluations("digits", [evaluation], ["a"], [kept], stage)
    assert list(store.subset_hits("digits", "val")) == [evaluation.key]
    assert store.subset_hits("digits", "test") == store.subset_hits("cifar10", "val") == {}
    # Evaluated again by a version that keeps none: what was kept is no longer true.
    store.save_evaluations("digits", [evaluation], ["b"])
    assert store.subset_hits("digits", "val") == {}
    assert list(store.subset_hits("digits", "val", "confirm-1")) == [evaluation.key]
    with pytest.raises(ValueError, match="as many outcomes"):
        store.save_evaluations("digits", [evaluation], ["a"], [kept, kept])


def test_damaged_outcomes_name_the_storage(store: Store) -> None:
    kept = SubsetHits(subsets=((0,),), hits=np.ones((1, 20), np.bool_))
    store.save_evaluations("digits", [evaluation_of(1, trained=1)], ["a"], [kept])
    with store._write() as connection:
        connection.exec_driver_sql("UPDATE ensearch_outcomes SET images = 30")
    assert "3 bytes hold no outcomes" in failure(lambda: store.subset_hits("digits", "val"))


def test_numbers_of_numpy_come_back_as_numbers(store: Store) -> None:
    float32: Any = np.float32(0.5)
    evaluation = evaluation_of(1, trained=1, accuracy=float32, nll=np.float64(0.25))
    store.save_evaluations("digits", [evaluation], ["a"])
    assert store.evaluations("digits")[0].scores == dataclasses.replace(
        evaluation.scores, accuracy=0.5, nll=0.25
    )


def test_trials_come_back_by_number_and_are_replaced(store: Store) -> None:
    failed = trial_of(0, state="failed", reason="diverged: epoch 2\n\udcff", members=())
    for record in (trial_of(2), trial_of(0), failed):
        store.save_trial("digits", record)
    store.save_trial("cifar10", trial_of(7))
    assert store.trials("digits") == [failed, trial_of(2)]


def test_a_summary_counts_what_was_stored(store: Store) -> None:
    store.add_study(study_of("empty", NOW + timedelta(days=1)))
    store.add_study(study_of("digits"))
    for number in range(3):
        store.save_trial("digits", trial_of(number))
    store.save_trial("digits", trial_of(3, state="failed", reason="killed"))
    store.save_trial("digits", trial_of(4, state="failed", reason="diverged"))
    store.save_evaluations("digits", [evaluation_of(n) for n in (1, 2)], ["a", "b", "c", "d"])
    for seed in (1, 2):
        store.add_trained(record_of(seed), (), None)
    store.add_failed(record_of(3, state="failed", train_macs=1e15))
    store.add_trained(record_of(4, study="another storage's"), (), None)
    store.add_trained(record_of(5, stage="confirm-1"), (), None)
    store.acquire_lease("digits")
    assert store.failed_members("digits") == [record_of(3, state="failed", train_macs=1e15)]
    assert store.summaries() == [
        StudySummary(
            name="digits",
            created=NOW,
            trials_done=3,
            trials_failed=2,
            trials_over=4,
            evaluations=2,
            members=2,
            member_failures=1,
            train_macs=4e15,
            running=True,
            trials_asked=None,
            ended=None,
            trained=8,
            answer=None,
        ),
        StudySummary(
            name="empty",
            created=NOW + timedelta(days=1),
            trials_done=0,
            trials_failed=0,
            trials_over=0,
            evaluations=0,
            members=0,
            member_failures=0,
            train_macs=0.0,
            running=False,
            trials_asked=None,
            ended=None,
            trained=0,
            answer=None,
        ),
    ]
