"""The paths that training takes on a GPU, on one that is not there: see `tests/fake_gpu.py`.

What they compute is tested on a CPU (test_fused.py) and, where there is one, on a GPU
(test_cuda.py). Here: what they ask of CUDA, in which order, and what they do when it refuses.
"""

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from ensearch import families, training
from ensearch.core import Architecture, Member, Schedule
from ensearch.launch import (
    Failed,
    Measured,
    MemberJob,
    Update,
    WorkerSpentError,
    lockstep_key,
)
from ensearch.training import group, loop, norms, recording, strategies
from ensearch.training.data import Images
from ensearch.training.device import rate_on, reproducible
from ensearch.training.lockstep import Lockstep
from ensearch.training.prediction import predict
from ensearch.training.recording import RecordingFailedError
from ensearch.training.state import State
from ensearch.training.strategy import ALONE, Strategy, by_name, candidates, with_joined_norms
from tests.fake_gpu import GIB, Gpu, fake_gpu

SMALL = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8)
SCHEDULE = Schedule(epochs=2, batch_size=4, peak_lr=0.1, flip=True, crop=1)


def network(*_: object) -> nn.Module:
    """A network of every kind of layer, as small as it gets: tensors without contents are slow."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3, padding=1, bias=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    monkeypatch.setattr(families, "build", network)
    monkeypatch.setattr(norms, "prepare", lambda device: None)
    with fake_gpu() as fake:
        yield fake


def images_of(steps: int = 3) -> Images:
    count = 4 * steps
    return Images(
        x_train=torch.zeros(count, 8, 8, 3, dtype=torch.uint8, device="cuda"),
        y_train=torch.zeros(count, dtype=torch.int64, device="cuda"),
        to_predict={},
        mean=torch.zeros(3, device="cuda"),
        std=torch.ones(3, device="cuda"),
        classes=10,
    )


def members_of(count: int, schedule: Schedule = SCHEDULE) -> list[Member]:
    return [
        Member(architecture=SMALL, schedule=schedule, dataset="", seed=seed)
        for seed in range(count)
    ]


def states_of(members: Sequence[Member], images: Images) -> list[State]:
    return [loop.fresh(member, images, "cuda") for member in members]


def lockstep_of(strategy: Strategy, schedule: Schedule = SCHEDULE) -> tuple[Any, ...]:
    images, members = images_of(), members_of(strategy.chunk, schedule)
    states = states_of(members, images)
    return Lockstep(strategy, states, members, images), states, members


# What a recorded step asks of CUDA.


@pytest.mark.parametrize(
    "strategy",
    [*candidates("cuda", 2), *with_joined_norms("cuda", 2)],
    ids=lambda strategy: strategy.name,
)
def test_every_way_trains_an_epoch_and_waits_for_nothing_in_a_recording(
    gpu: Gpu, strategy: Strategy
) -> None:
    together, states, members = lockstep_of(strategy)
    assert gpu.recorded == strategy.graph
    done = len(gpu.steps_on)
    together.run(states, members, 0)
    assert gpu.replays == (3 if strategy.graph else 0)
    assert (len(gpu.steps_on) > done) != strategy.graph, "a recorded step needs no Python"
    together.copy_to(states)


def test_every_recipe_can_be_recorded(gpu: Gpu) -> None:
    schedule = SCHEDULE.changed(optimizer="muon", cutout=2, crop_scale=0.5)
    together, states, members = lockstep_of(Strategy(kind="fused", chunk=2, graph=True), schedule)
    together.run(states, members, 1)
    assert (gpu.recorded, gpu.replays) == (1, 3)


def test_members_that_learn_from_others_can_be_recorded(gpu: Gpu) -> None:
    images = images_of().taught(torch.full((12, 10), 0.1))
    assert images.targets is not None
    assert (images.targets.device.type, images.y_train.device.type) == ("cuda", "cuda")
    members = members_of(2)
    states = states_of(members, images)
    together = Lockstep(Strategy(kind="fused", chunk=2, graph=True), states, members, images)
    together.run(states, members, 0)
    assert (gpu.recorded, gpu.replays) == (1, 3)


def test_the_warm_up_runs_on_the_stream_of_the_recording(gpu: Gpu) -> None:
    """A gradient is added up on the stream where its weight was first used."""
    lockstep_of(Strategy(kind="fused", chunk=2, graph=True))
    streams = {id(stream) for stream, _ in gpu.steps_on}
    assert len(streams) == 1
    assert gpu.steps_on[0][0] is not gpu.streams[0]
    recorded = [recorded for _, recorded in gpu.steps_on]
    assert recorded == recording.WARM_UP * 2 * [False] + 2 * [True], "two groups of weights"


def test_branches_have_streams_of_their_own_that_the_recording_waits_for(gpu: Gpu) -> None:
    lockstep_of(Strategy(kind="branches", chunk=2, graph=True))
    used = [stream for stream, recorded in gpu.steps_on if recorded]
    first, second = dict.fromkeys(used)
    (recorded_on,) = (s for s in first.waited_for[-1:])
    assert recorded_on in second.waited_for
    assert recorded_on.waited_for[-2:] == [first, second]


def test_an_epoch_waits_as_often_however_many_steps_it_has(gpu: Gpu) -> None:
    """Alone and together: a step must not wait for the GPU, nor the GPU for Python."""
    waits = []
    for steps in (1, 2, 4):
        images, members = images_of(steps), members_of(2)
        states = states_of(members, images)
        gpu.learning = list(states[0].model.parameters())
        together = Lockstep(Strategy(kind="fused", chunk=2, graph=False), states, members, images)
        gpu.syncs.clear()
        loop.train_epoch(states[0], images, members[0], 0, "cuda")
        alone = len(gpu.syncs)
        together.run(states, members, 0)
        together.copy_to(states)
        waits.append((alone, len(gpu.syncs) - alone))
    assert waits[1] == waits[2], "the first time a table of labels is made"


# What goes wrong.


def test_a_recording_that_fails_leaves_the_stream_as_it_was(gpu: Gpu) -> None:
    gpu.fails = RuntimeError("CUDA error: operation failed due to a previous error\nmore lines")
    before = torch.cuda.current_stream()
    with pytest.raises(RecordingFailedError, match=r"due to a previous error$"):
        lockstep_of(Strategy(kind="fused", chunk=2, graph=True))
    assert torch.cuda.current_stream() is before


def test_memory_that_would_not_suffice_is_noticed_before_a_recording_begins(gpu: Gpu) -> None:
    gpu.free, gpu.peak = GIB, 2 * GIB
    with pytest.raises(torch.OutOfMemoryError, match=r"needs 2048 MiB.*1024 MiB are free"):
        lockstep_of(Strategy(kind="fused", chunk=2, graph=True))
    assert not any(recorded for _, recorded in gpu.steps_on)


def measured_of(**how: Any) -> Measured:
    images, members = images_of(), members_of(2)
    return strategies.measure(states_of(members, images), members, images, count=10**9, **how)


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the strategies that were measured, without training by them."""
    asked: list[str] = []

    def together(strategy: Strategy, *_: object) -> float:
        asked.append(strategy.name)
        if strategy.kind == "packed":
            raise RecordingFailedError("recording a step failed")
        return 200.0

    monkeypatch.setattr(strategies, "_together", together)
    monkeypatch.setattr(strategies, "_alone", lambda *_: (100.0, torch.zeros(1)))
    monkeypatch.setattr(strategies, "unfit", lambda *_: {})
    return asked


