"""Settling studies of the world of `closed_form`, whose accuracies and crossover are known."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ensearch.errors import StorageError, UsageError
from ensearch.launch import Train
from ensearch.store import LookRecord, Store
from ensearch.study import config, looks, search, settlement
from ensearch.study.events import (
    Evaluated,
    Event,
    LookDone,
    LookPlanned,
    MemberReady,
    SettlementEnded,
)
from ensearch.study.next_look import StudyNetworks
from ensearch.study.options import Limits, RunOptions
from ensearch.study.placement import Placement
from ensearch.study.settlement import Request
from ensearch.study.speed import Speed
from ensearch.study.study import Study, open_study
from tests.closed_form import train, write_dataset
from tests.records import NOW
from tests.searches import SPACE, TRIALS, controlled, processes, settle

WHERE = Placement(device="cpu", workers=1, launcher="inline")
SPEED = Speed(fixed=0.0, per_mac=0.0)
ASKED = Request()


def study_of(store: Store, spec: str) -> Study:
    options: dict[str, Any] = {"budget": "2e6", "dataset": spec, "space": SPACE, "study": "one"}
    options["optimizer"] = "sgd"  # the noise of a member follows from its schedule
    return open_study(config.resolve(RunOptions(**options, epochs=1)), store, Path("data"), "a CPU")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_dataset(tmp_path_factory.mktemp("images") / "two.npz", images=2_000)


@pytest.fixture(scope="module")
def searched(spec: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the storages of a study after 4 trials, and after all."""
    folder = tmp_path_factory.mktemp("searched")
    for trials in (4, TRIALS):
        with Store.open(f"sqlite:///{folder}/after-{trials}.db", create=True) as store:
            search.run(study_of(store, spec), store, Limits(trials=trials), WHERE, train=train)
    return folder


@pytest.fixture
def store(searched: Path, tmp_path: Path) -> Iterator[Store]:
    """A storage of its own of the study whose search is over."""
    shutil.copytree(searched, tmp_path / "copy")
    with Store.open(f"sqlite:///{tmp_path}/copy/after-{TRIALS}.db", create=False) as store:
        yield store


@pytest.fixture
def study(store: Store, spec: str) -> Study:
    return study_of(store, spec)


def run(
    study: Study, store: Store, request: Request = ASKED, trained_by: Train = train, **more: Any
) -> SettlementEnded:
    how = controlled(speed=SPEED, train=trained_by, **more)
    return settlement.run(study, store, request, WHERE, **how)


def test_it_trains_what_it_may_where_it_decides_and_keeps_its_looks(
    study: Study, store: Store
) -> None:
    events = list[Event]()
    before = {e.key: e for e in store.evaluations("one")}
    spent = store.trained_macs("one")
    ended = run(study, store, Request(cost=0.5), on_event=events.append)
    (plan,) = store.settlements("one")
    assert (plan.margin, plan.cost, plan.looks, plan.share) == (0.01, 0.5, 4, 0.125)
    assert plan.ended == ended.reason
    assert plan.allowed == ended.allowed == pytest.approx(0.5 * spent)
    # The search's verdicts were shown: a look of their own, with half of the error.
    shown, *own = store.looks("one")
    assert (shown.share, shown.settlement, shown.members) == (1.0, None, {})
    assert [look.number for look in own] == [2, 3, 4, 5][: len(own)]
    assert {look.share for look in own} == {0.125}
    assert all(look.seen and look.claims for look in (shown, *own))
    assert 0 < ended.train_macs == sum(look.train_macs for look in own) <= ended.allowed
    assert store.trained_macs("one") - spent == pytest.approx(ended.train_macs)
    # More seeds, and nothing new to compare.
    after = {e.key: e for e in store.evaluations("one")}
    grown = {e.network for key, e in after.items() if e.trained > before[key].trained}
    assert set(after) == set(before)
    assert grown == {name for look in own for name in look.members}
    planned = [event for event in events if isinstance(event, LookPlanned)]
    done = [event for event in events if isinstance(event, LookDone)]
    assert len(planned) == len(done) == len(own) == ended.looks
    assert done[-1].undecided <= done[0].undecided
    # Both fronts can be drawn from the start, and again after the members of each look.
    told = [event for event in events if isinstance(event, Evaluated)]
    assert isinstance(events[0], Evaluated)
    assert {e.key: e for e in told[0].evaluations} == before
    assert {e.key: e for e in told[-1].evaluations} == after
    assert (len(told), told[0].budgets) == (1 + len(own), tuple(sorted(study.ladder.budgets)))


