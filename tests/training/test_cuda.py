"""Training on a real GPU, each way forced. Skipped where there is none; see scripts/gpu_check.sh.

What the same paths ask of CUDA is tested without one in test_cuda_paths.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from ensearch import datasets, training
from ensearch.core import Architecture, Member, Schedule
from ensearch.datasets import Source
from ensearch.launch import Measured, MemberJob, Trained, Update, lockstep_key, processes
from ensearch.training import device, lean, loop, strategies
from ensearch.training.data import Images
from ensearch.training.device import reproducible
from ensearch.training.feed import Feed
from ensearch.training.lockstep import Lockstep
from ensearch.training.recording import RecordingFailedError
from ensearch.training.state import tensors
from ensearch.training.strategy import ALONE, Strategy, candidates, with_joined_norms
from tests.joined_norms import Shape, Sum, check
from tests.members import cuda

pytestmark = cuda

SOURCE = Source(spec="digits", data_dir=Path("unused"), limit_train=400)
SMALL = Architecture(family="wide_resnet", width=0.5, depth=10, resolution=8)
SHORT = Schedule(epochs=3, batch_size=64, peak_lr=0.02, crop=1)
WAYS = [*candidates("cuda", 2), *with_joined_norms("cuda", 2)]


def members_of(count: int, schedule: Schedule = SHORT) -> list[Member]:
    fingerprint = datasets.load(SOURCE).fingerprint
    return [
        Member(architecture=SMALL, schedule=schedule, dataset=fingerprint, seed=seed)
        for seed in range(count)
    ]


def images_of(members: Sequence[Member]) -> Images:
    return loop.images_of(jobs_of(members)[0])


def jobs_of(members: Sequence[Member], **changes: Any) -> list[MemberJob]:
    job = MemberJob(
        member=members[0], source=SOURCE, device="cuda", keep_weights=True, checkpoint=None
    )
    return [replace(job, member=member, **changes) for member in members]


def alone(members: Sequence[Member]) -> list[dict[str, torch.Tensor]]:
    """Tensors after an epoch, one after another and without a recording."""
    images, ended = images_of(members), []
    for member in members:
        state = loop.fresh(member, images, "cuda")
        loop.train_epoch(state, images, member, 0, "cuda")
        ended.append(tensors(state))
    return ended


def together(strategy: Strategy, members: Sequence[Member]) -> list[dict[str, torch.Tensor]]:
    """Tensors after an epoch by the strategy."""
    images, group = images_of(members), members[: strategy.chunk]
    states = [loop.fresh(member, images, "cuda") for member in group]
    lockstep = Lockstep(strategy, states, group, images)
    lockstep.run(states, group, 0)
    lockstep.copy_to(states)
    return [tensors(state) for state in states]


@contextmanager
def single_precision(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """No bfloat16 and no TensorFloat-32, which would hide what training together changes."""
    with (
        patch.context() as patched,
        torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
    ):
        for module in (device, lean):
            patched.setattr(module, "in_bfloat16", lambda device: False)
        yield


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
@pytest.mark.parametrize("strategy", WAYS, ids=lambda strategy: strategy.name)
def test_every_way_trains_the_members_that_train_alone(
    strategy: Strategy, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Muon's products are in bfloat16 on a GPU whatever the rest is in.
    near = 2e-3 if optimizer == "sgd" else 5e-2
    members = members_of(2, SHORT.changed(optimizer=optimizer, peak_lr=0.02))
    with reproducible("cuda"), single_precision(monkeypatch):
        ended, expected = together(strategy, members), alone(members)
    for one, other in zip(ended, expected, strict=False):
        for name, tensor in one.items():
            if name.startswith("model."):
                torch.testing.assert_close(tensor, other[name], rtol=near, atol=near, msg=name)


@pytest.mark.parametrize("strategy", WAYS, ids=lambda strategy: strategy.name)
def test_every_way_gives_the_same_bits_again(strategy: Strategy) -> None:
    members = members_of(2)
    with reproducible("cuda"):
        first, again = together(strategy, members), together(strategy, members)
    for one, other in zip(first, again, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_recorded_step_is_the_step_bit_for_bit() -> None:
    members = members_of(1)
    with reproducible("cuda"):
        (recorded,) = together(replace(ALONE, graph=True), members)
        (eager,) = alone(members)
    differing = [name for name in eager if not torch.equal(recorded[name], eager[name])]
    assert differing == []


def test_all_ways_can_be_measured() -> None:
    members = members_of(2)
    images = images_of(members)
    with reproducible("cuda"):
        states = [loop.fresh(member, images, "cuda") for member in members]
        measured = strategies.measure(states, members, images, count=10**9)
    assert measured.dropped == {}
    joined = {way.name for way in WAYS if way.joined} & set(measured.rates)
    assert len(joined) == 1, "the fastest one without is tried with joined norms"
    assert set(measured.rates) - joined == {ALONE.name, *(w.name for w in WAYS if not w.joined)}


# Channels of a member and of eight of WRN-16-1, and some that no tile has.
@pytest.mark.parametrize("shape", [(128, 16, 32), (128, 128, 32), (128, 512, 8), (33, 20, 7)])
@pytest.mark.parametrize("adds", get_args(Sum))
@pytest.mark.parametrize(("kind", "by"), [(torch.float32, 1e-5), (torch.bfloat16, 2**-7)])
def test_joined_norms_compute_what_the_layers_do(
    shape: Shape, adds: Sum, kind: torch.dtype, by: float
) -> None:
    torch.manual_seed(0)
    check(shape, adds, "cuda", kind, by)


def known(members: Sequence[Member], strategy: str) -> Measured:
    return Measured(
        lockstep_key=lockstep_key(members[0]),
        place=strategies.conditions("cuda", images_of(members)),
        members=len(members),
        strategy=strategy,
        rates={},
        dropped={},
    )


@pytest.mark.parametrize("strategy", [way.name for way in WAYS if way.chunk == 2 and way.graph])
def test_a_task_trains_by_the_way_that_was_the_fastest(strategy: str) -> None:
    members, updates = members_of(2), list[Update]()
    jobs = jobs_of(members, measured=(known(members, strategy),))
    training.train_members(tuple(jobs), updates.append)
    ended = [update for update in updates if isinstance(update, Trained)]
    assert [one.strategy for one in ended] == [strategy, strategy]
    assert all(one.losses[-1] < one.losses[0] for one in ended)


def test_groups_that_are_gone_leave_no_memory_behind() -> None:
    members, held = members_of(2), []
    with reproducible("cuda"):
        for _ in range(3):
            together(Strategy(kind="fused", chunk=2, graph=True), members)
            torch.cuda.empty_cache()
            held.append(torch.cuda.memory_allocated())
    assert held[1] == held[2]


def failing_recording() -> tuple[str, bool]:
    """In a process of its own: what is said, and whether the stream is the one before."""
    members = members_of(2)
    images, real = images_of(members), Feed.next

    def waiting(feed: Feed) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = real(feed)
        y.sum().item()
        return x, y

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Feed, "next", waiting)
        states = [loop.fresh(member, images, "cuda") for member in members]
        before = torch.cuda.current_stream()
        try:
            Lockstep(Strategy(kind="fused", chunk=2, graph=True), states, members, images)
        except RecordingFailedError as error:
            return str(error), torch.cuda.current_stream() == before
    return "nothing failed", False


def test_a_recording_that_fails_says_so_and_gives_the_stream_back() -> None:
    ((says, same),) = processes.call_each(failing_recording, [()], "cuda")
    assert "recording a step failed" in says
    assert same


def gpu_of_a_worker() -> tuple[str, int]:
    return torch.cuda.get_device_name(), torch.cuda.device_count()


def test_a_worker_sees_one_gpu() -> None:
    for name, count in processes.call_each(gpu_of_a_worker, [(), ()], "cuda"):
        assert name
        assert count == 1


def test_the_speed_of_a_plan_is_that_of_members_together() -> None:
    together_ = training.measure_speed(SMALL, (1, 10, 8), SHORT, "cuda", 1.0, 4, 1000)
    single = training.measure_speed(SMALL, (1, 10, 8), SHORT, "cuda", 1.0, 1, 1000)
    assert 0 < together_ < 2 * single
