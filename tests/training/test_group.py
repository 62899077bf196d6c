"""Tasks of several members: who trains with whom, and what happens when that goes wrong."""

import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ensearch import datasets, families, training
from ensearch.core import Architecture, Member, Schedule
from ensearch.datasets import Source
from ensearch.launch import (
    Failed,
    Measured,
    MemberJob,
    Parted,
    Progress,
    Trained,
    Update,
    WorkerSpentError,
    lockstep_key,
)
from ensearch.training import hardware, loop, strategies
from ensearch.training import strategy as ways
from ensearch.training.data import Images
from ensearch.training.feed import Feed
from ensearch.training.lockstep import Lockstep
from ensearch.training.state import State
from ensearch.training.strategy import Strategy

SOURCE = Source(spec="digits", data_dir=Path("unused"), limit_train=300)
SMALL = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8)
SHORT = Schedule(epochs=3, batch_size=64, peak_lr=0.02, crop=1)


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """No products in bfloat16, which would hide what training together changes."""
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: False)


def outcomes(updates: Sequence[Update]) -> list[Trained | Failed]:
    return [update for update in updates if isinstance(update, Trained | Failed)]


def run(jobs: Sequence[MemberJob]) -> list[Update]:
    updates: list[Update] = []
    training.train_members(tuple(jobs), updates.append)
    assert sorted(o.key for o in outcomes(updates)) == sorted(job.member.key for job in jobs)
    return updates


def trained(jobs: Sequence[MemberJob]) -> list[Trained]:
    """Outcomes in the order of the jobs."""
    found = {o.key: o for o in outcomes(run(jobs))}
    ended = [found[job.member.key] for job in jobs]
    assert all(isinstance(one, Trained) for one in ended), ended
    return [one for one in ended if isinstance(one, Trained)]


def alone(jobs: Sequence[MemberJob]) -> list[Trained]:
    return [_alone(job.member) for job in jobs]


@functools.cache
def _alone(member: Member) -> Trained:
    """Trained once for all tests: alone, nothing that they change about groups has a part in it."""
    return trained((job_of(member),))[0]


def job_of(member: Member) -> MemberJob:
    return MemberJob(member=member, source=SOURCE, device="cpu", keep_weights=True, checkpoint=None)


def bits(some: Sequence[Trained]) -> list[object]:
    return [(one.losses, one.weights, one.predictions[0].logits.tobytes()) for one in some]


def assert_close(some: Sequence[Trained], others: Sequence[Trained]) -> None:
    for one, other in zip(some, others, strict=True):
        assert one.losses == pytest.approx(other.losses, abs=1e-4)
        a, b = one.predictions[0].logits, other.predictions[0].logits
        np.testing.assert_allclose(a, b, atol=2e-2)


def known(job: MemberJob, count: int, strategy: str) -> Measured:
    images = loop.images_of(job)
    return Measured(
        lockstep_key=lockstep_key(job.member),
        place=strategies.conditions("cpu", images),
        members=count,
        strategy=strategy,
        rates={},
        dropped={},
    )


Jobs = Callable[..., list[MemberJob]]


