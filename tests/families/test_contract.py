"""The contract of a family, which every file in ensearch/families/ enters by itself."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch

from ensearch import cost, families
from ensearch.core import Architecture, Cost, Schedule
from ensearch.errors import UsageError
from ensearch.families import vit
from ensearch.training import optimizer
from ensearch.training.loop import train_step
from ensearch.training.state import State
from tests.networks import NAMES, SIZED, architecture, built


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_it_maps_images_to_one_logit_a_class(name: str, channels: int) -> None:
    one = architecture(name)
    model = built(one, seed=0, channels=channels)
    logits = model(torch.randn(5, channels, one.resolution, one.resolution))
    assert logits.shape == (5, 7)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_was_published_for(name: str) -> None:
    family, one = families.get(name), architecture(name)
    resolution, classes = family.published(name, one.width, one.depth)
    assert resolution >= family.MIN_RESOLUTION
    assert classes >= 2


@pytest.mark.parametrize("name", NAMES)
def test_its_weights_are_drawn_from_the_current_random_state(name: str) -> None:
    one = architecture(name)
    first, again, other = (built(one, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name: str) -> None:
    """From the third step on: zeros in the head and at the end of branches let nothing through."""
    one = architecture(name)
    model = built(one, seed=0)
    parameters = list(model.parameters())
    for _ in range(3):
        logits = model(torch.randn(4, 3, one.resolution, one.resolution))
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3]))
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(0.1 * gradient)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


@pytest.mark.parametrize("name", SIZED)
def test_wider_and_deeper_cost_more(name: str) -> None:
    """Never less at a step, where channels or blocks are rounded, and more at ten."""
    wider = [cost.count(architecture(name, width_step=step), 3, 10).macs for step in range(11)]
    deeper = [cost.count(architecture(name, depth_step=step), 3, 10).macs for step in range(11)]
    for macs in (wider, deeper):
        assert macs == sorted(macs)
        assert macs[0] < macs[10]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_does_not_depend_on_its_batch(name: str) -> None:
    one = architecture(name)
    model = built(one, seed=0).eval()
    images = torch.randn(4, 3, one.resolution, one.resolution)
    with torch.no_grad():
        together, alone = model(images), torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_two_steps_of_training_change_it_and_leave_it_finite(name: str) -> None:
    one = architecture(name)
    model = built(one, seed=0)
    before = [parameter.clone() for parameter in model.parameters()]
    made = optimizer.make(model, Schedule(epochs=1, peak_lr=0.01))
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        x = torch.randn(8, 3, one.resolution, one.resolution, generator=generator)
        train_step(State(model=model, optimizer=made), x, torch.arange(8) % 7, 0.1, "cpu")
    after = list(model.parameters())
    assert all(torch.isfinite(parameter).all() for parameter in after)
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    family = families.get(name)
    assert family.SUMMARY
    assert family.known_as(architecture(name)) == ""  # so small a network is in no publication
    assert bool(family.ARGUMENT) == (":" in name)


# Of single families.


@pytest.mark.parametrize(
    ("key", "named"),
    [
        (("efficientnet", 1.6, 2.2, 456), "EfficientNet-B5"),
        (("efficientnet", 1.6, 2.2, 224), "EfficientNet-B5, made for 456 px"),
        (("efficientnet", 1.65, 2.2, 456), ""),
        (("resnet_cifar", 1, 56, 32), "ResNet-56"),
        (("resnet_cifar", 2, 56, 32), ""),
        (("vit", 768, 12, 224), "ViT-B/16"),
        (("vit", 192, 12, 32), "ViT-Ti/4"),
    ],
)
def test_networks_of_the_literature_are_known_by_name(
    key: tuple[str, float, float, int], named: str
) -> None:
    family, width, depth, resolution = key
    one = Architecture(family=family, width=width, depth=depth, resolution=resolution)
    families.check(one)
    assert families.get(family).known_as(one) == named


def test_an_efficientnet_begins_with_open_gates_and_without_an_opinion() -> None:
    model = built(architecture("efficientnet"), seed=0).eval()
    assert torch.equal(model(torch.randn(2, 3, 32, 32)), torch.zeros(2, 7))
    gates = [value for name, value in model.named_parameters() if "conv_expand.bias" in name]
    assert len(gates) == 7, "one in every block"
    assert all((torch.sigmoid(gate) > 0.85).all() for gate in gates)


def test_blocks_of_an_efficientnet_begin_as_their_shortcut() -> None:
    model: Any = built(architecture("efficientnet", depth_step=18), seed=0).eval()
    stages = [list(stage) for stage in model.blocks]
    assert [len(stage) for stage in stages] == [2, 4, 4, 6, 6, 8, 2]
    for stage in stages:
        x = torch.randn(1, stage[1].conv_pw.in_channels, 8, 8)
        assert all(torch.equal(block(x), x) for block in stage[1:])


def test_an_efficientnet_has_six_depths_of_ten_and_all_widths() -> None:
    def costs(shapes: Iterable[tuple[float, float]]) -> set[Cost]:
        of = (
            Architecture(family="efficientnet", width=w, depth=d, resolution=32) for w, d in shapes
        )
        return {cost.count(one, 3, 10) for one in of}

    family = families.get("efficientnet")
    assert len(costs((1, family.DEPTHS[step]) for step in range(10))) == 6
    assert len(costs((width, 1) for width in family.WIDTHS)) == len(family.WIDTHS)


def test_patches_divide_the_resolution_and_heads_the_width() -> None:
    sides = {r: vit.patch(r) for r in (8, 28, 32, 31, 64, 96, 224, 256, 384)}
    assert sides == {8: 2, 28: 2, 32: 4, 31: 1, 64: 8, 96: 12, 224: 16, 256: 16, 384: 16}
    assert {w: vit.heads(w) for w in (192, 384, 768, 1024)} == {192: 3, 384: 6, 768: 12, 1024: 16}
    assert all(width % vit.heads(round(width)) == 0 for width in vit.WIDTHS)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("timm:resnt18", "no model 'resnt18'. Nearest: resnet18"),
        ("timm:resnet18.a1_in1k", "pretrained weights.*write timm:resnet18"),
        ("timm:resnet18.of_nobody", "pretrained weights.*write timm:resnet18"),
        ("timm:hf-hub:timm/resnet18", "no model 'hf-hub:timm/resnet18'"),
        ("timm:local-dir:/etc", "no model 'local-dir:/etc'"),
        ("timm", "needs a NAME: write timm:NAME"),
        ("timm:", "needs a NAME"),
        ("wide_resnet:28", "takes nothing after its name"),
        ("timmm:resnet18", "Did you mean 'timm'"),
        ("timm:densenet121", "cannot compute images of 8 pixels"),
        ("timm:levit_128", "cannot|must map"),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        cost.count(Architecture(family=name, width=1, depth=1, resolution=8), 3, 10)


def test_a_model_by_name_is_timms_own() -> None:
    one = Architecture(family="timm:resnet18", width=1, depth=1, resolution=224)
    assert cost.count(one, 3, 1000) == Cost(macs=1_814_073_344, params=11_689_512)
    assert (one.label, one.key) == ("resnet18", "timm:resnet18@224")


def test_a_named_model_has_no_other_width() -> None:
    one = replace(architecture("timm:test_efficientnet"), width=2.0)
    with pytest.raises(UsageError, match=r"called 1\. Leave it out"):
        families.check(one)