def test_a_second_settlement_continues_the_first(study: Study, store: Store) -> None:
    run(study, store, Request(cost=0.2))
    first = looks.seen(store, "one")
    again = run(study, store, Request(cost=0.3))
    one, two = store.settlements("one")
    left = 2 - sum(look.share for look in first)
    assert two.share == pytest.approx(left / 2 / 4)
    assert two.share < one.share
    assert looks.seen(store, "one")[: len(first)] == first
    assert again.looks
    assert looks.seen(store, "one")[-1].settlement == 2
    assert sum(look.share for look in looks.seen(store, "one")) < 2


def test_a_study_whose_error_is_spent_is_not_settled(study: Study, store: Store) -> None:
    trained = store.study_summary("one").trained
    for number in range(1, 8):
        share = 2.0**-number * 2
        store.save_look("one", LookRecord(number=number, share=share, trained=trained, seen=NOW))
    with pytest.raises(UsageError) as refused:
        run(study, store)
    assert refused.value.problem == "error_spent"


def test_a_search_that_is_not_over_is_not_settled(study: Study, store: Store) -> None:
    store.begin_run("one", 60)
    with pytest.raises(StorageError) as refused:
        run(study, store)
    assert refused.value.problem == "search_under_way"
    assert store.settlements("one") == []


def test_a_second_driver_is_refused(study: Study, store: Store) -> None:
    lease = store.acquire_lease("one")
    with pytest.raises(StorageError) as refused:
        run(study, store)
    assert refused.value.problem == "study_runs"
    lease.release()


def test_an_interrupted_settlement_is_under_way_and_goes_on(study: Study, store: Store) -> None:
    asked = [0]

    def interrupted() -> bool:
        asked[0] += 1
        return asked[0] > 2

    stopped = run(study, store, Request(cost=0.5), is_interrupted=interrupted)
    assert stopped.reason == "interrupted"
    assert store.study_summary("one").settling
    assert store.study_summary("one").under_way
    (planned,) = [look for look in store.looks("one") if look.seen is None]
    assert planned.train_macs > 0
    assert stopped.train_macs == sum(look.train_macs for look in store.looks("one") if look.seen)
    ended = run(study, store)
    assert ended.reason in ("decided", "good enough", "cost", "looks", "nothing helps")
    assert len(store.settlements("one")) == 1
    assert store.looks("one")[planned.number - 1].members == planned.members
    assert not store.study_summary("one").under_way


def test_networks_that_differ_in_their_schedule_alone_have_names_of_their_own(
    study: Study, store: Store
) -> None:
    found = store.evaluations("one")[0]
    longer = replace(found, schedule=found.schedule.changed(epochs=2))
    networks = StudyNetworks(study=study, evaluations=[found, longer], members={})
    label = found.architecture.label
    assert networks.label(found.network) == label
    assert networks.label(longer.network) == f"{label}, epochs 2"


def test_members_of_another_recipe_are_refused(study: Study, store: Store) -> None:
    """They were searched for endlessly among those that are trained today."""
    found = store.evaluations("one")[0]
    networks = StudyNetworks(study=study, evaluations=[found], members={found.network: ["other"]})
    with pytest.raises(StorageError, match="members of another version of ensearch"):
        networks._tried(found.network)


