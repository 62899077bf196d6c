"""Depthwise convolutions of small images have the gradients that PyTorch's have."""

import pytest
import torch
from torch import Tensor, nn

from ensearch.training import depthwise
from ensearch.training.depthwise import Depthwise

Side = int | tuple[int, int]


def ours(convolution: nn.Conv2d) -> Depthwise:
    convolution.__class__ = Depthwise
    assert isinstance(convolution, Depthwise)
    return convolution


def gradients(convolution: nn.Conv2d, images: Tensor) -> list[Tensor]:
    """The results, and what the weights, the bias and the images get of them."""
    images = images.clone().requires_grad_()
    convolution.zero_grad()
    results = convolution(images)
    weights = torch.linspace(-1, 1, results.numel()).reshape(results.shape)
    (results * weights).sum().backward()
    parameters = [p.grad for p in convolution.parameters()]
    return [results.detach(), *(g for g in (*parameters, images.grad) if g is not None)]


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
@pytest.mark.parametrize("columns", [1, 4, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (5, 2), ((5, 3), (2, 0)), (5, 4)])
def test_gradients_are_those_of_pytorch(
    rows: int, columns: int, stride: int, kernel: Side, padding: Side
) -> None:
    torch.manual_seed(0)
    if kernel == (5, 3) and columns < 3:
        pytest.skip("without padding the kernel is wider than the image")
    images = torch.randn(5, 6, rows, columns)
    for bias in (False, True):
        theirs = nn.Conv2d(6, 6, kernel, stride, padding, groups=6, bias=bias)
        wanted = gradients(theirs, images)
        for found, value in zip(gradients(ours(theirs), images), wanted, strict=True):
            torch.testing.assert_close(found, value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dilation", [2, 3])
def test_a_dilated_kernel_sees_the_pixels_that_it_should(dilation: int) -> None:
    torch.manual_seed(0)
    images = torch.randn(4, 3, 4, 4)
    theirs = nn.Conv2d(3, 3, 5, 1, 2 * dilation, dilation=dilation, groups=3)
    wanted = gradients(theirs, images)
    for found, value in zip(gradients(ours(theirs), images), wanted, strict=True):
        torch.testing.assert_close(found, value, rtol=1e-5, atol=1e-5)


def test_only_images_smaller_than_the_kernel_take_the_long_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> Tensor:
        raise AssertionError("the long way")

    monkeypatch.setattr(depthwise.OfSmallImages, "apply", refused)
    layer = ours(nn.Conv2d(4, 4, 3, padding=1, groups=4))
    assert layer(torch.zeros(1, 4, 3, 3)).shape == (1, 4, 3, 3)
    with pytest.raises(AssertionError, match="the long way"):
        layer(torch.zeros(1, 4, 3, 2))


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(4, 8, 5, padding=2, groups=4),
        nn.Conv2d(4, 4, 5, padding="same", groups=4),
        nn.Conv2d(4, 4, 5, padding=2, padding_mode="circular", groups=4),
    ],
    ids=["two results a channel", "padding by name", "circular padding"],
)
def test_what_is_not_plain_is_left_to_pytorch(other: nn.Conv2d) -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 4, 2, 2)
    wanted = gradients(other, images)
    for found, value in zip(gradients(ours(other), images), wanted, strict=True):
        torch.testing.assert_close(found, value, rtol=0, atol=0)


def test_images_that_need_no_gradient_get_none() -> None:
    layer = ours(nn.Conv2d(4, 4, 5, padding=2, groups=4))
    layer(torch.ones(3, 4, 2, 2)).sum().backward()
    assert layer.weight.grad is not None
    # The corners of the kernel never meet the image of 2 x 2 pixels.
    assert layer.weight.grad[:, 0, 0, 0].tolist() == [0.0] * 4
    assert layer.weight.grad[:, 0, 2, 2].tolist() == [12.0] * 4
