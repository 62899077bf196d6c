"""The learning rate and the optimizer against arithmetic done on paper."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ensearch import families
from ensearch.training import optimizer
from ensearch.training.optimizer import learning_rate
from tests.members import SHORT, SMALL


def test_learning_rate_rises_and_falls_in_straight_lines() -> None:
    rates = [learning_rate(step, 10, 0.2, 0.8) for step in range(10)]
    assert rates == pytest.approx([0.4, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


def test_learning_rate_without_warmup_starts_at_the_peak() -> None:
    assert [learning_rate(step, 4, 0, 1.0) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]


def test_learning_rate_with_only_warmup_ends_at_the_peak() -> None:
    assert [learning_rate(step, 4, 1, 1.0) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


@given(st.integers(1, 200), st.floats(0, 1), st.floats(1e-3, 10))
def test_learning_rate_is_positive_and_reaches_the_peak(
    steps: int, warmup: float, peak: float
) -> None:
    rates = [learning_rate(step, steps, warmup, peak) for step in range(steps)]
    assert min(rates) > 0
    assert max(rates) == peak


def test_weights_decay_and_norms_and_biases_do_not() -> None:
    model = families.build(SMALL, 1, 10)
    decayed, spared = optimizer.make(model, SHORT).param_groups
    assert decayed["weight_decay"] == SHORT.weight_decay
    assert spared["weight_decay"] == 0
    modules = list(model.modules())
    kernels = [m.weight for m in modules if isinstance(m, nn.Conv2d | nn.Linear)]
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
    assert {id(p) for p in decayed["params"]} == {id(p) for p in kernels}
    assert len(spared["params"]) == 2 * len(norms) + 1  # scales and shifts, and the head's bias


def test_a_step_is_nesterov_momentum_with_decay_in_the_gradient() -> None:
    # On paper, for a weight 2 with gradient 3 twice, lr 0.1, momentum 0.9, decay 0.5:
    # g = 3 + 0.5 x 2 = 4,         v = 4,             w = 2 - 0.1 (4 + 0.9 x 4) = 1.24
    # g = 3 + 0.5 x 1.24 = 3.62,   v = 3.6 + 3.62,    w = 1.24 - 0.1 (3.62 + 0.9 x 7.22) = 0.2282
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(2)
        model.bias.fill_(2)
    made = optimizer.make(model, replace(SHORT, peak_lr=0.1, weight_decay=0.5))
    weights = []
    for _ in range(2):
        model.weight.grad, model.bias.grad = torch.tensor([[3.0]]), torch.tensor([3.0])
        made.step()
        weights.append(model.weight.item())
    assert weights == pytest.approx([1.24, 0.2282])
    # The bias does not decay: 2 - 0.1 (3 + 0.9 x 3) = 1.43, then v = 5.7, w = 1.43 - 0.813.
    assert model.bias.item() == pytest.approx(0.617)


def test_the_fused_step_heeds_the_memory_layout_of_channels_last_weights() -> None:
    # The fused kernel walks through memory: momentum laid out unlike the weights would be mixed up.
    models = [families.build(SMALL, 3, 10) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    models[1].to(memory_format=torch.channels_last)
    fused = optimizer.make(models[1], SHORT)
    plain = torch.optim.SGD(
        [
            {"params": group["params"], "weight_decay": group["weight_decay"]}
            for group in [
                {"params": [p for p in models[0].parameters() if p.ndim > 1], "weight_decay": 5e-4},
                {"params": [p for p in models[0].parameters() if p.ndim <= 1], "weight_decay": 0.0},
            ]
        ],
        lr=0.1,
        momentum=0.9,
        nesterov=True,
        fused=False,
    )
    for _ in range(3):
        for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
            one.grad = torch.randn(one.shape)
            other.grad = one.grad.clone().contiguous(
                memory_format=torch.channels_last if one.ndim == 4 else torch.contiguous_format
            )
        plain.step()
        fused.step()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)