def test_a_failed_recording_ends_the_measurement_which_another_process_ends(
    gpu: Gpu, rates: list[str]
) -> None:
    with pytest.raises(strategies.DeviceLostError, match="2 packed, graph") as lost:
        measured_of()
    begun = lost.value.measured
    assert not begun.complete
    assert set(begun.rates) == {"one after another", "2 fused, graph", "2 fused NCHW, graph"}
    assert begun.strategy == "2 fused, graph"
    rates.clear()
    whole = measured_of(known=begun)
    assert rates == [
        "2 branches, graph",
        "one after another, graph",
        "2 fused",
        "2 fused, graph, joined norms",
    ]
    assert whole.complete
    assert whole.dropped.keys() == {"2 packed, graph"}
    assert whole.rates.keys() > begun.rates.keys()


def test_joined_norms_are_tried_where_the_training_is_long_enough_to_compile_them(
    gpu: Gpu, rates: list[str]
) -> None:
    """A tenth of a training is for measuring; compiling may take ten seconds of that."""
    images, members = images_of(), members_of(2)
    states, begun = (
        states_of(members, images),
        Measured(
            lockstep_key=lockstep_key(members[0]),
            place="",
            members=2,
            strategy="2 branches, graph",
            rates={"2 fused NCHW, graph": 400.0, "2 branches, graph": 300.0},
            dropped={"2 packed, graph": "slow"},
            complete=False,
        ),
    )
    # Images of two epochs of two members, 100 a second.
    for seconds, is_tried in ((9.0, False), (20.0, True)):
        rates.clear()
        count = round(10 * seconds * 100 / 4)
        measured = strategies.measure(states, members, images, known=begun, count=count)
        assert ("2 branches, graph, joined norms" in measured.rates) == is_tried
        assert rates == [
            "2 fused, graph",
            "one after another, graph",
            "2 fused",
            *(is_tried * ["2 branches, graph, joined norms"]),
        ]


