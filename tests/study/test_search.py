"""The search in a world known on paper: what it finds, shares, survives and stores."""

import contextlib
import dataclasses
import itertools
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from optuna.storages import RDBStorage

from ensearch import datasets
from ensearch.core import Evaluation, ensemble_label
from ensearch.errors import StorageError, UnavailableError
from ensearch.launch import Failed, MemberJob, Train, Trained, Update, inline
from ensearch.launch.inline import Inline
from ensearch.report.study.results import collect
from ensearch.search_space import Ladder
from ensearch.store import Store
from ensearch.study import config, driver, search, study
from ensearch.study.events import Evaluated, MemberFailed, SearchEnded, TrialDone, TrialFailed
from ensearch.study.members import MemberQueue
from ensearch.study.options import Limits, RunOptions
from ensearch.study.pace import Renewal
from ensearch.study.placement import Placement
from ensearch.study.sampler import Sampler
from ensearch.study.scoring import Scorer
from tests.closed_form import accuracy, crossover, train, train_one, write_dataset
from tests.searches import SPACE, controlled
from tests.trainers import each

AXES: dict[str, list[float]] = {"peak_lr": [0.1, 0.4], "epochs": [1, 2]}
TUNING: dict[str, object] = {"space": SPACE | {"schedule": AXES}, "epochs": None}
# Half of the budgets, and one depth: enough for what holds of every search that tries everything.
FEW: dict[str, object] = {"space": SPACE | {"depth": [10], "rungs": 4}}
# Where every configuration is tried, it does not matter in which order.
ANY_ORDER: dict[str, object] = {"sampler": "random"}
ONE_DEPTH = ANY_ORDER | {"space": SPACE | {"depth": [10]}}
INLINE = Placement(device="cpu", workers=1, launcher="inline")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Few images, of which every search loads all and scores a tenth."""
    return write_dataset(tmp_path_factory.mktemp("data") / "two.npz", images=2_000)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Images enough for accuracies within a point of those of the closed form."""
    return write_dataset(tmp_path_factory.mktemp("data") / "two.npz", images=40_000)


def configured(spec: str, **changes: object) -> config.StudyConfig:
    settings: dict[str, Any] = {
        "budget": "2e6",
        "dataset": spec,
        "space": SPACE,
        "study": "one",
        "epochs": 1,
    }
    return config.resolve(RunOptions(**settings | changes))


def search_in(store: Store, spec: str, limits: Limits, **how: object) -> SearchEnded:
    changes = how.pop("changes", {})
    assert isinstance(changes, dict)
    opened = study.open_study(configured(spec, **changes), store, Path("data"), "a CPU")
    return search.run(opened, store, limits, INLINE, **controlled(**{"train": train} | how))


