"""The contract of a family, which every file in ensearch/families/ enters by itself."""

import pytest
import torch

from ensearch import cost, families
from ensearch.core import Architecture

NAMES = families.names()


def architecture(name: str, width_step: int = 0, depth_step: int = 0) -> Architecture:
    """The smallest network of the family that is at least as wide as 1/2, or a step larger."""
    family = families.get(name)
    start = next(i for i, width in enumerate(family.WIDTHS) if width >= 0.5)
    return Architecture(
        family=name,
        width=family.WIDTHS[start + width_step],
        depth=round(family.DEPTHS[depth_step]),
        resolution=max(32, family.MIN_RESOLUTION),
    )


def built(one: Architecture, seed: int, channels: int = 3, classes: int = 7) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return families.build(one, channels, classes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_it_maps_images_to_one_logit_a_class(name: str, channels: int) -> None:
    one = architecture(name)
    model = built(one, seed=0, channels=channels)
    logits = model(torch.randn(5, channels, one.resolution, one.resolution))
    assert logits.shape == (5, 7)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_its_weights_are_drawn_from_the_current_random_state(name: str) -> None:
    one = architecture(name)
    first, again, other = (built(one, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name: str) -> None:
    one = architecture(name)
    model = built(one, seed=0)
    logits = model(torch.randn(4, 3, one.resolution, one.resolution))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3]))
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


@pytest.mark.parametrize("name", NAMES)
def test_wider_and_deeper_cost_more(name: str) -> None:
    small = cost.count(architecture(name), 3, 10)
    wider = cost.count(architecture(name, width_step=1), 3, 10)
    deeper = cost.count(architecture(name, depth_step=1), 3, 10)
    assert small.macs < wider.macs
    assert small.macs < deeper.macs


@pytest.mark.parametrize("name", NAMES)
def test_an_example_does_not_depend_on_its_batch(name: str) -> None:
    one = architecture(name)
    model = built(one, seed=0).eval()
    images = torch.randn(4, 3, one.resolution, one.resolution)
    with torch.no_grad():
        together, alone = model(images), torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    assert families.get(name).SUMMARY
