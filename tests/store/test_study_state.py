"""What a study knows beside trials and evaluations, each with a type, comes back as it was kept."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from ensearch.store import (
    AnswerRecord,
    ConclusionRecord,
    ConfirmationRecord,
    GroupSpeedRecord,
    LatencyRecord,
    LookRecord,
    MixingGain,
    SettlementRecord,
    Setup,
    SpeedRecord,
    Store,
)
from tests.records import NOW, study_of, trial_of
from tests.servers import BOTH_DATABASES

pytestmark = BOTH_DATABASES
SPEED = SpeedRecord(
    device="cpu", torch="2.9", batch_size=128, fixed=0.1 + 0.2, per_mac=1e-10, measured=NOW
)
GROUP = GroupSpeedRecord(
    lockstep_key="n",
    place="gpu",
    members=4,
    strategy="fused",
    rates={"fused": 0.1},
    dropped={"graph": "no"},
)
PLAN = ConfirmationRecord(
    number=1,
    request={"budgets": None, "top": 1},
    budgets=(0.1 + 0.2, 1e9),
    finalists=({"size": 2, "changes": ["a"]},),
    created=NOW,
    finished=False,
    failures=(("n", "diverged"),),
)


def test_what_a_study_found_when_it_began(store: Store) -> None:
    labels = np.array([2, 0, 1], dtype=np.int64)
    with pytest.raises(ValueError, match="no study 'digits'"):
        store.begin_study("digits", ladder={}, remarks=(), val=labels)
    assert store.study_labels("digits", "val") is None, "all of it or nothing"
    store.add_study(study_of("digits"))
    assert store.ladder("digits") is None
    store.begin_study("digits", ladder={"budget": 0.1 + 0.2}, remarks=("odd",), val=labels)
    assert store.ladder("digits") == {"budget": 0.1 + 0.2}
    kept = store.study_labels("digits", "val")
    assert kept is not None
    assert kept.dtype == np.int64
    assert kept.tolist() == [2, 0, 1]
    assert store.study_labels("digits", "test") is None


def test_trials_and_the_conclusion_of_a_confirmation(store: Store) -> None:
    store.add_study(study_of("digits"))
    assert (store.trials_asked("digits"), store.confirmed("digits")) == (None, None)
    store.begin_run("digits", 40)
    first, last = (ConclusionRecord(plan=n, verdict="holds") for n in (1, 2))
    for record in (first, last):
        store.set_confirmed("digits", record)
    assert (store.trials_asked("digits"), store.confirmed("digits")) == (40, last)
    assert store.study("digits") == study_of("digits")


def test_a_study_is_under_way_until_its_trials_are_done_or_a_limit_is_reached(
    store: Store,
) -> None:
    store.add_study(study_of("digits"))

    def under_way() -> bool:
        return store.study_summary("digits").under_way

    assert under_way(), "it has never searched"
    store.begin_run("digits", 2)
    lease = store.acquire_lease("digits")
    assert under_way()
    for reason, going_on in (("interrupted", True), ("time", False), ("train budget", False)):
        store.end_run("digits", reason)
        assert under_way() == going_on, reason
    store.begin_run("digits", 2)
    for number in (0, 1):
        store.save_trial("digits", trial_of(number))
    assert under_way(), "a driver is at work"
    lease.release()
    assert not under_way(), "all trials are over, and nobody works"
    store.begin_run("digits", 3)
    assert under_way(), "killed before it ended"


def test_an_answer_is_kept_with_the_state_of_which_it_is_true(store: Store) -> None:
    store.add_study(study_of("digits"))
    assert store.study_summary("digits").answer is None
    for record in (AnswerRecord(of="a", content={}), AnswerRecord(of="b", content={"low": 0.1})):
        store.save_answer("digits", record)
        assert store.study_summary("digits").answer == record


def test_speeds_are_replaced_and_forgotten(store: Store) -> None:
    later = replace(SPEED, fixed=1.0, measured=NOW + timedelta(days=1))
    other = replace(SPEED, device="cuda")
    for record in (SPEED, other, later):
        store.save_speed("digits", record)
    assert store.speed("digits", device="cpu", torch="2.9", batch_size=128) == later
    store.forget_speed("digits", later)
    assert store.speed("digits", device="cpu", torch="2.9", batch_size=128) is None
    assert store.speed("digits", device="cuda", torch="2.9", batch_size=128) == other
    assert store.speed("cifar10", device="cuda", torch="2.9", batch_size=128) is None


def test_speeds_side_by_side_hold_for_all_studies(store: Store) -> None:
    eight, newer = replace(GROUP, members=8), replace(GROUP, strategy="plain")
    for record in (eight, GROUP, newer):
        store.save_group_speed(record)
    assert store.group_speeds("n") == [newer, eight]
    assert store.group_speeds("other") == []


def test_the_gain_of_mixing_is_replaced(store: Store) -> None:
    gain = MixingGain(members="a", difference=0.1 + 0.2, low=-0.1, high=0.5)
    store.save_mixing_gain("digits", gain)
    store.save_mixing_gain("digits", replace(gain, members="b"))
    assert store.mixing_gain("digits") == replace(gain, members="b")
    assert store.mixing_gain("cifar10") is None


def test_plans_come_back_by_number(store: Store) -> None:
    second = replace(PLAN, number=2, failures=())
    done = replace(PLAN, finished=True)
    for record in (second, PLAN, done):
        store.save_confirmation("digits", record)
    assert store.confirmations("digits") == [done, second]
    assert store.confirmations("cifar10") == []


SETTLEMENT = SettlementRecord(
    number=1, margin=0.01, cost=0.1 + 0.2, looks=4, share=0.125, created=NOW
)
LOOK = LookRecord(
    number=1,
    share=0.125,
    settlement=1,
    members={"n": (5, 2), "m": (9, 1)},
    train_macs=1e12,
    claims=[],
)


def test_a_settlement_is_under_way_until_it_ends_or_another_one_begins(store: Store) -> None:
    store.add_study(study_of("digits"))
    store.save_settlement("digits", SETTLEMENT)
    assert store.open_settlement("digits") == SETTLEMENT
    assert store.study_summary("digits").settling
    begun = replace(SETTLEMENT, allowed=1e13)
    store.save_settlement("digits", begun)
    second = replace(SETTLEMENT, number=2)
    store.save_settlement("digits", second)
    assert store.settlements("digits") == [replace(begun, ended="replaced"), second]
    store.save_settlement("digits", replace(second, ended="decided"))
    assert store.open_settlement("digits") is None
    assert not store.study_summary("digits").settling


def test_a_look_that_is_over_stays_as_it_was(store: Store) -> None:
    store.add_study(study_of("digits"))
    store.save_look("digits", LOOK)
    assert store.looks("digits") == [LOOK]
    over = replace(LOOK, trained=60, claims=[{"budget": 1.5, "low": -0.1}], seen=NOW)
    store.save_look("digits", over)
    with pytest.raises(ValueError, match="look 1"):
        store.save_look("digits", LOOK)
    assert store.looks("digits") == [over]
    assert store.looks("other") == []


def test_latencies_come_back_in_order_and_are_replaced(store: Store) -> None:
    setup = Setup(device="a CPU", runtime="torch", threads=1, versions="torch 2.14.1")
    first = LatencyRecord(
        architecture="wide_resnet-10-0.5@32",
        macs=4_000_000,
        size=2,
        batch=64,
        setup=setup,
        ms=0.1 + 0.2,
        ms_p95=0.5,
        low=0.25,
        high=0.4,
        runs=15,
        measured=NOW,
    )
    others = [
        replace(first, size=1),
        replace(first, macs=4_000_001),
        replace(first, batch=1),
        replace(first, setup=replace(setup, threads=2)),
        replace(first, setup=replace(setup, versions="torch 2.15")),
    ]
    later = [replace(one, measured=NOW + timedelta(seconds=1)) for one in others]
    store.save_latencies([first, *later])
    assert store.latencies()[0] == first
    assert set(store.latencies()) == {first, *later}
    again = replace(first, ms=0.2, measured=NOW + timedelta(hours=1))
    store.save_latencies([again])
    assert store.latencies()[-1] == again
    assert set(store.latencies()) == {again, *later}
