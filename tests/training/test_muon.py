"""Muon: what it moves, how, and that members in one network move as they do alone."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from ensearch.core import Schedule
from ensearch.training import fused, muon, optimizer
from ensearch.training.device import prepared
from ensearch.training.loop import train_step
from ensearch.training.state import State, tensors
from tests.networks import NAMES, architecture, built

SHORT = Schedule(epochs=1, optimizer="muon")

pytestmark = pytest.mark.usefixtures("exact")


def groups_of(model: nn.Module) -> tuple[set[str], set[str], set[str]]:
    """Names of the hidden matrices, of what decays and of the rest."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    hidden, decayed, spared = (
        {names[id(p)] for p in group["params"]}
        for group in optimizer.make(model, SHORT).param_groups
    )
    return hidden, decayed, spared


# Every family.


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_in_one_group_and_the_ends_are_not_hidden(name: str) -> None:
    one = architecture(name)
    model = built(one, seed=0)
    order: list[Any] = []
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for layer in layers:
        layer.register_forward_hook(lambda module, *_: order.append(module))
    model.eval()(torch.randn(2, 3, one.resolution, one.resolution))
    made = optimizer.make(model, SHORT)
    listed = [id(p) for group in made.param_groups for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in model.parameters())
    assert listed, "nothing learns"
    hidden = {id(p) for p in made.param_groups[0]["params"]}
    assert id(order[0].weight) not in hidden, "the layer that reads the image"
    assert id(order[-1].weight) not in hidden, "the layer that gives the logits"
    inner = [layer for layer in order[1:-1] if layer.weight.shape[1] > 1]
    assert hidden == {id(layer.weight) for layer in inner}
    decayed, spared = (group["params"] for group in made.param_groups[1:])
    assert all(p.ndim > 1 for p in decayed)
    assert all(p.ndim <= 1 for p in spared)


@pytest.mark.parametrize("name", NAMES)
def test_steps_lower_the_loss(name: str) -> None:
    one = architecture(name)
    model = prepared(built(one, seed=0), "cpu").train()
    state = State(model=model, optimizer=optimizer.make(model, replace(SHORT, peak_lr=0.02)))
    x = torch.randn(14, 3, one.resolution, one.resolution, generator=torch.manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    losses = [float(train_step(state, x, torch.arange(14) % 7, 0.1, "cpu")) for _ in range(8)]
    assert all(map(math.isfinite, losses))
    assert losses[2] < losses[0]
    assert losses[-1] < losses[0] - 0.1


def test_of_a_vision_transformer_embeddings_and_head_are_not_hidden() -> None:
    hidden, decayed, spared = groups_of(built(architecture("vit"), seed=0))
    inner = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
    assert hidden == {f"blocks.0.{part}.weight" for part in inner}
    assert decayed == {"cls_token", "pos_embed", "patch_embed.proj.weight", "head.weight"}
    assert {"norm.weight", "head.bias", "blocks.0.attn.qkv.bias"} <= spared


def test_a_model_of_timm_says_what_its_classifiers_are() -> None:
    timm = pytest.importorskip("timm")
    model = timm.create_model(
        "deit_tiny_distilled_patch16_224", img_size=32, num_classes=7, depth=1
    )
    assert groups_of(model)[1] >= {"head.weight", "head_dist.weight"}
    # Its classifier is a convolution.
    hidden, decayed, _ = groups_of(timm.create_model("dpn48b", num_classes=7))
    assert "classifier.weight" in decayed
    assert "classifier.weight" not in hidden


def test_depthwise_convolutions_are_not_hidden_and_frozen_weights_not_moved() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.Conv2d(8, 16, 3, groups=8),
        nn.Conv2d(16, 8, 1, groups=4),
        nn.Conv2d(8, 8, 1),
        nn.Flatten(),
        nn.Linear(8, 7),
    )
    model[3].weight.requires_grad_(False)
    assert groups_of(model)[:2] == ({"2.weight"}, {"0.weight", "1.weight", "5.weight"})


# How a matrix moves.


@pytest.mark.parametrize("shape", [(8, 72), (16, 16), (48, 16)])
def test_a_matrix_becomes_one_with_singular_values_of_about_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    left, _ = torch.linalg.qr(torch.randn(4, shape[0], min(shape), dtype=torch.float64))
    right, _ = torch.linalg.qr(torch.randn(4, shape[1], min(shape), dtype=torch.float64))
    # Values of which the least is a tenth of the largest: 0.02 of the norm and more.
    values = torch.linspace(0.1, 1, min(shape), dtype=torch.float64)
    turned = muon.orthogonal(left @ torch.diag(values) @ right.mT)
    inner = left.mT @ turned @ right
    torch.testing.assert_close(left @ inner @ right.mT, turned)
    assert torch.diagonal(inner, dim1=1, dim2=2).min() > 0.68
    assert torch.linalg.matrix_norm(inner, ord=2).max() < 1.21
    torch.testing.assert_close(inner, torch.diag_embed(torch.diagonal(inner, dim1=1, dim2=2)))


