"""Fused networks: the same members as alone, whatever is fused; and what must not be."""

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ensearch import families
from ensearch.core import Architecture, Member, Schedule
from ensearch.schedule import OPTIMIZERS
from ensearch.training import fused, loop, optimizer
from ensearch.training.data import Images
from ensearch.training.device import prepared
from ensearch.training.lockstep import Lockstep
from ensearch.training.prediction import predict
from ensearch.training.state import State, tensors
from ensearch.training.strategy import Strategy
from tests.networks import NAMES, architecture, built

# Of these one step at a small rate is compared. Their many norms, over the 8 values that pictures
# of the smallest size leave in the last stages, magnify a weight's last digit to 5e-6 within five.
GENTLE = ("efficientnet", "timm:test_efficientnet")
UNFUSED = ("vit",)
RICH = Schedule(epochs=4, batch_size=8, peak_lr=0.1, flip=True, crop=2, cutout=4, crop_scale=0.5)
# Two epochs of two steps: of all that is done in a step, at its first time and from what it left.
TWICE = replace(RICH, epochs=2)

pytestmark = pytest.mark.usefixtures("exact")


def small(name: str) -> Architecture:
    """A network of the family on the smallest images that it takes: float64 is slow."""
    return replace(architecture(name), resolution=families.get(name).MIN_RESOLUTION)


def images_of(resolution: int, dtype: torch.dtype, steps: int) -> Images:
    generator = torch.Generator().manual_seed(0)
    channels = 3
    shape = (steps * RICH.batch_size + 3, resolution, resolution, channels)
    x = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return Images(
        x_train=x,
        y_train=torch.arange(len(x)) % 7,
        to_predict={"val": x},
        mean=torch.full((channels,), 120.0, dtype=dtype),
        std=torch.full((channels,), 60.0, dtype=dtype),
        classes=7,
    )


def members_of(one: Architecture, count: int, schedule: Schedule = RICH) -> list[Member]:
    return [
        Member(architecture=one, schedule=schedule, dataset="pictures", seed=seed)
        for seed in range(count)
    ]


def state_of(model: nn.Module, dtype: torch.dtype, schedule: Schedule = RICH) -> State:
    model = model.to(dtype).to(memory_format=torch.channels_last)
    if dtype == torch.float32:  # as members train; its layers for CPUs compute in no other type
        model = prepared(model, "cpu")
    return State(model=model, optimizer=optimizer.make(model, schedule))


def trained_alone(states: Sequence[State], members: Sequence[Member], images: Images) -> None:
    for state, member in zip(states, members, strict=True):
        for epoch in range(member.schedule.epochs):
            loop.train_epoch(state, images, member, epoch, "cpu")


def trained_together(
    kind: str, states: Sequence[State], members: Sequence[Member], images: Images
) -> None:
    strategy = Strategy(kind=kind, chunk=len(members), graph=False)  # type: ignore[arg-type]
    lockstep = Lockstep(strategy, states, members, images)
    for epoch in range(members[0].schedule.epochs):
        lockstep.run(states, members, epoch)
        lockstep.copy_to(states)


def difference(one: State, other: State) -> float:
    """The largest of weights, momentum and running statistics."""
    pairs = zip(tensors(one).values(), tensors(other).values(), strict=True)
    return max(float((a.double() - b.double()).abs().max()) for a, b in pairs)


def compared(
    make: Callable[[int], nn.Module],
    one: Architecture,
    dtype: torch.dtype,
    kind: str = "fused",
    schedule: Schedule = RICH,
    steps: int = 5,
    reads_at: int | None = None,
) -> float:
    """How far three members trained alone end from those trained together; usually 20 steps."""
    images, members = images_of(one.resolution, dtype, steps), members_of(one, 3, schedule)
    images = replace(images, reads_at=reads_at)
    alone, together = ([state_of(make(m.seed), dtype, schedule) for m in members] for _ in range(2))
    trained_alone(alone, members, images)
    trained_together(kind, together, members, images)
    assert difference(alone[0], alone[1]) > 1e-3, "members of different seeds"
    for a, b in zip(alone, together, strict=True):
        # float16, as they are stored: at most the last bit may differ.
        logits = [predict(s.model, images.to_predict["val"], images, 8) for s in (a, b)]
        np.testing.assert_allclose(logits[0], logits[1], rtol=2e-3, atol=2e-3)
    return max(difference(a, b) for a, b in zip(alone, together, strict=True))


