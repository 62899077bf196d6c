"""Confirming a search: who is a finalist, what is trained and opened, and what comes out."""

import dataclasses
import itertools
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ensearch.confirmation import conclusion, deciding, finalists, work
from ensearch.confirmation import plan as confirmation_plan
from ensearch.confirmation.plan import Request
from ensearch.errors import StorageError, TrialsFailedError, UsageError
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.report.confirmation import files, text
from ensearch.report.confirmation.results import Confirmed, collect
from ensearch.report.study import reading
from ensearch.report.study import text as study_text
from ensearch.seeds import derive
from ensearch.store import Store
from ensearch.study import study
from ensearch.study.events import Evaluated, MemberReady
from tests import closed_form
from tests.confirmation.searched import (
    INLINE,
    SPEED,
    Counting,
    Recorded,
    confirm_in,
    opened,
    search_in,
)
from tests.trainers import each


def world(base: float) -> Callable[[float], float]:
    """Margins with the crossover at 9.83 x base."""
    return lambda macs: 1.5 * (1.0 - float((base / macs) ** 0.6))


def test_members_are_fresh_shared_and_predict_test(
    store: Store, confirmed: Store, usual: Recorded
) -> None:
    before = {record.member.seed for record in store.all_members()}
    plan, jobs = usual.plan, usual.jobs
    assert usual.ended == "done"
    assert plan.finished
    assert len(plan.finalists) >= finalists.FEWEST
    assert {f.is_single for f in plan.finalists} == {True, False}
    assert {job.member.schedule.epochs for job in jobs} == {4}
    assert {job.splits for job in jobs} == {("val", "test")}
    assert not before & {job.member.seed for job in jobs}
    assert len({job.member.key for job in jobs}) == len(jobs)
    needed = {f.network: 0 for f in plan.finalists}
    for f in plan.finalists:
        needed[f.network] = max(needed[f.network], f.size, 2)
    assert len(jobs) == sum(needed.values())
    rows = confirmed.evaluations("one", plan.stage)
    assert {e.key for e in rows if e.split == "test"} == {e.key for e in rows if e.split == "val"}
    assert {f.key for f in plan.finalists} <= {e.key for e in rows}
    assert sum(e.split == "test" for e in rows) == sum(needed.values())


def test_a_finalist_has_the_accuracy_of_the_closed_form_on_test(confirmed: Store) -> None:
    """Members are fresh, so no luck of the selection helps: 4 standard errors of 4,000 images."""
    (plan,) = confirmation_plan.plans(confirmed, "one")
    for e in confirmed.evaluations("one", plan.stage):
        expected = closed_form.accuracy(e.cost.macs, e.size)
        error = math.sqrt(expected * (1 - expected) / 4_000)
        assert abs(e.scores.accuracy - expected) < 4 * error


def test_the_search_is_left_as_it_was(store: Store, confirmed: Store) -> None:
    before, after = (
        (one.evaluations("one"), one.evaluation_members("one"), one.trials("one"))
        for one in (store, confirmed)
    )
    assert before == after


