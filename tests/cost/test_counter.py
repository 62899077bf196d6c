"""Costs against published counts, and the width solver against exhaustive search."""

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from ensearch import cost, families
from ensearch.core import Architecture, Cost, Range, Schedule
from ensearch.errors import UsageError
from ensearch.families import vit
from tests.networks import NAMES, SIZED
from tests.networks import architecture as example


def wrn(depth: int, width: float, resolution: int = 32) -> Architecture:
    return Architecture(family="wide_resnet", width=width, depth=depth, resolution=resolution)


# Parameters and multiply-adds of WRN-n-k on CIFAR-10, 32 x 32. Public counts of WRN-16-10,
# 28-10 (imgclsmob), 16-8 and 28-10 (Divide and Co-training) agree with these to their last digit.
WIDE_RESNETS = [
    (10, 1, 77_850, 12_501_632),
    (10, 2, 303_706, 44_483_840),
    (10, 4, 1_198_810, 166_119_936),
    (16, 1, 175_066, 26_657_408),
    (16, 2, 691_674, 101_106_944),
    (16, 4, 2_748_890, 392_612_352),
    (16, 8, 10_961_370, 1_548_145_664),
    (16, 10, 17_116_634, 2_412_173_568),
    (28, 2, 1_467_610, 214_353_152),
    (28, 4, 5_849_050, 845_597_184),
    (28, 8, 23_354_842, 3_360_084_992),
    (28, 10, 36_479_194, 5_243_328_768),
    (28, 12, 52_517_850, 7_543_905_792),
    (40, 1, 563_930, 83_280_512),
    (40, 2, 2_243_546, 327_599_360),
]


@pytest.mark.parametrize(("depth", "width", "params", "macs"), WIDE_RESNETS)
def test_wide_resnet_costs_what_the_literature_says(
    depth: int, width: float, params: int, macs: int
) -> None:
    assert cost.count(wrn(depth, width), 3, 10) == Cost(macs=macs, params=params)


def test_a_hundred_classes_add_only_the_head() -> None:
    ten, hundred = (cost.count(wrn(28, 10), 3, classes) for classes in (10, 100))
    assert hundred.params - ten.params == 640 * 90 + 90
    assert hundred.macs - ten.macs == 640 * 90


def test_matched_cost_ladder_of_28_layers() -> None:
    """1 x 28-10, 2 x 28-7, 4 x 28-5 and 6 x 28-4 cost the same within 4 %."""
    costs = [cost.count(wrn(28, k), 3, 10).times(m) for m, k in ((1, 10), (2, 7), (4, 5), (6, 4))]
    assert [round(c.macs / 1e9, 3) for c in costs] == [5.243, 5.150, 5.271, 5.074]
    assert [round(c.params / 1e6, 2) for c in costs] == [36.48, 35.77, 36.53, 35.09]


# Parameters and multiply-adds by network: He et al. 2016 (their table 6 has 0.27 M to 1.7 M) with
# shortcuts of option A; EfficientNet with 1000 classes, exact columns of torchvision's metadata
# where there is a cost; vision transformers of timm's table.
PUBLISHED = [
    ("resnet_cifar", 1, 20, 32, 10, 269_722, 40_551_040),
    ("resnet_cifar", 1, 32, 32, 10, 464_154, 68_862_592),
    ("resnet_cifar", 1, 56, 32, 10, 853_018, 125_485_696),
    ("resnet_cifar", 1, 110, 32, 10, 1_727_962, 252_887_680),
    ("efficientnet", 1.0, 1.0, 224, 1000, 5_288_548, 385_814_752),
    ("efficientnet", 1.0, 1.1, 240, 1000, 7_794_184, None),
    ("efficientnet", 1.1, 1.2, 260, 1000, 9_109_994, 993_561_872),
    ("efficientnet", 1.2, 1.4, 300, 1000, 12_233_232, None),
    ("efficientnet", 1.4, 1.8, 380, 1000, 19_341_616, None),
    ("efficientnet", 1.6, 2.2, 456, 1000, 30_389_784, 10_266_384_752),
    ("efficientnet", 1.8, 2.6, 528, 1000, 43_040_704, None),
    ("efficientnet", 2.0, 3.1, 600, 1000, 66_347_960, 37_745_884_192),
    ("vit", 192, 12, 224, 1000, 5_717_416, None),
    ("vit", 384, 12, 224, 1000, 22_050_664, None),
    ("vit", 768, 12, 224, 1000, 86_567_656, None),
]


@pytest.mark.parametrize(
    ("family", "width", "depth", "resolution", "classes", "params", "macs"), PUBLISHED
)
def test_other_families_cost_what_the_literature_says(
    family: str,
    width: float,
    depth: float,
    resolution: int,
    classes: int,
    params: int,
    macs: int | None,
) -> None:
    one = Architecture(family=family, width=width, depth=depth, resolution=resolution)
    counted = cost.count(one, 3, classes)
    assert counted.params == params
    assert macs is None or counted.macs == macs
    assert cost.count_operators(one, 3, classes) == counted