# Every family.


def how(name: str, by: str = "sgd", schedule: Schedule = TWICE) -> dict[str, Any]:
    """How long and fast a family's members train to be compared."""
    schedule = schedule if by == "sgd" else schedule.changed(optimizer=by, peak_lr=0.05)
    gentle = {"schedule": replace(schedule, epochs=1, peak_lr=1e-3), "steps": 1}
    return gentle if name in GENTLE else {"schedule": schedule, "steps": 2}


@pytest.mark.parametrize("name", NAMES)
def test_a_family_is_fused_or_says_why_not(name: str) -> None:
    one = small(name)
    problem = fused.problem(built(one, seed=0), 3, one.resolution)
    assert (problem is None) == (name not in UNFUSED)


@pytest.mark.parametrize("by", OPTIMIZERS)
@pytest.mark.parametrize("name", NAMES)
def test_fused_members_are_those_trained_alone(name: str, by: str) -> None:
    one = small(name)
    if name in UNFUSED:
        pytest.skip(f"{name} trains one after another")
    assert compared(lambda seed: built(one, seed), one, torch.float64, **how(name, by)) < 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_in_single_precision_they_are_the_same_to_rounding(name: str) -> None:
    one = small(name)
    if name in UNFUSED:
        pytest.skip(f"{name} trains one after another")
    # 8 steps: in 20 a ReLU within rounding of zero may take the other side, as it did for one of
    # 18 Wide ResNets on a CPU with AVX2, and then the two part. The others ended within 1.5e-6.
    eight = how(name, schedule=RICH)
    assert compared(lambda seed: built(one, seed), one, torch.float32, **eight) < 1e-4


@pytest.mark.parametrize("by", OPTIMIZERS)
@pytest.mark.parametrize("name", NAMES)
def test_branches_are_bit_for_bit_those_trained_alone(name: str, by: str) -> None:
    one = small(name)
    same = {"kind": "branches"} | how(name, by)
    assert compared(lambda seed: built(one, seed), one, torch.float32, **same) == 0


@pytest.mark.parametrize(("kind", "most"), [("fused", 1e-9), ("branches", 0.0)])
@pytest.mark.parametrize("reads_at", [12, 24])
def test_members_that_read_resized_images_are_those_trained_alone(
    kind: str, most: float, reads_at: int
) -> None:
    one = replace(small("wide_resnet"), resolution=16)
    how: dict[str, Any] = {"kind": kind, "schedule": TWICE, "steps": 2, "reads_at": reads_at}
    off = compared(lambda seed: built(one, seed), one, torch.float64, **how)
    assert off <= most


# What fuse does with layers.


def test_what_is_fused_comes_apart_bit_for_bit() -> None:
    one = small("wide_resnet")
    states = [state_of(built(one, seed), torch.float32) for seed in range(3)]
    for state in states:
        for momentum in state.optimizer.state.values():
            momentum["momentum_buffer"].normal_()
    model = fused.fuse(states[0].model, 3)
    wide = State(model=model, optimizer=optimizer.make(model, RICH))
    empty = [state_of(built(one, seed + 3), torch.float32) for seed in range(3)]
    fused.gather(tensors(wide), [tensors(state) for state in states])
    fused.scatter(tensors(wide), [tensors(state) for state in empty])
    assert [difference(a, b) for a, b in zip(states, empty, strict=True)] == [0, 0, 0]


@pytest.mark.parametrize("by", OPTIMIZERS)
def test_the_same_numbers_decay_as_alone(by: str) -> None:
    model, schedule = built(small("wide_resnet"), seed=0), RICH.changed(optimizer=by)
    groups = [optimizer.make(net, schedule).param_groups for net in (model, fused.fuse(model, 3))]
    for alone, wide in zip(*groups, strict=True):
        assert alone["weight_decay"] == wide["weight_decay"]
        assert [3 * p.numel() for p in alone["params"]] == [p.numel() for p in wide["params"]]