@pytest.mark.parametrize("every", [1, 4])
def test_an_interrupted_confirmation_ends_as_an_uninterrupted_one(
    store: Store, searched: study.Study, confirmed: Store, usual: Recorded, every: int
) -> None:
    class Killed(Exception):  # noqa: N818
        pass

    plan, count = usual.plan, itertools.count(1)

    @each
    def killed(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
        if next(count) % (every + 1) == 0:
            raise Killed
        return closed_form.train_one(job, report)

    for starts in itertools.count(1):  # noqa: B007
        try:
            _, again = confirm_in(store, searched, train=killed)
            break
        except Killed:
            assert len(store.confirmations_on_test("one")) == 1
    assert starts > 3
    assert dataclasses.replace(again, created="") == dataclasses.replace(plan, created="")
    assert store.evaluations("one", plan.stage) == confirmed.evaluations("one", plan.stage)
    assert len(store.confirmations_on_test("one")) == 1


def test_a_plan_under_way_goes_on_although_the_search_has_gone_on(empty: Store, spec: str) -> None:
    found = search_in(empty, spec, 8)
    ended, first = confirm_in(empty, found, is_interrupted=lambda: True)
    assert (ended, first.finished) == ("interrupted", False)
    search_in(empty, spec, 24)
    ended, again = confirm_in(empty, found)
    assert (ended, again.number, again.finished) == ("done", 1, True)
    assert again.finalists == first.finalists
    # Now it is answered; the search knows better, so the same words make another plan.
    _, second = confirm_in(empty, found)
    assert second.number == 2
    assert [o.plan for o in empty.confirmations_on_test("one")] == [1, 2]


def test_openings_of_test_are_counted_by_plan(
    store: Store, confirmed: Store, usual: Recorded, spec: str
) -> None:
    assert store.confirmations_on_test("one") == ()
    searched, trainer = opened(confirmed, spec), Counting()
    # Asking the same in other words is the same plan: nothing is trained, nothing opened.
    same = deciding.decide(confirmed, searched.config, Request(epochs=4))
    assert (same.number, same.finished) == (1, True)
    confirm_in(confirmed, searched, Request(epochs=4), train=trainer)
    assert trainer.jobs == []
    assert [o.plan for o in confirmed.confirmations_on_test("one")] == [1]
    _, second = confirm_in(confirmed, searched, Request(epochs=2))
    assert second.number == 2
    assert [o.plan for o in confirmed.confirmations_on_test("one")] == [1, 2]
    assert usual.plan == confirmation_plan.plans(confirmed, "one")[0]


def test_without_retraining_the_searchs_members_predict_from_their_weights(
    store: Store, searched: study.Study
) -> None:
    trained = {record.member.key for record in store.all_members()}
    trainer, events = Counting(), list[object]()
    ended, plan = confirm_in(
        store, searched, Request(retrain=False), train=trainer, on_event=events.append
    )
    assert (ended, plan.retrain) == ("done", False)
    assert {job.member.key for job in trainer.jobs} <= trained
    assert all(job.weights is not None and job.splits == ("test",) for job in trainer.jobs)
    assert {e.trained for e in events if isinstance(e, MemberReady)} == {False}
    assert {record.member.key for record in store.all_members()} == trained
    # On val they score what the search said, for the same subsets.
    before = {e.key: e for e in store.evaluations("one")}
    for e in store.evaluations("one", plan.stage):
        if e.split == "val":
            assert e == before[e.key]


def test_members_without_weights_cannot_be_scored_again(empty: Store, spec: str) -> None:
    found = search_in(empty, spec, 6, dataclasses.replace(INLINE, keep_weights=False))
    with pytest.raises(StorageError, match=r"weights were not kept"):
        confirm_in(empty, found, Request(retrain=False))
    assert empty.confirmations_on_test("one") == (), "a refused plan has seen nothing"
    assert confirm_in(empty, found)[0] == "done"


def test_members_that_were_removed_cannot_be_scored_again(
    store: Store, searched: study.Study
) -> None:
    for keys in store.evaluation_members("one").values():
        store.pool.remove_member(keys[0])
    with pytest.raises(StorageError) as caught:
        confirm_in(store, searched, Request(retrain=False))
    assert caught.value.problem == "members_without_weights"
    assert store.confirmations_on_test("one") == ()


def test_a_finalist_whose_member_diverges_is_left_out(store: Store, searched: study.Study) -> None:
    plan = deciding.decide(store, searched.config, Request())
    bad = max(plan.finalists, key=lambda f: (f.size, f.macs))
    second = derive(searched.config.seed, "confirm", 1)

    def fail(job: MemberJob) -> str | None:
        same = job.member.architecture == bad.architecture
        return "diverged" if same and job.member.seed == second else None

    _, done = confirm_in(store, searched, train=Counting(fail))
    assert done.failures == ((bad.network, "diverged"),)
    assert done.finished
    left = {e.network for e in store.evaluations("one", done.stage)}
    assert left == set(plan.networks) - {bad.network}


def test_killed_members_are_tried_again_by_the_same_command(
    store: Store, searched: study.Study
) -> None:
    trainer = Counting(lambda job: "killed" if len(trainer.jobs) == 3 else None)
    _, first = confirm_in(store, searched, train=trainer)
    assert not first.finished
    again = Counting()
    _, second = confirm_in(store, searched, train=again)
    assert (second.number, second.finished, second.failures) == (1, True, ())
    assert len(again.jobs) == 1
    assert len(store.confirmations_on_test("one")) == 1


def test_if_all_fail_it_says_so(store: Store, searched: study.Study) -> None:
    with pytest.raises(TrialsFailedError, match="diverged"):
        confirm_in(store, searched, train=Counting(lambda job: "diverged"))


def test_the_plan_counts_what_is_ahead(
    store: Store, searched: study.Study, confirmed: Store, usual: Recorded, spec: str
) -> None:
    """Training macs on paper: 3 x macs x 36,000 images x 4 epochs for each member.

    Predictions of val and test take as long as training a third as many images.
    """
    plan = deciding.decide(store, searched.config, Request())
    ahead = work.ahead(searched, store, plan, SPEED, workers=2)
    macs = sum(f.members * f.macs / f.size for f in plan.networks.values())
    assert ahead.train_macs == pytest.approx(3 * macs * 36_000 * 4)
    predicted = searched.images["val"] + searched.images["test"]
    assert ahead.seconds == pytest.approx(1e-9 * macs * (36_000 * 4 + predicted / 3) / 2)
    assert (ahead.members, ahead.ready) == (sum(f.members for f in plan.networks.values()), 0)
    # No member trains on two workers.
    longest = max(f.macs / f.size for f in plan.networks.values())
    many = work.ahead(searched, store, plan, SPEED, workers=1000)
    assert many.seconds == pytest.approx(1e-9 * longest * (36_000 * 4 + predicted / 3))
    after = work.ahead(opened(confirmed, spec), confirmed, usual.plan, SPEED, workers=2)
    assert (after.ready, after.train_macs) == (after.members, 0)
    assert after.members == ahead.members


def test_progress_counts_members_and_time(usual: Recorded) -> None:
    events = usual.events
    found = events[0]
    assert isinstance(found, Evaluated)
    assert found.is_over
    assert {e.split for e in found.evaluations} == {"val"}
    ready = [e for e in events if isinstance(e, MemberReady)]
    assert [e.done for e in ready] == list(range(1, len(ready) + 1))
    assert ready[-1].done == ready[-1].members
    assert ready[-1].seconds_left == pytest.approx(0, abs=1e-6)
    assert ready[0].seconds_left > ready[-2].seconds_left > 0


def test_a_lost_file_is_trained_again_only_on_request(confirmed: Store, spec: str) -> None:
    searched = opened(confirmed, spec)
    (plan,) = confirmation_plan.plans(confirmed, "one")
    lost = confirmed.evaluation_members("one", plan.stage)[plan.finalists[0].network][0]
    next(confirmed.files.rglob(f"{lost}.test.npz")).unlink()
    more = Request(members=3)  # another plan that needs the same member
    with pytest.raises(StorageError, match="files of members that this confirmation needs"):
        confirm_in(confirmed, searched, more)
    assert len(confirmed.confirmations_on_test("one")) == 1
    trainer = Counting()
    confirm_in(confirmed, searched, more, train=trainer, retrain_missing=True)
    assert lost in {job.member.key for job in trainer.jobs}


def test_budgets_outside_the_study_are_refused(store: Store, searched: study.Study) -> None:
    with pytest.raises(UsageError, match="its budget of 2M; got 3M"):
        deciding.decide(store, searched.config, Request(budgets=(3e6,)))
    plan = deciding.decide(store, searched.config, Request(budgets=(5e5, 1e6)))
    assert plan.budgets == (5e5, 1e6)
    assert max(f.macs for f in plan.finalists) <= 1e6


def test_a_study_under_way_is_not_confirmed(store: Store, searched: study.Study) -> None:
    store.acquire_lease("one")
    with pytest.raises(StorageError, match="is being run by process"):
        confirm_in(store, searched)
    assert confirmation_plan.plans(store, "one") == []
    assert confirm_in(store, searched, take_over=True)[0] == "done"


def test_a_study_without_evaluations_has_nothing_to_confirm(empty: Store, spec: str) -> None:
    found = search_in(empty, spec, trials=0)
    with pytest.raises(StorageError, match="no finished evaluation"):
        confirm_in(empty, found)


def test_a_plan_survives_the_store(store: Store, searched: study.Study) -> None:
    plan = deciding.decide(store, searched.config, Request(budgets=(5e5, 1e6), top=2))
    confirmation_plan.save(store, "one", plan)
    assert confirmation_plan.plans(store, "one") == [plan]


# What comes out


def test_a_plan_that_another_version_wrote_costs_no_report(
    store: Store, searched: study.Study
) -> None:
    plan = deciding.decide(store, searched.config, Request())
    confirmation_plan.save(store, "one", plan)
    conclusion.save(store, "one", plan, "holds")
    assert reading.collect(store, "one").conclusion is not None
    (record,) = store.confirmations("one")
    store.save_confirmation("one", dataclasses.replace(record, request={"odd": 1}))
    left = reading.collect(store, "one")
    assert left.conclusion is None
    assert "another version of ensearch wrote them" in left.notes[-1]


def truth(budget: float, base: float = 5e4) -> float:
    """Advantage of the best ensemble of the space at a budget, as a fraction."""
    margin = world(base)
    return max(closed_form.accuracy(budget, m, margin) for m in (2, 4)) - closed_form.accuracy(
        budget, 1, margin
    )


def test_the_known_crossover_is_confirmed_on_test(found: Confirmed) -> None:
    """Longer training changes nothing in this world: the same crossover, within the interval."""
    zone, where = found.results.fronts.zone, closed_form.crossover((2, 3, 4))
    assert zone.status == "crossed"
    assert (zone.low or 0) < where < (zone.high or 0)
    assert {e.split for e in found.results.evaluations} == {"test"}
    assert found.shift is not None
    assert found.shift.verdict == "holds"
    assert found.ranks is not None
    everything = found.ranks["all"]
    assert everything is not None
    assert everything.kendall.low > 0.4
    said = text.headline(found)
    assert "On the 4,000 test images" in said
    assert "fresh seeds and 4 epochs (4 x the search's 1)" in said
    assert "single networks are better" in said
    assert f"(n = {len(found.plan.finalists)})" in said
    assert text.warnings(found) == []


def test_val_chooses_and_test_scores(found: Confirmed) -> None:
    best = {True: 0, False: 0}
    for row in found.results.fronts.rows:
        for choice, single in ((row.single, True), (row.ensemble, False)):
            fitting = [e for e in found.val if e.is_single == single and e.cost.macs <= row.budget]
            if choice is not None:
                assert choice.split == "test"
                assert choice.key == max(fitting, key=lambda e: e.scores.accuracy).key
                of_test = [e for e in found.results.evaluations if e.is_single == single]
                best[single] += choice.scores.accuracy < max(
                    e.scores.accuracy for e in of_test if e.cost.macs <= row.budget
                )
    assert sum(best.values()) > 0, "a running maximum over test would pass here as well"


def test_a_crossover_of_the_short_schedule_only_is_called_so(
    store: Store, searched: study.Study
) -> None:
    """With longer training large networks gain: the crossover moves up by 1.38 doublings."""
    base = 1.3e5
    assert math.log2(base / 5e4) == pytest.approx(1.38, abs=0.01)
    assert truth(1e6) > 0 > truth(1e6, base)
    longer = Counting(train=partial(closed_form.train_one, margin=world(base)))
    confirm_in(store, searched, train=longer)
    found = collect(store, "one")
    assert found.shift is not None
    assert found.shift.verdict == "short schedule only"
    assert found.shift.doublings == pytest.approx(1.38, abs=0.5)
    assert found.shift.reversed_at
    assert all(truth(b) > 0 > truth(b, base) for b in found.shift.reversed_at)
    assert "short schedule only" in text.shifted(found)
    conclusion.save(store, "one", found.plan, found.shift.verdict)
    kept = conclusion.read(store, "one")
    assert kept is not None
    assert (kept.plan, kept.verdict) == (found.plan, "short schedule only")
    assert kept.sentence in " ".join(study_text.conditions(reading.collect(store, "one")))


def test_what_is_read_again_is_the_same(confirmed: Store, found: Confirmed) -> None:
    again = collect(confirmed, "one", number=1)
    assert files.summary(found) == files.summary(again)


def test_a_second_use_of_test_and_old_members_are_called_optimistic(
    confirmed: Store, spec: str, tmp_path: Path
) -> None:
    confirm_in(confirmed, opened(confirmed, spec), Request(retrain=False))
    found = collect(confirmed, "one")
    assert (found.plan.number, found.use_number) == (2, 2)
    assert (found.ranks, found.shift, found.pairs) == (None, None, None)
    said = " ".join(text.paragraphs(found))
    assert "has been used 2 times: numbers after the first are optimistic" in said
    assert "the search's own members" in text.headline(found)
    files.write(found, tmp_path / "out")
    files.write(collect(confirmed, "one", number=1), tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"{name}.{kind}" for name in ("confirm-2", "confirm") for kind in ("csv", "json", "png")
    ]
    written = json.loads((tmp_path / "out" / "confirm-2.json").read_text())
    assert [o["plan"] for o in written["openings"]] == [1, 2]
    assert len(written["warnings"]) == 2
    assert "multiply-adds" in written["unit"]
    table = (tmp_path / "out" / "confirm-2.csv").read_text().splitlines()
    assert len(table) == 1 + len(found.results.evaluations)
    assert "accuracy_test_fraction" in table[0]
    first = collect(confirmed, "one", number=1)
    assert "These are of use 1" in " ".join(text.warnings(first))


def test_other_budgets_are_those_of_the_search_too(store: Store, searched: study.Study) -> None:
    confirm_in(store, searched, Request(budgets=(5e5, 2e6)))
    found = collect(store, "one")
    for fronts in (found.results.fronts, found.search.fronts):
        assert [row.budget for row in fronts.rows] == [5e5, 2e6]
        assert any(row.matched for row in fronts.rows)
        assert all(row.low is not None for row in fronts.rows if row.matched)


def test_what_was_left_out_is_said(store: Store, searched: study.Study) -> None:
    plan = deciding.decide(store, searched.config, Request())
    bad = next(f for f in plan.finalists if not f.is_single)
    trainer = Counting(
        lambda job: "diverged" if job.member.architecture == bad.architecture else None
    )
    confirm_in(store, searched, train=trainer)
    found = collect(store, "one")
    assert found.left_out[bad.label] == "diverged"
    assert f"{bad.label} (diverged)" in " ".join(text.paragraphs(found))
    assert bad.key not in {e.key for e in found.results.evaluations}


def test_there_is_nothing_to_read_before_it_is_scored(store: Store, searched: study.Study) -> None:
    with pytest.raises(StorageError, match=r"there are: none\."):
        collect(store, "one")
    confirm_in(store, searched, is_interrupted=lambda: True)
    with pytest.raises(StorageError, match="not scored yet"):
        collect(store, "one")
    with pytest.raises(StorageError, match="Did you mean 'one'"):
        collect(store, "ones")
