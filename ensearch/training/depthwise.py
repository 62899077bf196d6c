"""Depthwise convolutions as they train on a CPU."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Depthwise(nn.Conv2d):
    """A depthwise convolution that computes in float32, and quickly for small images too.

    In float32 also on a CPU that multiplies in bfloat16, where oneDNN's backward pass of those took
    four fifths of a step: EfficientNets of width and depth 0.5 and 1 at 32 pixels train 3.3 and 2.7
    times as fast with these, 1.5-1 at 64 2.2 times, and 0.95, 1.1 and 1.3 times as fast as all in
    float32 (medians of 4 steps, one core of an EPYC with AVX-512 BF16).

    Where the images are smaller than the kernel, by `OfSmallImages`.
    """

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            image = input.float()
            sides = zip(image.shape[2:], self.kernel_size, strict=True)
            if not self._is_plain or all(side >= kernel for side, kernel in sides):
                return super().forward(image)
            result: Tensor = OfSmallImages.apply(
                image, self.weight, self.stride, self.padding, self.dilation
            )
            return result if self.bias is None else result + self.bias[:, None, None]

    @property
    def _is_plain(self) -> bool:
        padded = self.padding_mode == "zeros" and not isinstance(self.padding, str)
        return padded and self.out_channels == self.in_channels


class OfSmallImages(torch.autograd.Function):
    """A depthwise convolution whose weights get their gradient one place of the kernel at a time.

    For images smaller than the kernel oneDNN turns every channel into matrices of its own, which
    took three quarters of a step of an EfficientNet at 32 pixels, whose last stages see 1 to 4
    pixels a side. This takes 1/4 (5 x 5 kernels, 32 channels, 4 x 4 pixels) to 1/240 of the time
    (384 channels, one pixel), and 3 times as long where the image is no smaller than the kernel
    (batches of 128, one core of an EPYC with AVX2, torch 2.14.1).
    """

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor,
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
    ) -> Tensor:
        """Images N x C x H x W, weight C x 1 x K x L."""
        ctx.save_for_backward(images, weight)
        ctx.layout = stride, padding, dilation
        return F.conv2d(images, weight, None, stride, padding, dilation, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.layout
        of_images = of_weight = None
        if ctx.needs_input_grad[0]:
            of_images = torch.ops.aten.convolution_backward(
                gradient, images, weight, None, stride, padding, dilation,
                False, (0, 0), len(weight), (True, False, False),
            )[0]  # fmt: skip
        if ctx.needs_input_grad[1]:
            of_weight = torch.zeros_like(weight)
            sides = list(zip(images.shape[2:], gradient.shape[2:], *ctx.layout, strict=True))
            for row, seen_rows, rows in _overlaps(weight.shape[2], *sides[0]):
                for column, seen_columns, columns in _overlaps(weight.shape[3], *sides[1]):
                    products = images[:, :, seen_rows, seen_columns] * gradient[:, :, rows, columns]
                    of_weight[:, 0, row, column] = products.sum((0, 2, 3))
        return of_images, of_weight, None, None, None


def _overlaps(
    kernel: int, side: int, result: int, stride: int, padding: int, dilation: int
) -> Iterator[tuple[int, slice, slice]]:
    """Along one side: places of the kernel, the pixels that each sees, and those that it makes."""
    for place in range(kernel):
        shift = place * dilation - padding
        first = max(0, -(shift // stride))
        end = min(result, (side - 1 - shift) // stride + 1)
        if first < end:
            seen = slice(first * stride + shift, (end - 1) * stride + shift + 1, stride)
            yield place, seen, slice(first, end)