def test_members_whose_files_are_gone_are_announced_as_members_to_train(
    study: Study, store: Store
) -> None:
    run(study, store, Request(cost=0.5), is_interrupted=lambda: True)
    (planned,) = [look for look in store.looks("one") if look.seen is None]
    trained = store.evaluation_members("one")[next(iter(planned.members))][0]
    next(store.files.rglob(f"{trained}.val.npz")).unlink()
    events = list[Event]()
    run(study, store, retrain_missing=True, on_event=events.append)
    first = next(event for event in events if isinstance(event, LookPlanned))
    new = {
        event.member.key
        for event in events[: events.index(next(e for e in events if isinstance(e, LookDone)))]
        if isinstance(event, MemberReady) and event.trained
    }
    assert trained in new
    assert first.missing == len(new)


def test_a_settlement_that_was_planned_before_the_search(tmp_path: Path, spec: str) -> None:
    """The end of the search shows no verdict, and is the first of four looks."""
    with Store.open(f"sqlite:///{tmp_path}/b.db", create=True) as new:
        planned = study_of(new, spec)
        search.run(
            planned,
            new,
            Limits(trials=6),
            WHERE,
            train=train,
            settle=lambda: settlement.plan(new, "one", ASKED),
        )
        assert new.study_summary("one").under_way
        assert new.looks("one") == []
        run(planned, new)
        first, *others = new.looks("one")
        assert (first.number, first.settlement, first.members) == (1, 1, {})
        assert {look.share for look in (first, *others)} == {0.25}
        assert len(others) <= 3
        assert not new.study_summary("one").under_way


def test_a_budget_without_its_match_gets_it(searched: Path, spec: str, tmp_path: Path) -> None:
    """4 trials: a single network and an ensemble of the smallest budget, and of the largest."""
    shutil.copytree(searched, tmp_path / "copy")
    with Store.open(f"sqlite:///{tmp_path}/copy/after-4.db", create=False) as store:
        gets_its_match(study_of(store, spec), store)


def gets_its_match(study: Study, store: Store) -> None:
    before = {e.key for e in store.evaluations("one")}
    run(study, store, Request(cost=4.0))
    new = [e for e in store.evaluations("one") if e.key not in before]
    own = [look for look in store.looks("one") if look.settlement]
    assert {e.network for e in new} <= {name for look in own for name in look.members}
    assert new


def test_a_trial_after_a_settlement_finds_its_size(study: Study, store: Store) -> None:
    """Settled networks have more members than sizes: a later trial of another size adds it."""
    run(study, store, Request(cost=0.5))
    ended = search.run(study, store, Limits(trials=30), WHERE, train=train)
    assert ended.failed == 0
    sizes = {e.key for e in store.evaluations("one")}
    for trial in store.trials("one"):
        assert f"{trial.size}x {trial.network}" in sizes


def test_kills_between_and_within_looks_change_nothing(tmp_path: Path) -> None:
    spec = write_dataset(tmp_path / "two.npz", images=2_000)
    whole, parts = f"sqlite:///{tmp_path}/whole.db", f"sqlite:///{tmp_path}/parts.db"
    settle(whole, spec)
    context = processes()
    moments = random.Random(1)
    for _ in range(5):
        training = context.Event()
        process = context.Process(target=settle, args=(parts, spec, training))
        process.start()
        assert training.wait(60)
        process.join(moments.uniform(0.0, 1.0))
        process.kill()
        process.join()
    settle(parts, spec)
    with Store.open(whole, create=False) as one, Store.open(parts, create=False) as other:
        assert other.evaluations("one") == one.evaluations("one")
        pairs = zip(one.looks("one"), other.looks("one"), strict=True)
        for a, b in pairs:
            assert replace(a, seen=None) == replace(b, seen=None)
        states = [
            replace(plan, created=NOW)
            for store in (one, other)
            for plan in store.settlements("one")
        ]
    assert len(states) == 2
    assert states[0] == states[1]