def test_it_is_the_iteration_of_torch() -> None:
    from torch.optim._muon import _zeropower_via_newtonschulz

    torch.manual_seed(0)
    for shape in ((8, 20), (20, 8)):
        one = torch.randn(shape)
        theirs = _zeropower_via_newtonschulz(one, (3.4445, -4.7750, 2.0315), 3, 1e-7)
        mine = muon.orthogonal(one[None])[0]
        torch.testing.assert_close(mine, theirs.float(), atol=0.02, rtol=0)  # theirs in bfloat16


def test_a_gradient_of_zeros_moves_nothing() -> None:
    assert torch.equal(muon.orthogonal(torch.zeros(2, 3, 5)), torch.zeros(2, 3, 5))


def deep() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(2, 5))


def test_two_steps_are_those_on_paper() -> None:
    torch.manual_seed(0)
    model = deep().double()
    made = optimizer.make(model, replace(SHORT, peak_lr=0.5, momentum=0.8, weight_decay=0.25))
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    gradients = [{name: torch.randn_like(p) for name, p in start.items()} for _ in range(2)]
    for step in gradients:
        for name, parameter in model.named_parameters():
            parameter.grad = step[name].clone()
        made.step()
    now = dict(model.named_parameters())
    # A hidden matrix of two rows of four: unit rows, so that its norm is the root of 2.
    weight = start["1.weight"]
    assert float(weight.norm()) == pytest.approx(math.sqrt(2))
    momentum = torch.zeros_like(weight)
    for step in gradients:
        momentum = 0.8 * momentum + step["1.weight"]
        turned = muon.orthogonal((step["1.weight"] + 0.8 * momentum)[None])[0]
        weight = weight - 0.5 * turned
        weight = weight * math.sqrt(2) / weight.norm()
    torch.testing.assert_close(now["1.weight"].detach(), weight)
    # The rest by SGD: rate 0.5 x 5/3, momentum 0.9, decay of what is no norm and no bias.
    for name, decay in (("0.weight", 0.25), ("2.weight", 0.25), ("1.bias", 0.0)):
        value, momentum = start[name], torch.zeros_like(start[name])
        for step in gradients:
            gradient = step[name] + decay * value
            momentum = 0.9 * momentum + gradient
            value = value - 0.5 * 5 / 3 * (gradient + 0.9 * momentum)
        torch.testing.assert_close(now[name].detach(), value)


def test_a_matrix_with_more_rows_than_columns_turns_as_far_as_others() -> None:
    tall = nn.Linear(4, 64)
    model = nn.Sequential(nn.Linear(3, 4), tall, nn.Linear(64, 5)).double()
    made = optimizer.make(model, replace(SHORT, peak_lr=0.01))
    before = tall.weight.detach().clone()
    tall.weight.grad = torch.linalg.qr(torch.randn_like(before))[0]
    made.step()  # and leaves alone what has no gradient
    # Singular values of 1/2 of the norm, as of 4 columns, come to 0.7 to 1.2.
    assert 0.0065 < float((tall.weight.detach() - before).norm() / before.norm()) < 0.0125


def test_a_convolution_in_groups_is_as_many_matrices() -> None:
    torch.manual_seed(0)
    grouped = nn.Conv2d(8, 12, 3, groups=2)
    parts = [nn.Conv2d(4, 6, 3) for _ in range(2)]
    with torch.no_grad():
        for part, weight in zip(parts, grouped.weight.chunk(2), strict=True):
            part.weight.copy_(weight)
    nets = [nn.Sequential(nn.Conv2d(3, 8, 1), one, nn.Linear(2, 2)) for one in (grouped, *parts)]
    gradient = torch.randn_like(grouped.weight)
    for net, mine in zip(nets, (gradient, *gradient.chunk(2)), strict=True):
        made = optimizer.make(net, SHORT)
        net[1].weight.grad = mine.clone()
        made.step()
    alone = torch.cat([part.weight for part in parts])
    assert torch.equal(alone, grouped.weight)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_members_in_one_network_move_as_alone(layout: torch.memory_format) -> None:
    one = architecture("wide_resnet", width_step=3)

    def states() -> list[State]:
        models = [built(one, seed).to(memory_format=layout) for seed in range(3)]
        return [State(model=m, optimizer=optimizer.make(m, SHORT)) for m in models]

    alone, apart = states(), states()
    wide = fused.fuse(alone[0].model, 3)
    together = State(model=wide, optimizer=optimizer.make(wide, SHORT))
    fused.gather(tensors(together), [tensors(state) for state in alone])
    # The rate is a tensor where members train together.
    for group in together.optimizer.param_groups:
        group["lr"] = torch.tensor(SHORT.peak_lr, dtype=torch.float64)
    for _ in range(2):
        every = [state.model.parameters() for state in (together, *alone)]
        for whole, *parts in zip(*every, strict=True):
            gradients = [torch.randn_like(part) for part in parts]
            whole.grad = torch.cat(gradients)
            for part, gradient in zip(parts, gradients, strict=True):
                part.grad = gradient
        for state in (together, *alone):
            state.optimizer.step()
    fused.scatter(tensors(together), [tensors(state) for state in apart])
    for mine, other in zip(alone, apart, strict=True):
        for name, tensor in tensors(mine).items():
            # Not the same bits: the last numbers of a tensor are rounded otherwise than the others.
            torch.testing.assert_close(tensor, tensors(other)[name], atol=1e-6, rtol=1e-6)
