"""A single network that learns from the ensemble: who learns from whom, and what comes out."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ensearch.confirmation import conclusion, deciding, distillation, run, work
from ensearch.confirmation.plan import Request, plans
from ensearch.errors import StorageError, UsageError
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.pool.entry import all_entries
from ensearch.report.confirmation import files, text
from ensearch.report.confirmation.results import collect
from ensearch.store import Store
from ensearch.study import study
from tests import closed_form
from tests.confirmation.searched import (
    INLINE,
    SPEED,
    Counting,
    Recorded,
    confirm_in,
    copied,
    opened,
    recorded,
)

PLAIN = Request(budgets=(2e6,), fewest=2)
DISTIL = replace(PLAIN, distil=True)
GAIN = 0.2  # what learning from the ensemble adds to the margins of a network


def taught(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    """A world in which it helps to learn from the ensemble."""
    gain = 0.0 if job.member.distillation is None else GAIN
    return closed_form.train_one(job, report, lambda macs: closed_form.margin(macs) + gain)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory: pytest.TempPathFactory, whole_search: Path, spec: str) -> Recorded:
    """A confirmation in that world; tests work on copies."""
    folder = tmp_path_factory.mktemp("distilled") / "copy"
    return recorded(whole_search, folder, spec, DISTIL, train=taught)


@pytest.fixture
def after(tmp_path: Path, distilled: Recorded) -> Iterator[Store]:
    with copied(distilled.folder, tmp_path / "after") as store:
        yield store


def test_the_best_single_network_learns_from_the_best_ensemble(
    after: Store, distilled: Recorded, spec: str
) -> None:
    store, plan, jobs = after, distilled.plan, distilled.jobs
    assert (distilled.ended, plan.finished) == ("done", True)
    pair = distillation.pair(plan)
    assert pair is not None
    assert (pair.student.size, pair.teacher.size > 1) == (1, True)
    last = [job for job in jobs if job.teachers]
    assert last == jobs[-2:], "its teachers are trained first"
    groups = work.members(opened(store, spec), store, plan)
    expected = groups[pair.teacher.network][: pair.teacher.size]
    for job in last:
        assert tuple(teacher.member for teacher in job.teachers) == expected
        assert job.teachers[0].weights.read_bytes() == closed_form.WEIGHTS
        assert (job.member.architecture, job.member.schedule) == (
            pair.student.architecture,
            pair.student.full,
        )
    assert not {j.member.seed for j in last} & {j.member.seed for j in jobs[:-2]}
    # Nothing of it is among what the fronts compare.
    assert {e.network for e in store.evaluations("one", plan.stage)} == set(plan.networks)
    kept = [store.members([job.member.key])[job.member.key].member for job in last]
    assert kept == [job.member for job in last]


def test_what_it_gains_is_said_everywhere(after: Store, distilled: Recorded, spec: str) -> None:
    store, plan = after, distilled.plan
    found = collect(store, "one")
    learned = found.distilled
    assert learned is not None
    macs, gap = learned.test.cost.macs, learned.over_labels
    better = closed_form.accuracy(macs, 1, lambda macs: closed_form.margin(macs) + GAIN)
    assert gap.low < better - closed_form.accuracy(macs, 1) < gap.high
    assert gap.side == 1
    assert gap.value == pytest.approx(
        learned.test.scores.accuracy - learned.on_labels.scores.accuracy
    )
    images = opened(store, spec).images["train"]
    teacher = learned.ensemble
    assert learned.train_macs == 3 * macs * images * 4
    assert learned.teacher_macs == teacher.train_macs + teacher.cost.macs * images
    said = " ".join(text.paragraphs(found))
    assert learned.sentence in said
    assert "Learning from the ensemble helps" in said
    rows = text.rivals(learned, found.results.conditions)
    assert [row[0] for row in rows] == ["labels", "labels", learned.pair.teacher.label]
    written = json.loads(json.dumps(files.summary(found)))["distilled"]
    assert written["difference_to_on_labels"]["value"] == gap.value
    assert written["train_multiply_adds_of_teachers"] == learned.teacher_macs
    conclusion.save(store, "one", plan, "holds")
    concluded = conclusion.read(store, "one")
    assert concluded is not None
    assert concluded.sentence.endswith(learned.sentence)
    names = {entry.network: entry.label for entry in all_entries(store)}
    assert sum(label.endswith(" distilled") for label in names.values()) == 1


def test_a_confirmation_that_distilled_answers_one_that_does_not(
    store: Store, searched: study.Study
) -> None:
    confirm_in(store, searched, PLAIN)
    trainer = Counting()
    _, second = confirm_in(store, searched, DISTIL, train=trainer)
    assert second.number == 2
    assert len(trainer.jobs) == 2, "all others are there"
    assert [use.plan for use in store.confirmations_on_test("one")] == [1, 2]
    asked = replace(PLAIN, epochs=4)
    assert deciding.decide(store, searched.config, asked).number == 2


def test_an_interrupted_student_is_trained_by_the_same_command(
    store: Store, searched: study.Study
) -> None:
    killed = Counting(lambda job: "killed" if job.teachers else None)
    _, first = confirm_in(store, searched, DISTIL, train=killed)
    assert not first.finished
    assert distillation.read(store, "one", first) is None
    assert [reason for _, reason in first.failures] == ["killed"]
    again = Counting()
    _, second = confirm_in(store, searched, DISTIL, train=again)
    assert (second.number, second.finished, second.failures) == (1, True, ())
    assert [bool(job.teachers) for job in again.jobs] == [True, True]
    assert distillation.read(store, "one", second) is not None


def test_a_student_that_is_scored_on_val_alone_says_nothing_yet(
    store: Store, searched: study.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Store.save_evaluations

    def killed(store: Store, study: str, rows: Any, *more: Any, **of: Any) -> None:
        if of["stage"].endswith("-distilled") and rows[0].split == "test":
            raise KeyboardInterrupt
        save(store, study, rows, *more, **of)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "save_evaluations", killed)
        with pytest.raises(KeyboardInterrupt):
            confirm_in(store, searched, DISTIL)
    (plan,) = plans(store, "one")
    assert [e.split for e in store.evaluations("one", distillation.stage(plan))] == ["val"]
    assert distillation.read(store, "one", plan) is None


def test_nobody_learns_from_an_ensemble_that_diverged(store: Store, searched: study.Study) -> None:
    pair = distillation.pair(deciding.decide(store, searched.config, DISTIL))
    assert pair is not None
    trainer = Counting(
        lambda job: "diverged" if job.member.architecture == pair.teacher.architecture else None
    )
    _, plan = confirm_in(store, searched, DISTIL, train=trainer)
    assert plan.finished
    assert not any(job.teachers for job in trainer.jobs)
    found = collect(store, "one")
    assert found.distilled is None
    assert "diverged" in found.left_out.values()


def test_what_is_ahead_counts_it(store: Store, searched: study.Study) -> None:
    plain, more = (
        work.ahead(searched, store, deciding.decide(store, searched.config, asked), SPEED, 1)
        for asked in (PLAIN, DISTIL)
    )
    pair = distillation.pair(deciding.decide(store, searched.config, DISTIL))
    assert pair is not None
    assert more.members == plain.members + 2
    images = searched.images["train"]
    assert more.train_macs - plain.train_macs == pytest.approx(
        2 * 3 * pair.student.macs * images * 4
    )


def test_teachers_without_weights_are_refused_before_test_is_used(
    store: Store, searched: study.Study
) -> None:
    where = replace(INLINE, keep_weights=False)
    plan = deciding.decide(store, searched.config, PLAIN)
    run.run(searched, store, plan, where, train=closed_form.train, speed=SPEED)
    with pytest.raises(StorageError, match="cannot teach"):
        confirm_in(store, searched, DISTIL)
    assert len(store.confirmations_on_test("one")) == 1


def test_without_an_ensemble_there_is_nothing_to_learn(store: Store, searched: study.Study) -> None:
    cheapest = min(e.cost.macs for e in store.evaluations("one"))
    with pytest.raises(UsageError, match="has evaluated no ensemble within"):
        deciding.decide(store, searched.config, replace(DISTIL, budgets=(float(cheapest),)))
