"""Steps of few operations: the same numbers as steps that PyTorch takes layer by layer."""

from collections.abc import Sequence
from typing import get_args

import pytest
import torch
import torch.nn.functional as F

from ensearch.core import Architecture, Member, Schedule
from ensearch.training import fused, hardware, lean, loop
from ensearch.training.data import Images
from ensearch.training.lockstep import Lockstep
from ensearch.training.loss import losses
from ensearch.training.packs import Packed
from ensearch.training.state import State, tensors
from ensearch.training.strategy import Kind, Strategy

SMALL = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8)
SCHEDULE = Schedule(epochs=2, batch_size=8, peak_lr=0.05, flip=True, crop=1)

pytestmark = pytest.mark.usefixtures("exact")


def members_of(count: int) -> list[Member]:
    return [
        Member(architecture=SMALL, schedule=SCHEDULE, dataset="", seed=seed)
        for seed in range(count)
    ]


def after_an_epoch(
    kind: Kind, images: Images, count: int = 2, joined: bool = False
) -> list[dict[str, torch.Tensor]]:
    """The states of members after an epoch of two steps."""
    members = members_of(count)
    states = [loop.fresh(member, images, "cpu") for member in members]
    strategy = Strategy(kind=kind, chunk=count, graph=False, joined=joined)
    together = Lockstep(strategy, states, members, images)
    together.run(states, members, 0)
    together.copy_to(states)
    return [tensors(state) for state in states]


def assert_same(
    some: Sequence[dict[str, torch.Tensor]], others: Sequence[dict[str, torch.Tensor]], by: float
) -> None:
    for one, other in zip(some, others, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            torch.testing.assert_close(value, other[name], rtol=0, atol=by, msg=name)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_pytorch(smoothing: float) -> None:
    logits = torch.randn(6, 3, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.arange(18).view(6, 3) % 10
    each = losses(logits.requires_grad_(), y, smoothing)
    (gradient,) = torch.autograd.grad(each.sum(), logits)
    expected = torch.stack(
        [F.cross_entropy(logits[:, i], y[:, i], label_smoothing=smoothing) for i in range(3)]
    )
    torch.testing.assert_close(each, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.sum(), logits)[0])


def test_weights_converted_at_once_give_the_bits_of_weights_converted_one_by_one(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: True)
    for kind in ("fused", "branches"):
        at_once = after_an_epoch(kind, images)
        with monkeypatch.context() as patch:
            patch.setattr(lean, "_converted", lambda model: set())
            one_by_one = after_an_epoch(kind, images)
        assert_same(at_once, one_by_one, 0.0)


@pytest.mark.parametrize("count", [1, 2])
def test_every_kind_trains_the_members_that_train_alone(images: Images, count: int) -> None:
    members = members_of(count)
    alone = [loop.fresh(member, images, "cpu") for member in members]
    for state, member in zip(alone, members, strict=True):
        loop.train_epoch(state, images, member, 0, "cpu")
    for kind in get_args(Kind):
        assert_same(after_an_epoch(kind, images, count), [tensors(state) for state in alone], 1e-4)


@pytest.mark.parametrize("kind", ["fused", "packed", "branches"])
def test_joined_norms_train_the_same_members(images: Images, kind: Kind) -> None:
    """In every kind of module; their kernels are interpreted here."""
    pytest.importorskip("triton")
    assert_same(after_an_epoch(kind, images, joined=True), after_an_epoch(kind, images), 1e-5)


@pytest.mark.parametrize("joined", [False, True])
def test_norms_count_their_batches(images: Images, joined: bool) -> None:
    for state in after_an_epoch("fused", images, joined=joined):
        counts = [t for name, t in state.items() if name.endswith("num_batches_tracked")]
        assert len(counts) > 5
        assert all(count == 2 for count in counts)


def test_packs_hold_as_many_members_as_dense_kernels_gain(images: Images) -> None:
    members = members_of(4)
    states: list[State] = [loop.fresh(members[0], images, "cpu")] * 4
    together = Lockstep(Strategy(kind="packed", chunk=4, graph=False), states, members, images)
    packed = [m for m in together._parts[0].model.modules() if isinstance(m, Packed)]
    assert packed
    assert {m.pack for m in packed} == {4}
    assert all(m.groups == 4 for m in packed), "to Muon they are what fused ones are"


def test_copies_of_all_tensors_are_one_operation_for_each_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []
    real = torch._foreach_copy_

    def counted(targets: list[torch.Tensor], sources: list[torch.Tensor]) -> None:
        calls.append(len(targets))
        real(targets, sources)

    monkeypatch.setattr(torch, "_foreach_copy_", counted)
    wide = {"a": torch.zeros(4), "b": torch.zeros(2, 3), "n": torch.zeros((), dtype=torch.int64)}
    members = [
        {"a": torch.full((2,), i), "b": torch.full((1, 3), i), "n": torch.tensor(int(i))}
        for i in (1.0, 2.0)
    ]
    fused.gather(wide, members)
    assert calls == [4, 1]
    assert wide["a"].tolist() == [1, 1, 2, 2]
    assert wide["n"] == 1
    fused.scatter({name: 10 * tensor for name, tensor in wide.items()}, members)
    assert calls == [4, 1, 4, 2]
    assert members[1]["a"].tolist() == [20, 20]
    assert [int(member["n"]) for member in members] == [10, 10]