class Counting:
    """The closed-form trainer, remembering what it was asked; fails as it is told."""

    def __init__(self, fail: Callable[[MemberJob], str | None] = lambda job: None) -> None:
        self.keys: list[str] = []
        self.fail = fail

    def __call__(self, jobs: tuple[MemberJob, ...], report: Callable[[Update], None]) -> None:
        for job in jobs:
            report(self.one(job, report))

    def one(self, job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
        self.keys.append(job.member.key)
        reason = self.fail(job)
        if reason is not None:
            return Failed(key=job.member.key, reason=reason, detail="as asked")  # type: ignore[arg-type]
        return train_one(job, report)


def test_it_finds_the_crossover_of_the_closed_form(store: Store, many: str) -> None:
    """All configurations: the truth lies in the zone, which spans at most three steps."""
    outcome = search_in(store, many, Limits(trials=10_000), changes=ANY_ORDER)
    assert outcome.reason == "exhausted"
    assert outcome.failed == outcome.waiting == 0
    zone, truth = collect(store, "one").fronts.zone, crossover((2, 3, 4))
    assert (zone.status, zone.open) == ("crossed", ())
    assert zone.low is not None
    assert zone.high is not None
    assert zone.low < truth < zone.high < zone.low * 2**1.5 * 1.01


def test_it_finds_the_crossover_in_half_of_the_trials(store: Store, many: str) -> None:
    """Trials that are shared equally are enough for the same answer."""
    search_in(store, many, Limits(trials=24))
    sizes = [t.size for t in store.trials("one")]
    assert sum(size == 1 for size in sizes) == 12
    zone = collect(store, "one").fronts.zone
    assert zone.status == "crossed"
    assert zone.low is not None
    assert zone.high is not None
    assert zone.low < crossover((2, 3, 4)) < zone.high


def test_axes_of_the_schedule_reach_members_costs_and_evaluations(store: Store, spec: str) -> None:
    trainer = Counting()
    search_in(store, spec, Limits(trials=20), train=trainer, changes=TUNING)
    opened = study.open_study(configured(spec, **TUNING), store, Path("data"), "a CPU")
    cells = {(c.size, c.network): c for c in opened.ladder.cells}
    tried = [cells[t.size, t.network] for t in store.trials("one")]
    assert {(c.schedule.peak_lr, c.schedule.epochs) for c in tried} == {
        (lr, epochs) for lr in AXES["peak_lr"] for epochs in AXES["epochs"]
    }
    assert sum(c.is_single for c in tried) == 10
    images = len(opened.dataset.y_train)
    for e in store.evaluations("one"):
        assert e.train_macs == 3.0 * e.cost.macs * images * e.schedule.epochs
    records = store.members(trainer.keys)
    schedules = {c.schedule for c in tried}
    assert {record.member.schedule for record in records.values()} == schedules
    # Spent training counts what each member took.
    assert store.trained_macs("one") == sum(
        3.0 * r.cost.macs * images * r.member.schedule.epochs for r in records.values()
    )


@pytest.mark.parametrize("sampler", config.SAMPLERS)
def test_every_sampler_finds_good_ensembles_in_few_trials(
    store: Store, many: str, sampler: str
) -> None:
    outcome = search_in(store, many, Limits(trials=16), changes={"sampler": sampler})
    assert (outcome.reason, outcome.done) == ("trials", 16)
    trials = store.trials("one")
    assert len({(t.network, t.size) for t in trials}) == 16, "a trial was repeated"
    evaluations = store.evaluations("one")
    assert max(e.cost.macs for e in evaluations) <= 2e6
    # The best of the closed form at this budget is four members.
    assert max(e.scores.accuracy for e in evaluations) > accuracy(2e6, 2) - 0.02


def test_trials_are_charged_with_all_work_of_the_driver_but_not_with_training(
    store: Store, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inequalities that hold however slow the machine is."""
    keep = Store.add_trained

    def slow(self: Store, *args: Any) -> None:
        time.sleep(0.02)
        keep(self, *args)

    monkeypatch.setattr(Store, "add_trained", slow)

    def slow_to_train(job: MemberJob) -> None:
        time.sleep(0.02)

    trainer = Counting(slow_to_train)
    start = time.monotonic()
    search_in(store, spec, Limits(trials=8), train=trainer)
    wall = time.monotonic() - start
    charged = sum(trial.overhead_seconds for trial in store.trials("one"))
    members = len(trainer.keys)
    assert 0.02 * members <= charged <= wall - 0.02 * members


def test_work_on_a_trial_does_not_grow_with_the_trials_before(store: Store, spec: str) -> None:
    """Statements to the database, ours and Optuna's, and trials that Optuna reads again."""
    statements, reads = [0], [0]

    def count(*_: object) -> None:
        statements[0] += 1

    build = RDBStorage._build_frozen_trial_from_trial_model

    def built(self: RDBStorage, row: Any) -> Any:
        reads[0] += 1
        return build(self, row)

    seen: list[tuple[int, int]] = []

    def on_event(event: object) -> None:
        if isinstance(event, TrialDone):
            seen.append((statements[0], reads[0]))

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", count)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RDBStorage, "_build_frozen_trial_from_trial_model", built)
            search_in(store, spec, Limits(trials=44), on_event=on_event)
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", count)
    assert len(seen) == 44
    # From the 10th to the 20th trial, and from the 34th to the 44th.
    early, late = (
        [after - before for before, after in zip(seen[a], seen[b], strict=True)]
        for a, b in ((9, 19), (33, 43))
    )
    assert min(early) > 0
    assert late[0] <= 1.1 * early[0], "statements"
    assert late[1] <= 1.1 * early[1], "trials read"


def test_asking_for_many_workers_keeps_neither_them_nor_the_lease_waiting(
    store: Store, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a thousand workers the first asks take minutes: members and the lease are seen to."""

    def four(train: Train, slots: int) -> Inline:
        launcher = Inline(train)
        launcher.slots = 4
        return launcher

    def noted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: calls.append(what) or function(*args)  # type: ignore[func-returns-value]

    calls: list[str] = []
    monkeypatch.setattr(inline, "open", four)
    search_in(store, spec, Limits(trials=12), changes={"study": "quick"})
    monkeypatch.setattr(driver, "TICK", 0.0)
    for kind, name in ((Sampler, "ask"), (MemberQueue, "collect"), (Renewal, "__call__")):
        monkeypatch.setattr(kind, name, noted(name, getattr(kind, name)))
    search_in(store, spec, Limits(trials=12))
    # All members are there: nothing is waited for, and the lease is renewed all the same.
    assert calls == ["ask", "collect", "__call__"] * 12 + ["collect", "__call__"] * 7
    assert rows(store) == rows(store, "quick")


def test_every_size_up_to_the_trained_members_is_evaluated(store: Store, spec: str) -> None:
    search_in(store, spec, Limits(trials=12))
    by_architecture = itertools.groupby(
        sorted(store.evaluations("one"), key=lambda e: e.network),
        key=lambda e: e.network,
    )
    members = store.evaluation_members("one")
    for key, group in by_architecture:
        rows = list(group)
        sizes = [size for size in range(1, len(members[key]) + 1) if size * macs(rows) <= 2e6]
        assert sorted(e.size for e in rows) == sizes
        assert {e.trained for e in rows} == {len(members[key])}
    for trial in store.trials("one"):
        assert len(members[trial.network]) >= trial.size


def macs(rows: list[Evaluation]) -> int:
    """What one member of their network costs."""
    return min(e.cost.macs for e in rows)


def test_every_network_gets_its_seeds_and_no_ensemble_passes_the_budget(
    store: Store, spec: str
) -> None:
    trainer = Counting()
    search_in(store, spec, Limits(trials=12), train=trainer, changes={"seeds": 3})
    found, members = rows(store), store.evaluation_members("one")
    assert {len(keys) for keys in members.values()} == {3, 4}
    assert max(e.cost.macs for e in found) <= 2e6
    # The asked budget is the second that both kinds try, and its single network has all seeds.
    top = store.trials("one")[2]
    (alone,) = (e for e in found if e.network == top.network)
    assert (alone.size, alone.trained, alone.subsets) == (1, 3, 3)
    opened = study.open_study(configured(spec, seeds=3), store, Path("data"), "a CPU")
    assert alone.cost.macs >= 0.95 * max(c.cost.macs for c in opened.ladder.cells if c.is_single)
    assert store.subset_hits("one", "val").keys() == {e.key for e in found}
    # Training counts all of them, and the cost of an ensemble its own members alone.
    records = store.members(trainer.keys)
    assert store.trained_macs("one") == sum(record.train_macs for record in records.values())
    assert alone.train_macs == records[members[top.network][0]].train_macs
    assert [len(trial.members) for trial in store.trials("one")] == [
        max(3, trial.size) for trial in store.trials("one")
    ]


def test_hits_that_were_not_kept_are_scored_again_within_the_budget(
    store: Store, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    search_in(store, spec, Limits(trials=6))
    kept = store.subset_hits("one", "val")
    monkeypatch.setattr(Store, "subset_hits", lambda *_: {})
    labels = study.open_study(configured(spec), store, Path("data"), "a CPU").dataset.y_val
    scorer = Scorer(store=store, labels={"val": labels}, rule="arithmetic", seed=0)
    again = scorer.subset_hits("one", "val")
    assert again.keys() == kept.keys()
    assert all((again[key].hits == hits.hits).all() for key, hits in kept.items())


def test_a_seed_beyond_the_size_that_fails_costs_no_trial(store: Store, spec: str) -> None:
    """The third member of everything diverges: only ensembles of four lack one."""
    opened = study.open_study(configured(spec, seeds=3, **FEW), store, Path("data"), "a CPU")
    thirds = {opened.members(cell)[2].seed for cell in opened.ladder.cells}
    assert len(thirds) == 1
    trainer = Counting(lambda job: "diverged" if job.member.seed in thirds else None)
    events: list[object] = []
    how: dict[str, object] = {"train": trainer, "on_event": events.append, "changes": FEW}
    outcome = search_in(store, spec, Limits(trials=10_000), **how)
    trials = store.trials("one")
    assert outcome.failed == sum(cell.size == 4 for cell in opened.ladder.cells)
    assert {(t.size == 4, t.state, t.reason) for t in trials} == {
        (False, "done", None),
        (True, "failed", "diverged"),
    }
    assert {len(t.members) for t in trials if t.size < 4} == {2}
    networks = {cell.network for cell in opened.ladder.cells}
    assert sum(isinstance(e, MemberFailed) for e in events) == len(networks)
    failed = [r for r in store.all_members() if r.state == "failed"]
    assert {r.reason for r in failed} == {"diverged"}


def test_a_study_from_before_seeds_goes_on_as_it_was(tmp_path: Path, spec: str) -> None:
    """Its configuration has no such key: every network trains as often as its ensembles need."""
    with Store.open(f"sqlite:///{tmp_path}/whole.db", create=True) as whole:
        search_in(whole, spec, Limits(trials=12), changes={"seeds": 1})
        assert {len(keys) for keys in whole.evaluation_members("one").values()} >= {1}
        with Store.open(f"sqlite:///{tmp_path}/old.db", create=True) as old:
            search_in(old, spec, Limits(trials=5), changes={"seeds": 1})
            forget(tmp_path / "old.db", "seeds")
            asked = RunOptions(budget="2e6", dataset=spec, space=SPACE, study="one", epochs=1)
            stored = old.study("one").config
            assert "seeds" not in stored
            made = config.going_on(config.resolve(asked), asked, stored)
            assert made == config.from_dict(stored)
            opened = study.open_study(made, old, Path("data"), "a CPU")
            search.run(opened, old, Limits(trials=12), INLINE, train=train)
            assert (history(old), rows(old)) == (history(whole), rows(whole))
            with pytest.raises(StorageError, match="seeds: stored 1, asked 3"):
                search_in(old, spec, Limits(trials=12), changes={"seeds": 3})


def forget(path: Path, key: str) -> None:
    """Take a key out of the configuration of the storage's studies, as if it had never been."""
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE ensearch_studies SET config = json_remove(config, '$.{key}')")
    connection.commit()
    connection.close()


def test_members_are_trained_once(store: Store, spec: str) -> None:
    trainer = Counting()
    changes = ONE_DEPTH | {"seeds": 1}
    search_in(store, spec, Limits(trials=10_000), train=trainer, changes=changes)
    assert len(trainer.keys) == len(set(trainer.keys))
    asked = sum(t.size for t in store.trials("one"))
    assert len(trainer.keys) < 0.7 * asked, "trials share their members along the diagonals"


def test_a_second_study_trains_only_what_is_missing(store: Store, spec: str) -> None:
    """Half the budget is the same ladder two rungs down: nothing at all is missing."""
    search_in(store, spec, Limits(trials=10_000), train=(first := Counting()), changes=ONE_DEPTH)
    half = ONE_DEPTH | {"budget": "1e6", "study": "half"}
    search_in(store, spec, Limits(trials=10_000), train=(second := Counting()), changes=half)
    new = {"budget": "1e6", "study": "more", "epochs": 2}
    search_in(store, spec, Limits(trials=5), train=(third := Counting()), changes=new)
    shared = len(store.evaluations("half"))
    assert shared > 20
    assert not set(first.keys) & set(second.keys)
    # Only the two rungs that the first ladder does not reach at the bottom can be new.
    bottom = 1e6 / 2 ** (5 / 2)
    for key in second.keys:
        assert store.members([key])[key].cost.macs <= bottom
    assert third.keys, "another schedule makes other members"


def rows(store: Store, name: str = "one") -> list[Evaluation]:
    return store.evaluations(name)


def history(store: Store, name: str = "one") -> list[tuple[object, ...]]:
    return [(t.number, t.state, t.network, t.size) for t in store.trials(name)]


# The shortest still stops at each member of ensembles of every size.
@pytest.mark.parametrize(
    ("every", "changes", "trials"), [(1, {}, 12), (3, TUNING, 15), (7, {}, 24)]
)
def test_an_interrupted_study_ends_as_an_uninterrupted_one(
    tmp_path: Path, spec: str, every: int, changes: dict[str, object], trials: int
) -> None:
    """Interrupted at each `every`-th member by an exception in the middle of the loop."""

    class Killed(Exception):  # noqa: N818
        pass

    with Store.open(f"sqlite:///{tmp_path}/whole.db", create=True) as whole:
        search_in(whole, spec, Limits(trials=trials), changes=changes)
        with Store.open(f"sqlite:///{tmp_path}/parts.db", create=True) as parts:
            count = itertools.count(1)

            @each
            def interrupted(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
                if next(count) % (every + 1) == 0:
                    raise Killed
                return train_one(job, report)

            starts = 0
            while True:
                starts += 1
                try:
                    how = {"train": interrupted, "changes": changes}
                    search_in(parts, spec, Limits(trials=trials), **how)
                    break
                except Killed:
                    assert starts < 200
            assert starts > 3
            assert history(parts) == history(whole)
            assert rows(parts) == rows(whole)


def test_an_interrupt_leaves_trials_for_the_next_run(store: Store, spec: str) -> None:
    looks = itertools.count()
    outcome = search_in(store, spec, Limits(trials=24), is_interrupted=lambda: next(looks) > 10)
    assert outcome.reason == "interrupted"
    assert 0 < outcome.done < 24
    assert outcome.waiting > 0
    outcome = search_in(store, spec, Limits(trials=24))
    assert (outcome.done, outcome.waiting) == (24, 0)


def test_a_failed_member_fails_its_trial_and_keeps_the_smaller_sizes(
    store: Store, spec: str
) -> None:
    """The third member of everything diverges: sizes 1 to 3 of four remain."""
    changes = FEW | {"seeds": 1}
    opened = study.open_study(configured(spec, **changes), store, Path("data"), "a CPU")
    thirds = {opened.members(c)[2].seed for c in opened.ladder.cells if c.size == 4}
    trainer = Counting(lambda job: "diverged" if job.member.seed in thirds else None)
    events: list[object] = []
    how: dict[str, object] = {"train": trainer, "on_event": events.append}
    outcome = search_in(store, spec, Limits(trials=10_000), changes=changes, **how)
    fours = sum(cell.size == 4 for cell in opened.ladder.cells)
    assert outcome.failed == fours
    failed = [t for t in store.trials("one") if t.state == "failed"]
    assert {t.reason for t in failed} == {"diverged"}
    assert max(e.size for e in store.evaluations("one")) == 3
    assert sum(isinstance(e, TrialFailed) for e in events) == fours
    assert any(isinstance(e, MemberFailed) and e.detail == "as asked" for e in events)
    # Divergence is remembered: another run of another study does not train those again.
    again = Counting()
    later: list[object] = []
    search_in(
        store,
        spec,
        Limits(trials=10_000),
        train=again,
        changes=changes | {"study": "two"},
        on_event=later.append,
    )
    assert again.keys == []
    said = [e.detail for e in later if isinstance(e, MemberFailed)]
    assert len(said) == fours
    assert all(detail.startswith("as asked (an earlier run's") for detail in said)


def test_trials_that_were_killed_are_tried_again_by_the_next_run(store: Store, spec: str) -> None:
    fatal = Counting(lambda job: "killed")
    outcome = search_in(store, spec, Limits(trials=3), train=fatal, changes=FEW)
    assert (outcome.done, outcome.failed) == (0, 3)
    assert store.trained_macs("one") == 0, "nothing was trained"
    trainer = Counting()
    outcome = search_in(store, spec, Limits(trials=10_000), train=trainer, changes=FEW)
    assert (outcome.reason, outcome.failed) == ("exhausted", 0)
    opened = study.open_study(configured(spec, **FEW), store, Path("data"), "a CPU")
    assert outcome.done == len(opened.ladder.cells)


def test_trials_that_were_killed_are_asked_for_no_more_often(store: Store, spec: str) -> None:
    search_in(store, spec, Limits(trials=3), train=Counting(lambda job: "killed"), changes=FEW)
    summary = store.study_summary("one")
    assert (summary.trials_over, summary.trials_failed, summary.trials_asked) == (0, 3, 3)
    for _ in range(3):
        outcome = search_in(store, spec, Limits(trials=3), changes=FEW)
        assert (outcome.done, outcome.failed) == (3, 0)
        summary = store.study_summary("one")
        assert (summary.trials_over, summary.trials_asked) == (3, 3)


def test_a_study_of_which_killed_trials_are_left_is_under_way(store: Store, spec: str) -> None:
    search_in(store, spec, Limits(trials=3), train=Counting(lambda job: "killed"), changes=FEW)
    outcome = search_in(store, spec, Limits(trials=3), changes=FEW, is_interrupted=lambda: True)
    assert outcome.reason == "interrupted"
    assert store.study_summary("one").searching


def test_a_trial_that_is_enqueued_where_nothing_is_untried_does_no_harm(
    store: Store, spec: str
) -> None:
    everything = Limits(trials=10_000)
    before = search_in(store, spec, everything, changes=FEW)
    optuna.load_study(study_name="one", storage=store.optuna_url).enqueue_trial({})
    trainer = Counting()
    after = search_in(store, spec, everything, train=trainer, changes=FEW)
    assert (after.reason, after.waiting) == ("exhausted", 0)
    assert after.done == before.done + 1
    assert trainer.keys == []


def test_an_optuna_study_of_somebody_else_is_left_alone(store: Store, spec: str) -> None:
    with store.creation_lock():
        theirs = optuna.create_study(
            storage=store.optuna_url, study_name="one", directions=["minimize", "minimize"]
        )
    with pytest.raises(StorageError) as raised:
        search_in(store, spec, Limits(trials=1), changes=FEW)
    assert raised.value.problem == "foreign_optuna_study"
    assert theirs.metric_names is None


def test_data_that_go_away_stop_the_run_and_keep_the_trials(store: Store, spec: str) -> None:
    trainer = Counting(lambda job: "unavailable" if len(trainer.keys) > 4 else None)
    with pytest.raises(UnavailableError, match="as asked"):
        search_in(store, spec, Limits(trials=8), train=trainer)
    outcome = search_in(store, spec, Limits(trials=8))
    assert (outcome.done, outcome.failed) == (8, 0)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_training_budget_counts_the_whole_study(store: Store, spec: str, seeds: int) -> None:
    changes = {"seeds": seeds}
    opened = study.open_study(configured(spec, **changes), store, Path("data"), "a CPU")
    whole = 3.0 * 2e6 * len(opened.dataset.y_train)
    limit = 4 * whole
    outcome = search_in(store, spec, Limits(trials=10_000, train_macs=limit), changes=changes)
    assert outcome.reason == "train budget"
    # The trial that passes the limit is finished; none costs more than a single network of the
    # budget, as often as it has seeds.
    assert limit <= store.trained_macs("one") <= limit + seeds * whole
    done = outcome.done
    outcome = search_in(store, spec, Limits(trials=10_000, train_macs=limit), changes=changes)
    assert (outcome.reason, outcome.done) == ("train budget", done)


def test_the_time_limit_stops_and_can_be_resumed(store: Store, spec: str) -> None:
    outcome = search_in(store, spec, Limits(trials=24, seconds=0.0))
    assert (outcome.reason, outcome.done) == ("time", 0)
    assert search_in(store, spec, Limits(trials=2)).done == 2


def test_another_configuration_under_the_name_is_refused_with_a_diff(
    store: Store, spec: str
) -> None:
    search_in(store, spec, Limits(trials=1))
    with pytest.raises(StorageError, match=r"schedule.epochs: stored 1, asked 2"):
        search_in(store, spec, Limits(trials=1), changes={"epochs": 2})
    with pytest.raises(StorageError, match=r"budget: stored 2000000.0, asked 5000000.0"):
        search_in(store, spec, Limits(trials=1), changes={"budget": "5e6"})


def test_other_images_under_the_same_name_are_refused(store: Store, tmp_path: Path) -> None:
    spec = write_dataset(tmp_path / "mine.npz", images=400)
    search_in(store, spec, Limits(trials=1))
    write_dataset(tmp_path / "mine.npz", images=402)
    with pytest.raises(StorageError, match=r"the images of npz:.*mine\.npz are others than those"):
        search_in(store, spec, Limits(trials=1))


def test_a_refusal_of_other_images_says_what_earlier_versions_read_otherwise(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = configured(write_dataset(tmp_path / "mine.npz", images=400))
    before = study.open_study(made, store, Path("data"), "a CPU").dataset
    now = dataclasses.replace(
        before, fingerprint="0" * 16, otherwise="left out 90 pictures (.jfif 90)"
    )
    monkeypatch.setattr(datasets, "load", lambda source: now)
    says = r"Earlier versions of ensearch left out 90 pictures \(\.jfif 90\) of these files"
    with pytest.raises(StorageError, match=says):
        study.open_study(made, store, Path("data"), "a CPU")


def test_a_study_under_way_is_not_driven_twice(store: Store, spec: str) -> None:
    search_in(store, spec, Limits(trials=1))
    lease = store.acquire_lease("one")
    with pytest.raises(StorageError, match="is being run by process"):
        search_in(store, spec, Limits(trials=2))
    assert search_in(store, spec, Limits(trials=2), take_over=True).done == 2
    with pytest.raises(StorageError):
        lease.renew()


@pytest.mark.parametrize(("seed", "differs"), [(0, False), (1, True)])
def test_of_two_first_runs_the_slower_takes_the_study_of_the_faster(
    store: Store, spec: str, monkeypatch: pytest.MonkeyPatch, seed: int, differs: bool
) -> None:
    build = study._ladder

    def overtaken(*args: Any) -> Ladder:
        monkeypatch.setattr(study, "_ladder", build)
        study.open_study(configured(spec, seed=seed), store, Path("data"), "a CPU")
        return dataclasses.replace(build(*args), timed="by the slower one")

    monkeypatch.setattr(study, "_ladder", overtaken)
    expected = pytest.raises(StorageError, match="seed: stored 1, asked 0")
    with expected if differs else contextlib.nullcontext():
        opened = study.open_study(configured(spec), store, Path("data"), "a CPU")
        assert opened.ladder.timed == ""
    assert store.study("one").config["seed"] == seed


def test_a_missing_file_is_named_and_trained_again_only_on_request(store: Store, spec: str) -> None:
    search_in(store, spec, Limits(trials=4))
    before = rows(store)
    lost = next(iter(store.evaluation_members("one").values()))[0]
    path = next(store.files.rglob(f"{lost}.val.npz"))
    path.unlink()
    for name in ("one", "two"):  # a study that shares the member needs it as well
        with pytest.raises(StorageError, match="are missing") as caught:
            search_in(store, spec, Limits(trials=5), changes={"study": name})
        assert (caught.value.problem, caught.value.facts) == ("files_missing", {"study": name})
    # An interruption while it is trained again forgets nothing.
    with pytest.raises(KeyboardInterrupt):
        search_in(store, spec, Limits(trials=4), train=interrupt, retrain_missing=True)
    assert lost in store.members([lost])
    trainer = Counting()
    search_in(store, spec, Limits(trials=4), train=trainer, retrain_missing=True)
    assert trainer.keys == [lost]
    assert path.exists()
    assert rows(store) == before


@each
def interrupt(job: MemberJob, report: Callable[[Update], None]) -> Trained | Failed:
    raise KeyboardInterrupt


def test_a_refused_driver_changes_nothing(store: Store, spec: str) -> None:
    search_in(store, spec, Limits(trials=2))
    store.acquire_lease("one")
    with pytest.raises(StorageError, match="is being run by process"):
        search_in(store, spec, Limits(trials=1))
    assert store.trials_asked("one") == 2


def test_a_study_was_asked_for_no_fewer_trials_than_are_over(store: Store, spec: str) -> None:
    search_in(store, spec, Limits(trials=2))
    search_in(store, spec, Limits(trials=1))
    assert store.trials_asked("one") == 2


def test_what_is_told_is_what_was_evaluated(store: Store, spec: str) -> None:
    events: list[object] = []
    search_in(store, spec, Limits(trials=6), on_event=events.append)
    done = [e for e in events if isinstance(e, TrialDone)]
    assert [e.told for e in done] == [1, 2, 3, 4, 5, 6]
    stored = {e.key for e in rows(store)}
    for event in done:
        assert event.evaluation.key in stored
        assert event.label == ensemble_label(
            event.evaluation.size, event.evaluation.architecture.label
        )
    everything = [e for e in events if isinstance(e, Evaluated)]
    assert len(everything) == 1 + 6  # what earlier runs have left, then after each trial
    assert everything[0].evaluations == ()
    assert {e.key for e in everything[-1].evaluations} == stored


def test_the_configuration_survives_the_way_through_the_store(store: Store, spec: str) -> None:
    asked = configured(spec, sampler="random", seed=3)
    study.open_study(asked, store, Path("data"), "a CPU")
    assert config.from_dict(store.study("one").config) == asked
