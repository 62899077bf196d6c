"""Settling a confirmation: what it trains before it looks at test again, and when it ends."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ensearch.confirmation import settling
from ensearch.confirmation.plan import Request
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.report.confirmation.results import collect
from ensearch.store import Store
from ensearch.study import study
from ensearch.study.events import LookDone, LookPlanned, SettlementEnded
from tests import closed_form
from tests.confirmation.searched import Counting, Recorded, confirm_in, copied, opened, recorded
from tests.trainers import each

SETTLED = Request(settle=True)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, whole_search: Path, spec: str) -> Recorded:
    """A confirmation that was settled; tests work on copies."""
    folder = tmp_path_factory.mktemp("settled") / "copy"
    found = recorded(whole_search, folder, spec, SETTLED)
    assert found.ended == "done"
    return found


@pytest.fixture
def after(tmp_path: Path, settled: Recorded) -> Iterator[Store]:
    with copied(settled.folder, tmp_path / "after") as store:
        yield store


def test_members_are_added_within_the_cost_and_test_is_used_once(
    after: Store, settled: Recorded
) -> None:
    store, plan, events = after, settled.plan, settled.events
    assert plan.finished
    assert 1 < plan.looks <= settling.LOOKS
    first, now = plan.at_first, {n: f.members for n, f in plan.networks.items()}
    assert all(now[name] >= first[name] for name in first)
    used = store.evaluation_members("one", plan.stage)
    assert {name: len(keys) for name, keys in used.items()} == now
    one = {name: f.macs / f.size for name, f in plan.networks.items()}
    more = math.fsum((now[name] - first[name]) * one[name] for name in now)
    assert 0 < more <= math.fsum(first[name] * one[name] for name in now)
    assert len(store.confirmations_on_test("one")) == 1
    looks = [e for e in events if isinstance(e, LookDone)]
    assert [look.number for look in looks] == list(range(1, plan.looks + 1))
    assert sum(isinstance(e, LookPlanned) for e in events) == plan.looks - 1
    (end,) = [e for e in events if isinstance(e, SettlementEnded)]
    assert end.train_macs == pytest.approx(3 * more * 36_000 * 4)
    assert looks[-1].undecided <= looks[0].undecided


def test_the_same_again_trains_nothing(after: Store, settled: Recorded, spec: str) -> None:
    trainer, request = Counting(), Request(settle=True, epochs=4)
    _, again = confirm_in(after, opened(after, spec), request, train=trainer)
    assert again == settled.plan
    assert trainer.jobs == []


def test_its_report_claims_with_the_share_of_a_look(after: Store, settled: Recorded) -> None:
    """Beside a plan with the same members that looked once, every interval is wider."""
    store, plan = after, settled.plan
    whole = dataclasses.replace(plan, request=Request())
    assert (settling.share(whole), settling.share(plan)) == (1.0, 1 / settling.LOOKS)
    rows = collect(store, "one", plan.number).results.fronts.rows
    store.save_confirmation(
        "one", dataclasses.replace(store.confirmations("one")[0], request=_of(Request()))
    )
    narrow = collect(store, "one", plan.number).results.fronts.rows
    both = [(a, b) for a, b in zip(rows, narrow, strict=True) if a.matched]
    assert both
    for wide, once in both:
        assert (wide.low or 0) < (once.low or 0)
        assert (wide.high or 0) > (once.high or 0)


def _of(request: Request) -> dict[str, object]:
    return dataclasses.asdict(request)


def test_an_interrupted_one_ends_as_an_uninterrupted_one(
    store: Store, searched: study.Study, after: Store, settled: Recorded
) -> None:
    class Killed(Exception):  # noqa: N818
        pass

    plan, count = settled.plan, itertools.count(1)

    @each
    def killed(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
        if next(count) % 8 == 0:
            raise Killed
        return closed_form.train_one(job, report)

    for starts in itertools.count(1):  # noqa: B007
        try:
            _, again = confirm_in(store, searched, SETTLED, train=killed)
            break
        except Killed:
            assert len(store.confirmations_on_test("one")) == 1
    assert starts > 3
    assert dataclasses.replace(again, created="") == dataclasses.replace(plan, created="")
    assert store.evaluations("one", plan.stage) == after.evaluations("one", plan.stage)


def test_networks_keep_their_scores_if_later_members_diverge(
    store: Store, searched: study.Study
) -> None:
    planned: list[LookPlanned] = []
    trainer = Counting(lambda job: "diverged" if planned else None)

    def on_event(event: object) -> None:
        if isinstance(event, LookPlanned):
            planned.append(event)

    _, plan = confirm_in(store, searched, SETTLED, train=trainer, on_event=on_event)
    assert plan.finished
    grown = {n for n, f in plan.networks.items() if f.members > plan.at_first[n]}
    assert {network for network, _ in plan.failures} <= grown
    assert plan.failures
    used = store.evaluation_members("one", plan.stage)
    assert {name: len(keys) for name, keys in used.items()} == plan.at_first
    assert not collect(store, "one", plan.number).left_out
    # A network of which a member diverged gets no more.
    by_label = {f.architecture.label: f.members for f in plan.networks.values()}
    assert all(by_label[label] == count for label, count in planned[0].members.items())
