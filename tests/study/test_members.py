"""The pool: how missing members are put into tasks, and what becomes of what comes back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ensearch import datasets
from ensearch.api.progress import line
from ensearch.core import Architecture, Member
from ensearch.errors import UnavailableError
from ensearch.launch import Failed, Measured, MemberJob, Parted, Trained, Update, lockstep_key
from ensearch.store import Store
from ensearch.study import config, study
from ensearch.study.events import Note, StrategyMeasured
from ensearch.study.members import SIDE_BY_SIDE, MemberQueue
from ensearch.study.options import RunOptions
from ensearch.units import flops
from tests.closed_form import train_one, write_dataset
from tests.searches import SPACE

WIDE = Architecture(family="wide_resnet", width=1.0, depth=10, resolution=8)
DEEP = Architecture(family="wide_resnet", width=1.0, depth=16, resolution=8)
SCHEDULE = datasets.schedule("npz:x.npz").changed(epochs=9)


class Tasks:
    """A launcher that keeps what it is given until it is told what comes back."""

    def __init__(self) -> None:
        self.slots = 1
        self.tasks: list[tuple[MemberJob, ...]] = []
        self.updates: list[Update] = []

    def submit(self, jobs: tuple[MemberJob, ...]) -> None:
        self.tasks.append(jobs)

    def wait(self, timeout: float) -> list[Update]:
        updates, self.updates = self.updates, []
        return updates

    def close(self) -> None:
        pass

    def train(self) -> None:
        """Let all tasks end well."""
        for jobs in self.tasks:
            self.updates += [train_one(job, lambda update: None) for job in jobs]
        self.tasks = []


@pytest.fixture
def opened(store: Store, tmp_path: Path) -> study.Study:
    spec = write_dataset(tmp_path / "two.npz", images=400)
    settings: dict[str, Any] = {
        "budget": "2e6",
        "dataset": spec,
        "space": SPACE,
        "study": "one",
        "epochs": 1,
    }
    return study.open_study(config.resolve(RunOptions(**settings)), store, Path("data"), "a GPU")


def pool_of(opened: study.Study, store: Store, device: str = "cuda", **how: object) -> MemberQueue:
    return MemberQueue(
        study=opened,
        store=store,
        launcher=Tasks(),
        device=device,
        keep_weights=True,
        retrain_missing=False,
        on_event=lambda event: None,
        **how,  # type: ignore[arg-type]
    )


def tasks(pool: MemberQueue) -> Tasks:
    assert isinstance(pool.launcher, Tasks)
    return pool.launcher


def members(opened: study.Study, count: int, shape: Architecture = WIDE) -> list[Member]:
    return [
        Member(
            architecture=shape,
            schedule=opened.config.schedule,
            dataset=opened.dataset.fingerprint,
            seed=seed,
        )
        for seed in range(count)
    ]


def seeds(pool: MemberQueue) -> list[list[int]]:
    return [[job.member.seed for job in jobs] for jobs in tasks(pool).tasks]


def test_on_a_gpu_members_of_one_network_are_one_task_up_to_a_limit(
    opened: study.Study, store: Store
) -> None:
    pool = pool_of(opened, store)
    wide, deep = members(opened, SIDE_BY_SIDE + 2), members(opened, 3, DEEP)
    longer = SCHEDULE.changed(epochs=2)
    other = Member(architecture=WIDE, schedule=longer, dataset=wide[0].dataset, seed=0)
    pool.require([wide[0], deep[0], other, *wide[1:], *deep[1:]])
    first = list(range(SIDE_BY_SIDE))
    assert seeds(pool) == [first, [SIDE_BY_SIDE, SIDE_BY_SIDE + 1], [0, 1, 2], [0]]
    for jobs in tasks(pool).tasks:
        assert len({(job.member.architecture, job.member.schedule) for job in jobs}) == 1
    # Those under way are not asked for twice.
    pool.require(wide)
    assert len(tasks(pool).tasks) == 4


def test_on_a_cpu_every_member_is_a_task_of_its_own(opened: study.Study, store: Store) -> None:
    pool = pool_of(opened, store, device="cpu")
    pool.require(members(opened, 3))
    assert seeds(pool) == [[0], [1], [2]]


def test_members_that_only_predict_go_alone(opened: study.Study, store: Store) -> None:
    pool = pool_of(opened, store)
    pool.require(members(opened, 2))
    tasks(pool).train()
    pool.collect(0)
    later = pool_of(opened, store)
    later.require(members(opened, 4), splits=("val", "test"))
    assert seeds(later) == [[0], [1], [2, 3]]
    assert [jobs[0].weights is not None for jobs in tasks(later).tasks] == [True, True, False]
    (first,) = members(opened, 1)
    assert later.committed == 2 * opened.train_macs(first.architecture, first.schedule)


def test_what_a_group_costs_is_counted_member_by_member(opened: study.Study, store: Store) -> None:
    pool, wanted = pool_of(opened, store), members(opened, 4)
    one = opened.train_macs(wanted[0].architecture, wanted[0].schedule)
    pool.require(wanted)
    assert (pool.spent, pool.committed) == (0, 4 * one)
    (jobs,) = tasks(pool).tasks
    tasks(pool).updates = [
        train_one(jobs[0], lambda update: None),
        Failed(key=wanted[1].key, reason="diverged", detail="as asked"),
    ]
    pool.collect(0)
    assert (pool.spent, pool.committed) == (one, 2 * one)
    keys = [member.key for member in wanted]
    assert pool.outcomes(keys[:2]) == ["", "diverged"]
    assert pool.outcomes(keys) is None
    assert sorted(store.members([m.key for m in wanted])) == sorted(m.key for m in wanted[:2])


def test_what_came_beside_news_of_lost_data_is_kept(opened: study.Study, store: Store) -> None:
    pool, wanted = pool_of(opened, store), members(opened, 2)
    pool.require(wanted)
    (jobs,) = tasks(pool).tasks
    tasks(pool).updates = [
        Failed(
            key=wanted[0].key,
            reason="unavailable",
            detail="the disk has gone",
            problem="gone",
            facts={"disk": "b"},
        ),
        train_one(jobs[1], lambda update: None),
    ]
    with pytest.raises(UnavailableError, match="the disk has gone") as caught:
        pool.collect(0)
    assert (caught.value.problem, caught.value.facts) == ("gone", {"disk": "b"})
    assert list(store.members([m.key for m in wanted])) == [wanted[1].key]


def test_checkpoints_are_discarded_for_those_that_have_ended(
    opened: study.Study, store: Store
) -> None:
    pool, wanted = pool_of(opened, store), members(opened, 3)
    paths = [store.checkpoint_path(member.key) for member in wanted]
    pool.require(wanted)
    (jobs,) = tasks(pool).tasks
    for path in paths:
        path.write_bytes(b"state")
    outcome = train_one(jobs[0], lambda update: None)
    assert isinstance(outcome, Trained)
    tasks(pool).updates = [outcome, Failed(key=wanted[1].key, reason="killed", detail="as asked")]
    pool.collect(0)
    assert [path.exists() for path in paths] == [False, True, True]


def measured(strategy: str, place: str = "a GPU", members: int = 2) -> Measured:
    return Measured(
        lockstep_key=lockstep_key(Member(architecture=WIDE, schedule=SCHEDULE, dataset="", seed=0)),
        place=place,
        members=members,
        strategy=strategy,
        rates={"one after another": 100.0, strategy: 250.0},
        dropped={"8 fused": "out of memory"},
    )


def test_what_was_measured_is_remembered_for_every_study_and_goes_out_with_tasks(
    opened: study.Study, store: Store, url: str
) -> None:
    events: list[object] = []
    pool = pool_of(opened, store)
    pool.on_event = events.append
    pool.require(members(opened, 2))
    assert [job.measured for job in tasks(pool).tasks[0]] == [(), ()]
    old, other = measured("2 fused"), measured("2 fused", "a CPU")
    new = replace(measured("2 branches"), complete=False)
    tasks(pool).updates = [old, other, measured("4 fused", members=4), new]
    pool.collect(0)
    assert [e.strategy for e in events if isinstance(e, StrategyMeasured)][-1] == "2 branches"
    with Store.open(url, create=False) as again:
        later = pool_of(opened, again)
        later.require([*members(opened, 3), *members(opened, 1, DEEP)])
        wide, deep = tasks(later).tasks
    assert {m.strategy for m in wide[0].measured} == {"2 fused", "4 fused", "2 branches"}
    assert new in wide[0].measured
    assert other in wide[0].measured
    assert old not in wide[0].measured
    assert all(job.measured == wide[0].measured for job in wide)
    assert deep[0].measured == ()


def test_the_strategy_is_said_in_a_line() -> None:
    said = line(
        StrategyMeasured(
            network="wide_resnet-16-1@32 in batches of 128",
            members=8,
            strategy="8 fused, graph",
            rates={"one after another": 100.0, "8 fused, graph": 820.0},
            dropped={"8 branches, graph": "RuntimeError: no"},
        ),
        1,
        flops(1),
    )
    assert said is not None
    assert "8 members of wide_resnet-16-1@32 in batches of 128 train 8 fused, graph" in said
    assert "8.2 times" in said
    assert "not 8 branches, graph: RuntimeError: no" in said


def test_members_that_train_alone_after_all_are_told_with_the_reason(
    opened: study.Study, store: Store
) -> None:
    events: list[object] = []
    pool = pool_of(opened, store)
    pool.on_event = events.append
    tasks(pool).updates = [Parted(lockstep_key="net", members=3, detail="RuntimeError: no")]
    pool.collect(0)
    says = "3 members of net train one after another, not side by side: RuntimeError: no"
    assert events == [Note(text=says)]