@pytest.fixture
def jobs() -> Jobs:
    """Jobs of one network that are known to train in some strategy fastest."""

    def make(count: int, strategy: str | None = None, **changes: object) -> list[MemberJob]:
        member = Member(
            architecture=SMALL,
            schedule=SHORT,
            dataset=datasets.load(SOURCE).fingerprint,
            seed=0,
        )
        found = [
            job_of(replace(member, seed=seed, **changes))  # type: ignore[arg-type]
            for seed in range(count)
        ]
        if strategy is None:
            return found
        return [replace(job, measured=(known(job, count, strategy),)) for job in found]

    return make


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Notes (members, epoch) of every epoch in lockstep."""
    notes: list[tuple[int, int]] = []
    real = Lockstep.run

    def noted(
        self: Lockstep, states: Sequence[State], members: Sequence[Member], epoch: int
    ) -> list[float]:
        notes.append((len(members), epoch))
        return real(self, states, members, epoch)

    monkeypatch.setattr(Lockstep, "run", noted)
    return notes


ONCE = replace(SHORT, epochs=1)
MUON = SHORT.changed(optimizer="muon", peak_lr=0.02)


@pytest.mark.parametrize("schedule", [SHORT, MUON])
def test_members_of_a_task_are_those_trained_alone(
    jobs: Jobs, ran: list[tuple[int, int]], schedule: Schedule
) -> None:
    group = jobs(3, "3 fused", schedule=schedule)
    updates = run(group)
    assert ran == [(3, 0), (3, 1), (3, 2)]
    assert_close(
        [o for o in outcomes(updates) if isinstance(o, Trained)], alone(jobs(3, schedule=schedule))
    )
    progress = [(u.key, u.epoch, u.epochs) for u in updates if isinstance(u, Progress)]
    assert progress == [(j.member.key, e, 3) for e in (1, 2, 3) for j in group]


def test_the_same_task_in_the_same_way_gives_the_same_bits(jobs: Jobs) -> None:
    torch.manual_seed(1)
    first = trained(jobs(3, "3 fused"))
    torch.manual_seed(2)
    assert bits(trained(jobs(3, "3 fused"))) == bits(first)


def test_more_members_than_a_chunk_train_in_turns(jobs: Jobs, ran: list[tuple[int, int]]) -> None:
    together_ = trained(jobs(5, "2 fused"))
    assert [size for size, epoch in ran if epoch == 0] == [2, 2, 1]
    assert_close(together_, alone(jobs(5)))
    assert [one.strategy for one in together_] == 4 * ["2 fused"] + ["one after another"]


def test_one_after_another_is_bit_for_bit_alone(jobs: Jobs, ran: list[tuple[int, int]]) -> None:
    assert bits(trained(jobs(3, "one after another"))) == bits(alone(jobs(3)))
    assert ran == []


def test_plain_jobs_and_single_ones_train_alone(jobs: Jobs, ran: list[tuple[int, int]]) -> None:
    plain = [replace(job, plain=True) for job in jobs(2, "2 fused")]
    assert bits(trained(plain)) == bits(alone(jobs(2)))
    assert ran == []


def test_a_measurement_from_elsewhere_does_not_count(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def measured(
        states: list[State], members: list[Member], images: Images, known: Measured | None
    ) -> Measured:
        asked.append(len(members))
        return strategies.fastest(members, images, {}, {})

    monkeypatch.setattr(strategies, "measure", measured)
    good = known(jobs(1)[0], 2, "2 fused")
    for other in (
        replace(good, place="another GPU"),
        replace(good, lockstep_key="another network"),
        replace(good, members=3),
        replace(good, strategy="a strategy of another release"),
    ):
        run([replace(job, measured=(other,)) for job in jobs(2, schedule=ONCE)])
    assert asked == [2, 2, 2, 2]


# What is measured.


@pytest.mark.parametrize(("schedule", "how"), [(SHORT, ""), (MUON, " by muon")])
def test_a_choice_is_measured_reported_and_never_slower(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, schedule: Schedule, how: str
) -> None:
    monkeypatch.setattr(strategies, "_SHARE", math.inf)
    updates = run(jobs(2, schedule=schedule))
    (measured,) = (update for update in updates if isinstance(update, Measured))
    assert set(measured.rates) == {"one after another", "2 fused"}
    assert measured.dropped == {}
    assert (measured.members, measured.lockstep_key) == (
        2,
        f"wide_resnet-10-0.25@8 in batches of 64{how}",
    )
    assert measured.rates[measured.strategy] >= measured.rates["one after another"]


def test_without_time_to_measure_members_train_alone_and_nothing_is_remembered(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strategies, "_SHARE", 0.0)
    updates = run(jobs(2))
    assert not any(isinstance(update, Measured) for update in updates)
    assert bits([o for o in outcomes(updates) if isinstance(o, Trained)]) == bits(alone(jobs(2)))


@pytest.mark.parametrize(
    ("rates", "strategy"),
    [
        ({"one after another": 100.0, "2 fused": 104.0}, "one after another"),
        ({"one after another": 100.0, "2 fused": 106.0}, "2 fused"),
        ({"one after another": 100.0}, "one after another"),
        ({}, "one after another"),
        ({"one after another": 100.0, "2 fused": 90.0}, "one after another"),
    ],
)
def test_a_tie_is_one_after_another(jobs: Jobs, rates: dict[str, float], strategy: str) -> None:
    images = loop.images_of(jobs(1)[0])
    assert strategies.fastest([jobs(1)[0].member], images, rates, {}).strategy == strategy


def measured_with(job: MemberJob) -> Measured:
    images, members = loop.images_of(job), [replace(job.member, seed=seed) for seed in (0, 1)]
    states = [loop.fresh(member, images, "cpu") for member in members]
    with pytest.MonkeyPatch.context() as patch:
        # A busy machine may make any of them slow: none is given up for that, nor timed for long.
        patch.setattr(strategies, "_FAR", math.inf)
        patch.setattr(strategies, "_SECONDS", 0.0)
        return strategies.measure(states, members, images, count=10**9)


def test_a_way_that_raises_is_dropped_with_its_message(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Lockstep, *_: object) -> list[float]:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(Lockstep, "run", broken)
    measured = measured_with(jobs(1)[0])
    assert measured.strategy == "one after another"
    assert "operation not permitted when stream is capturing" in measured.dropped["2 fused"]
    assert "more" not in measured.dropped["2 fused"]


@pytest.mark.parametrize("schedule", [SHORT, MUON])
def test_a_way_that_computes_something_else_is_dropped(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, schedule: Schedule
) -> None:
    real = Feed.next

    def swapped(self: Feed) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = real(self)
        return x, y.flip(0)  # every image has the label of another

    monkeypatch.setattr(Feed, "next", swapped)
    measured = measured_with(jobs(1, schedule=schedule)[0])
    assert "changed otherwise than alone" in measured.dropped["2 fused"]
    assert measured.strategy == "one after another"


def test_networks_that_draw_random_numbers_or_mix_members_are_not_tried(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strategies, "_SHARE", math.inf)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 10))
    monkeypatch.setattr(families, "build", lambda *_: nn.Sequential(*map(_again, model)))
    assert measured_with(jobs(1)[0]).dropped.keys() == {"fused", "branches"}
    assert bits(trained(jobs(2))) == bits([trained((job,))[0] for job in jobs(2)])
    model[1] = nn.LayerNorm(64)
    dropped = measured_with(jobs(1)[0]).dropped
    assert dropped.keys() == {"fused"}
    assert "LayerNorm" in dropped["fused"]
    assert bits(trained(jobs(2))) == bits([trained((job,))[0] for job in jobs(2)])


def _again(module: nn.Module) -> nn.Module:
    """A fresh layer like it."""
    if isinstance(module, nn.Linear):
        return nn.Linear(module.in_features, module.out_features)
    return nn.LayerNorm(64) if isinstance(module, nn.LayerNorm) else type(module)()


def test_ways_have_names_that_lead_back_to_them() -> None:
    for device in ("cpu", "cuda"):
        for members in (1, 2, 3, 5, 8):
            found = ways.candidates(device, members)
            assert len({strategy.name for strategy in found}) == len(found)
            assert all(
                ways.by_name(strategy.name, device, members) == strategy for strategy in found
            )
            assert all(1 <= strategy.chunk <= members for strategy in found)
    assert [strategy.name for strategy in ways.candidates("cuda", 1)] == [
        "one after another, graph"
    ]
    assert ways.candidates("cpu", 1) == []
    assert ways.by_name("8 branches, graph", "cpu", 8) is None


# What goes wrong.


def test_a_member_that_diverges_leaves_the_others_as_they_are_without_it(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loop.fresh

    def fresh(member: Member, images: Images, device: str) -> State:
        state = real(member, images, device)
        if member.seed == 1:
            with torch.no_grad():
                next(state.model.parameters()).fill_(math.nan)
        return state

    monkeypatch.setattr(loop, "fresh", fresh)
    ended = {o.key: o for o in outcomes(run(jobs(3, "3 fused")))}
    (diseased,) = [j.member.key for j in jobs(3) if j.member.seed == 1]
    failure = ended.pop(diseased)
    assert isinstance(failure, Failed)
    assert failure == outcomes(run([jobs(3)[1]]))[0], "the same words as alone"
    assert failure.reason == "diverged"
    both = [replace(j, measured=(known(j, 2, "2 fused"),)) for j in (jobs(3)[0], jobs(3)[2])]
    healthy = [o for o in ended.values() if isinstance(o, Trained)]
    assert bits(healthy) == bits(trained(both))
    assert_close(healthy, alone(both))


def full(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device whose memory suffices for `most` members in lockstep."""
    real = Lockstep.__init__

    def init(
        self: Lockstep,
        strategy: Strategy,
        states: Sequence[State],
        members: Sequence[Member],
        images: Images,
    ) -> None:
        if len(states) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        real(self, strategy, states, members, images)

    monkeypatch.setattr(Lockstep, "__init__", init)