@pytest.mark.parametrize("name", SIZED)
def test_costs_worked_out_from_shapes_are_those_of_the_operators(name: str) -> None:
    """Twelve small networks of any width and depth, on images of any size."""
    family, draw = families.get(name), random.Random(name)
    for _ in range(12):
        one = Architecture(
            family=name,
            width=family.WIDTHS[draw.randrange(50)],
            depth=family.DEPTHS[draw.randrange(4 if family.DEPTHS.step > 1 else 15)],
            resolution=draw.randrange(family.MIN_RESOLUTION, 100),
        )
        channels, classes = draw.choice([1, 3]), draw.randrange(2, 1000)
        assert cost.count(one, channels, classes) == cost.count_operators(one, channels, classes)


@pytest.mark.parametrize(
    ("width", "depth", "resolution"), [(192, 12, 224), (64, 2, 32), (96, 3, 8)]
)
def test_attention_is_counted(width: int, depth: int, resolution: int) -> None:
    """Patches, then of every block 12 d**2 a token in products and 2 d for each pair of tokens."""
    one = Architecture(family="vit", width=width, depth=depth, resolution=resolution)
    side = vit.patch(resolution)
    patches = (resolution // side) ** 2
    tokens = patches + 1
    blocks = depth * (12 * width**2 * tokens + 2 * width * tokens**2)
    expected = 3 * side**2 * width * patches + blocks + 10 * width
    assert cost.count(one, 3, 10).macs == expected


@pytest.mark.parametrize("name", [*NAMES, "timm:convnext_atto", "timm:levit_128"])
def test_the_count_is_that_of_torch(name: str) -> None:
    one = replace(example(name), resolution=224)
    with torch.device("meta"):
        model = families.build(one, 3, 10).eval()
        image = torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    assert cost.count_operators(one, 3, 10).macs == counter.get_total_flops() // 2


def test_models_that_torchs_counter_fails_on_are_counted() -> None:
    one = Architecture(family="timm:cait_xxs24_224", width=1, depth=1, resolution=224)
    counted = cost.count(one, 3, 1000)
    assert counted.params == 11_956_264
    assert 2.4e9 < counted.macs < 2.6e9, "timm's table has 2.53 G"


@pytest.mark.parametrize("name", NAMES)
def test_thop_agrees_on_convolutions_and_leaves_no_trace(name: str) -> None:
    architecture = example(name)
    before = cost.count(architecture, 3, 10)
    by_thop = cost.count_with_thop(architecture, 3, 10)
    missed = cost.disagreement(before.macs, by_thop)
    assert (missed is not None) == (name == "vit"), "thop does not see attention"
    assert not any("total_ops" in key for key in families.build(architecture, 3, 10).state_dict())


def test_a_disagreement_is_reported_from_two_percent_on() -> None:
    assert cost.disagreement(1000, 981) is None
    assert cost.disagreement(1000, 979) == pytest.approx(0.021)


def test_training_costs_three_forward_passes_an_image_and_epoch() -> None:
    schedule = Schedule(epochs=10)
    assert cost.training_macs(Cost(macs=7, params=0), images=100, schedule=schedule) == 21_000


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [8, 9, 28, 32])
def test_wide_resnet_takes_all_promised_inputs(channels: int, resolution: int) -> None:
    counted = cost.count(wrn(10, 0.25, resolution), channels, 7)
    assert counted.macs > 0


def test_illegal_shapes_are_refused_with_the_nearest_legal_ones() -> None:
    with pytest.raises(UsageError, match=r"width 1.3 .* Nearest legal: 1.25 and 1.3125"):
        cost.count(wrn(10, 1.3), 3, 10)
    with pytest.raises(UsageError, match=r"depth 12 .* Nearest legal: 10 and 16"):
        cost.count(wrn(12, 1), 3, 10)
    with pytest.raises(UsageError, match="at least 8 pixels a side; got 7"):
        cost.count(wrn(10, 1, resolution=7), 3, 10)
    with pytest.raises(UsageError, match="Did you mean 'wide_resnet'"):
        cost.count(Architecture(family="wide_resnt", width=1, depth=10, resolution=32), 3, 10)


@given(
    low=st.integers(1, 5),
    count=st.integers(1, 60),
    fixed=st.integers(0, 10_000),
    square=st.integers(1, 100),
    target=st.integers(1, 500_000),
)
def test_the_solved_width_is_the_largest_within_the_target(
    low: int, count: int, fixed: int, square: int, target: int
) -> None:
    widths = Range(low=low, high=low + count - 1, step=1)

    def macs(width: float) -> int:
        return round(fixed + square * width**2)

    solved = cost.solve_width(macs, widths, target)
    legal = [width for width in widths if macs(width) <= target]
    assert solved == (max(legal) if legal else None)


@pytest.mark.parametrize("depth", [10, 28])
@pytest.mark.parametrize("target", [3e6, 5e7, 5e9])
def test_a_solved_wide_resnet_is_within_three_percent_of_the_best(
    depth: int, target: float
) -> None:
    """The best is the next legal width down from the target: one channel of the first stage."""
    widths = Range(low=0.0625, high=32, step=0.0625)

    def macs(width: float) -> int:
        return cost.count(wrn(depth, width), 3, 10).macs

    solved = cost.solve_width(macs, widths, target)
    if solved is None:
        assert macs(widths[0]) > target
    else:
        assert macs(solved) <= target < macs(solved + 0.0625)