def test_norms_whose_kernels_do_not_compile_are_dropped_with_the_reason_and_others_go_on(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(device: str) -> None:
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable")

    def together(strategy: Strategy, states: Any, members: Any, *_: object) -> float:
        lockstep_of(strategy)
        return 200.0

    monkeypatch.setattr(norms, "prepare", prepare)
    monkeypatch.setattr(strategies, "_together", together)
    monkeypatch.setattr(strategies, "_alone", lambda *_: (100.0, torch.zeros(1)))
    monkeypatch.setattr(strategies, "unfit", lambda *_: {})
    measured = measured_of()
    assert measured.complete
    assert measured.strategy == "2 fused, graph"
    assert measured.dropped.keys() == {"2 fused, graph, joined norms"}
    assert "C compiler" in measured.dropped["2 fused, graph, joined norms"]
    assert set(measured.rates) == {ALONE.name, *(way.name for way in candidates("cuda", 2))}


def test_a_strategy_with_joined_norms_is_known_by_its_name() -> None:
    for strategy in with_joined_norms("cuda", 8):
        assert by_name(strategy.name, "cuda", 8) == strategy
        assert by_name(strategy.name, "cpu", 8) is None
    names = [strategy.name for strategy in with_joined_norms("cuda", 1)]
    assert names == ["one after another, graph, joined norms"]


def test_a_gpu_that_does_not_answer_is_lost(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    images, members = images_of(), members_of(2)
    measured = strategies.fastest(members, images, {}, {"2 fused": "it broke"})
    strategies.check_device(measured)  # it answers
    gpu.dead = True
    with pytest.raises(
        strategies.DeviceLostError, match=r"illegal memory access.*2 fused: it broke"
    ):
        strategies.check_device(measured)


# Memory.


@pytest.mark.parametrize("joined", [False, True])
def test_a_group_that_nobody_uses_gives_its_memory_back_at_once(gpu: Gpu, joined: bool) -> None:
    gc.disable()
    try:
        together, _, _ = lockstep_of(Strategy(kind="fused", chunk=2, graph=False, joined=joined))
        step = together._steps[0]
        gone = [weakref.ref(one) for one in (together, step, step._forward, *step._gradients)]
        del together, step
        assert len(gone) > 4
        assert not any(one() is not None for one in gone)
    finally:
        gc.enable()


def test_nothing_of_a_failed_way_is_held_when_the_device_is_asked(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[torch.Tensor]] = []

    def failing(strategy: Strategy, *_: object) -> float:
        large = torch.zeros(8, device="cuda")
        held.append(weakref.ref(large))
        raise RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED")

    def asked(measured: Measured, broken: bool) -> None:
        assert held[-1]() is None
        answers.append(measured.dropped[next(reversed(measured.dropped))])

    answers: list[str] = []
    monkeypatch.setattr(strategies, "_together", failing)
    monkeypatch.setattr(strategies, "_alone", lambda *_: (100.0, torch.zeros(1)))
    monkeypatch.setattr(strategies, "unfit", lambda *_: {})
    monkeypatch.setattr(strategies, "check_device", asked)
    measured_of()
    assert len(answers) == len(candidates("cuda", 2))


# How it is measured.


def test_a_way_that_is_far_too_slow_is_measured_over_three_steps(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int | None] = []

    def advance(lockstep: Lockstep, count: int | None = None) -> int:
        steps.append(count)
        return count or 10

    monkeypatch.setattr(Lockstep, "advance", advance)
    monkeypatch.setattr(strategies, "_timed", lambda run, device: (1.0, run()))
    images, members = images_of(), members_of(2)
    rate = strategies._together(
        Strategy(kind="fused", chunk=2, graph=False),
        states_of(members, images),
        members,
        images,
        torch.ones(1),
        best=1000.0,
    )
    assert steps == [1, 3]
    assert rate == 3 * 2 * 4


def test_what_was_measured_names_the_gpu(gpu: Gpu) -> None:
    measured = strategies.fastest(members_of(1), images_of(), {ALONE.name: 1.0}, {})
    assert measured.place.startswith("NVIDIA H100 80GB HBM3, torch ")
    assert measured.lockstep_key == lockstep_key(members_of(1)[0])


# Bits.


def test_the_learning_rate_is_the_same_number_with_and_without_a_recording() -> None:
    assert rate_on("cpu", 0.1) == 0.1
    assert rate_on("cuda", 0.1) == float(torch.tensor(0.1, dtype=torch.float32)) != 0.1


def test_kernels_are_deterministic_on_a_gpu_and_the_process_is_left_as_it_was(gpu: Gpu) -> None:
    memory: Any = torch.utils.deterministic

    def now() -> tuple[bool, ...]:
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            memory.fill_uninitialized_memory,
            torch.backends.cudnn.deterministic,
        )

    before = now()
    with reproducible("cuda"):
        assert now() == (True, True, False, True)
    assert now() == before
    with reproducible("cpu"):
        assert now()[:3] == before[:3]


def test_predictions_multiply_in_single_precision(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Convolutions on a GPU round their factors to 10 bits unless that is forbidden."""
    seen: list[bool] = []
    images = images_of()
    (state,) = states_of(members_of(1), images)
    state.model.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    monkeypatch.setattr(torch.Tensor, "numpy", lambda tensor: tensor)
    predict(state.model, images.x_train, images, 4)
    assert seen == 3 * [False]
    assert torch.backends.cudnn.allow_tf32


def test_a_worker_without_a_gpu_says_so_for_every_member(
    job: MemberJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "gpu_problem", lambda: "it found none")
    updates: list[Update] = []
    training.train_members(2 * (replace(job, device="cuda"),), updates.append)
    assert [(u.reason, u.problem) for u in updates if isinstance(u, Failed)] == 2 * [
        ("unavailable", "no_cuda")
    ]


@pytest.mark.parametrize("plain", [True, False])
def test_a_member_after_which_the_gpu_is_dead_is_tried_once_more_elsewhere(
    job: MemberJob, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    failure = Failed(key=job.member.key, reason="error", detail="an illegal memory access")
    monkeypatch.setattr(group, "gpu_problem", lambda: None)
    monkeypatch.setattr(group, "_may_be_together", lambda jobs: False)
    monkeypatch.setattr(group, "train_alone", lambda *_: failure)
    monkeypatch.setattr(strategies, "trouble", lambda: "an illegal memory access")
    updates: list[Update] = []
    with pytest.raises(WorkerSpentError, match="stopped answering"):
        training.train_members((replace(job, device="cuda", plain=plain),), updates.append)
    assert updates == ([failure] if plain else [])