def test_a_group_too_large_for_the_memory_becomes_smaller_ones(
    jobs: Jobs, ran: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    full(2, monkeypatch)
    assert bits(trained(jobs(5, "5 fused"))) == bits(trained(jobs(5, "2 fused")))
    assert [size for size, epoch in ran if epoch == 0] == 2 * [2, 2, 1]


def test_where_not_even_one_fits_in_lockstep_members_train_alone(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    full(0, monkeypatch)
    updates = run(jobs(4, "4 fused"))
    assert bits([o for o in outcomes(updates) if isinstance(o, Trained)]) == bits(alone(jobs(4)))


@pytest.mark.parametrize(("number", "way"), [(3, "3 fused"), (4, "2 fused")])
def test_a_way_that_breaks_half_way_leaves_members_to_go_on_alone(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, number: int, way: str
) -> None:
    real = Lockstep.run

    def breaking(
        self: Lockstep, states: Sequence[State], members: Sequence[Member], epoch: int
    ) -> list[float]:
        if epoch == 2:
            raise RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")
        return real(self, states, members, epoch)

    monkeypatch.setattr(Lockstep, "run", breaking)
    updates = run(jobs(number, way))
    assert_close([o for o in outcomes(updates) if isinstance(o, Trained)], alone(jobs(number)))
    epochs = [u.epoch for u in updates if isinstance(u, Progress)]
    assert sorted(epochs) == number * [1] + number * [2] + number * [3]
    ways = {o.strategy for o in outcomes(updates) if isinstance(o, Trained)}
    assert ways == {f"{way} and then one after another"}
    # So that the next task of as many members does not try it again.
    (measured,) = (update for update in updates if isinstance(update, Measured))
    assert measured.members == number
    assert measured.strategy == "one after another"
    assert "EXECUTION_FAILED" in measured.dropped[way]


def test_a_gpu_that_stops_answering_ends_the_worker_and_rules_the_way_out(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(measured: Measured, broken: bool) -> None:
        raise strategies.DeviceLostError(measured, "the GPU stopped answering")

    monkeypatch.setattr(strategies, "check_device", lost)
    full(0, monkeypatch)
    updates: list[Update] = []
    with pytest.raises(WorkerSpentError, match="stopped answering"):
        training.train_members(tuple(jobs(3, "3 fused")), updates.append)
    (measured,) = updates
    assert isinstance(measured, Measured)
    assert measured.strategy == "one after another"
    assert "out of memory" in measured.dropped["3 fused"]


def test_a_defect_in_training_together_is_reported_and_members_train_alone(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*_: object, **__: object) -> Measured:
        raise TypeError("a defect\nwith details")

    monkeypatch.setattr(strategies, "measure", defective)
    first, *others = run(jobs(2))
    assert isinstance(first, Parted)
    assert (first.lockstep_key, first.members) == (lockstep_key(jobs(1)[0].member), 2)
    assert first.detail.startswith("TypeError: a defect (test_group.py, line ")
    assert bits([o for o in outcomes(others) if isinstance(o, Trained)]) == bits(alone(jobs(2)))


def test_a_member_that_trains_together_never_parts_without_a_reason(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strategies, "_SHARE", math.inf)  # that the last is measured
    once = functools.partial(jobs, schedule=ONCE)
    for group in (once(3, "3 fused"), once(3, "one after another"), once(1), once(2)):
        assert not any(isinstance(update, Parted) for update in run(group))


def test_data_that_have_gone_are_told_for_every_member(jobs: Jobs) -> None:
    updates = run(jobs(2, dataset="other data"))
    assert updates == outcomes(updates), "no other news than what every member says"
    ended = outcomes(updates)
    assert [o.reason for o in ended if isinstance(o, Failed)] == ["unavailable", "unavailable"]


def test_an_interrupt_is_not_an_outcome(jobs: Jobs) -> None:
    def interrupt(update: Update) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train_members(tuple(jobs(2, "2 fused")), interrupt)


# Checkpoints.


class Killed(BaseException):
    """Stands for SIGKILL: nothing in training catches it."""


@pytest.fixture
def checkpointed(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[MemberJob]:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    return [
        replace(job, checkpoint=tmp_path / f"{job.member.seed}.safetensors")
        for job in jobs(3, "3 fused")
    ]


def killed_in_epoch(epoch: int, group: Sequence[MemberJob]) -> None:
    def count(update: Update) -> None:
        if isinstance(update, Progress) and update.epoch == epoch:
            raise Killed

    with pytest.raises(Killed):
        training.train_members(tuple(group), count)


@pytest.mark.parametrize("schedule", [SHORT, MUON])
def test_killed_members_go_on_together_bit_for_bit(
    checkpointed: list[MemberJob], jobs: Jobs, ran: list[tuple[int, int]], schedule: Schedule
) -> None:
    group = jobs(3, "3 fused", schedule=schedule)
    whole = trained(group)
    paths = [job.checkpoint for job in checkpointed]
    checkpointed = [replace(j, checkpoint=p) for j, p in zip(group, paths, strict=True)]
    ran.clear()
    killed_in_epoch(3, checkpointed)
    assert bits(trained(checkpointed)) == bits(whole)
    assert ran == [(3, 0), (3, 1), (3, 2), (3, 2)]


def test_members_at_different_epochs_go_on_alone(
    checkpointed: list[MemberJob], jobs: Jobs, ran: list[tuple[int, int]]
) -> None:
    killed_in_epoch(3, checkpointed)
    assert checkpointed[1].checkpoint is not None
    checkpointed[1].checkpoint.unlink()
    ran.clear()
    ended = trained(checkpointed)
    assert ran == []
    assert bits(ended[1:2]) == bits(alone(jobs(3)[1:2]))
    assert_close(ended, alone(jobs(3)))


def test_members_that_had_finished_only_predict(
    checkpointed: list[MemberJob], ran: list[tuple[int, int]]
) -> None:
    first = trained(checkpointed)
    ran.clear()
    assert bits(trained(checkpointed)) == bits(first)
    assert ran == []


def test_the_time_of_a_group_is_shared_among_its_members(jobs: Jobs) -> None:
    began = time.perf_counter()
    ended = trained(jobs(4, "4 fused"))
    assert 0 < sum(one.seconds for one in ended) < time.perf_counter() - began