class Toy(nn.Module):
    """A convolution, a layer in between, and a head."""

    def __init__(
        self, between: nn.Module, mixes: Callable[..., torch.Tensor] | None = None
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.between = between
        self.mixes = mixes
        self.head = nn.Linear(8, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.between(self.conv(x))
        x = x if self.mixes is None else self.mixes(x, self.training)
        out: torch.Tensor = self.head(x.mean(dim=(2, 3)))
        return out


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


class Mine(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).flip(1)


def tied() -> nn.Module:
    toy = Toy(nn.Conv2d(8, 8, 1))
    assert isinstance(toy.between, nn.Conv2d)
    second = nn.Conv2d(8, 8, 1)
    second.weight = toy.between.weight
    toy.between = nn.Sequential(toy.between, second)
    return toy


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Toy(nn.LayerNorm(6)), "LayerNorm 'between'"),
        (Toy(nn.Sequential(nn.ReLU(), Scale())), "Scale 'between.1'"),
        (Toy(Mine(6, 6)), "Mine 'between'"),
        (Toy(nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 1))), "between"),
        (tied(), "two places"),
        (Toy(nn.ReLU(), lambda x, training: x - x.mean(1, keepdim=True)), "mixes channels"),
        (Toy(nn.ReLU(), lambda x, training: x.softmax(1) if training else x), "mixes channels"),
        (Toy(nn.ReLU(), lambda x, training: x if training else x.roll(1, 1)), "mixes channels"),
        (Toy(nn.ReLU(), lambda x, training: x.view(-1, 8, 6, 6)), "mixes channels|does not work"),
        (Toy(nn.ReLU(), lambda x, training: x + x.new_zeros(8, 6, 6)), "does not work"),
        (Toy(nn.Identity(), lambda x, training: x[:, :8]), "does not work|outputs of shape"),
    ],
)
def test_what_cannot_be_fused_says_why(model: nn.Module, says: str) -> None:
    problem = fused.problem(model, 3, 8)
    assert problem is not None
    assert re.search(says, problem), problem


def test_a_branch_that_starts_at_zero_does_not_hide_that_it_mixes() -> None:
    class Hidden(Toy):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            x = x + self.between(x.roll(1, 1))
            out: torch.Tensor = self.head(x.mean(dim=(2, 3)))
            return out

    model = Hidden(nn.BatchNorm2d(8))
    nn.init.zeros_(model.between.weight)  # type: ignore[arg-type]
    assert "mixes channels" in str(fused.problem(model, 3, 8))


@pytest.mark.parametrize(
    "between",
    [
        nn.Sequential(nn.Conv2d(8, 8, 3, groups=4), nn.BatchNorm2d(8), nn.SiLU()),
        nn.Sequential(nn.BatchNorm2d(8, affine=False), nn.AvgPool2d(2), nn.Conv2d(8, 8, 1)),
        nn.BatchNorm2d(8, track_running_stats=False),
        nn.BatchNorm2d(8, momentum=None),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular", bias=False),
    ],
)
def test_layers_that_keep_members_apart_are_fused(between: nn.Module) -> None:
    one = replace(small("wide_resnet"), resolution=8)

    def make(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        toy = Toy(copy.deepcopy(between))
        for parameter in toy.parameters():
            nn.init.uniform_(parameter, -0.3, 0.3)
        return toy

    assert fused.problem(make(0), 3, 8) is None
    assert compared(make, one, torch.float64) < 1e-9


def test_random_numbers_in_a_forward_pass_are_noticed() -> None:
    assert fused.draws_random(Toy(nn.Dropout(0.1)), 3, 8)
    assert fused.draws_random(Toy(nn.ReLU(), lambda x, training: x + torch.randn(1)), 3, 8)
    assert not fused.draws_random(Toy(nn.Dropout(0)), 3, 8)


def test_looking_at_a_model_leaves_it_and_its_statistics_alone() -> None:
    model = built(small("wide_resnet"), seed=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert fused.problem(model, 3, 8) is None
    assert not fused.draws_random(model, 3, 8)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


# Networks that others wrote.


def test_an_efficientnet_is_fused() -> None:
    timm = pytest.importorskip("timm")
    assert fused.problem(timm.create_model("efficientnet_lite0", num_classes=7), 3, 16) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("vit_tiny_patch16_224", "VisionTransformer holds weights"),
        ("convnext_atto", "LayerNorm2d"),
        ("densenet121", "mixes channels"),
    ],
)
def test_other_networks_say_why_not(name: str, says: str) -> None:
    timm = pytest.importorskip("timm")
    how = {"img_size": 32} if name.startswith("vit") else {}
    assert says in str(fused.problem(timm.create_model(name, num_classes=7, **how), 3, 32))
