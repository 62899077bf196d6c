"""Flip, padded crop and cutout of whole batches, on the device.

Random numbers are drawn on the CPU once an epoch, apart from their use: an image meets the same
augmentation on every device, and applying it is a plain function of its inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ensearch.core import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What happens to each of N images; None where the schedule does not ask for it."""

    flip: torch.Tensor | None  # N booleans: mirror left and right
    shift: torch.Tensor | None  # N x 2: rows and columns by which the crop is off the centre
    hole: torch.Tensor | None  # N x 2: row and column of the centre of the cutout
    hole_side: int

    def __getitem__(self, batch: slice) -> "Augmentation":
        """The part for the images in `batch`."""
        return self._each(lambda drawn: drawn[batch])

    def to(self, device: str) -> "Augmentation":
        return self._each(lambda drawn: drawn.to(device))

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Augmentation":
        flip, shift, hole = (
            None if drawn is None else change(drawn) for drawn in (self.flip, self.shift, self.hole)
        )
        return Augmentation(flip=flip, shift=shift, hole=hole, hole_side=self.hole_side)


def draw(
    schedule: Schedule, count: int, resolution: int, generator: torch.Generator
) -> Augmentation:
    """Random augmentation of `count` images of `resolution` x `resolution` pixels."""

    def integers(low: int, high: int) -> torch.Tensor:
        return torch.randint(low, high, (count, 2), generator=generator)

    crop, side = schedule.crop, schedule.cutout
    return Augmentation(
        flip=torch.rand(count, generator=generator) < 0.5 if schedule.flip else None,
        shift=integers(-crop, crop + 1) if crop else None,
        hole=integers(0, resolution) if side else None,
        hole_side=side,
    )


def take(images: torch.Tensor, chosen: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    """The `chosen` (B indices) of `images` (N x H x W x C), cropped, then flipped: B x H x W x C.

    One gather does both: the cropped and mirrored picture only reads other rows and columns.
    Pixels beyond the border are reflections of those within, as in the Wide ResNet paper.

    The gather copies whole pixels by one index each: half the time of indexing three dimensions
    (128 CIFAR-10 images on one core: 0.9 ms for 2.0).
    """
    if augmentation.flip is None and augmentation.shift is None:
        return images[chosen]
    _, height, width, channels = images.shape
    rows = torch.arange(height, device=images.device).repeat(len(chosen), 1)
    columns = torch.arange(width, device=images.device).repeat(len(chosen), 1)
    if augmentation.flip is not None:
        columns = torch.where(augmentation.flip[:, None], width - 1 - columns, columns)
    if augmentation.shift is not None:
        rows = _reflect(rows + augmentation.shift[:, :1], height)
        columns = _reflect(columns + augmentation.shift[:, 1:], width)
    pixels = ((chosen[:, None] * height + rows) * width)[:, :, None] + columns[:, None, :]
    taken = images.reshape(-1, channels).index_select(0, pixels.flatten())
    return taken.reshape(len(chosen), height, width, channels)


def cut_out(images: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    """Zero a square in each of B x H x W x C normalised images, where zero is the mean.

    The square's centre is any pixel, so it may stick out of the picture (DeVries and Taylor 2017,
    arXiv:1708.04552).
    """
    if augmentation.hole is None:
        return images
    first = augmentation.hole - augmentation.hole_side // 2
    beyond = first + augmentation.hole_side
    height, width = images.shape[1:3]
    y = torch.arange(height, device=images.device)
    x = torch.arange(width, device=images.device)
    in_rows = (y >= first[:, :1]) & (y < beyond[:, :1])
    in_columns = (x >= first[:, 1:]) & (x < beyond[:, 1:])
    hole = in_rows[:, :, None] & in_columns[:, None, :]
    return images.masked_fill(hole[..., None], 0.0)


def _reflect(index: torch.Tensor, size: int) -> torch.Tensor:
    """Fold any index into 0 .. size - 1 by mirroring at the outer pixels: -1 is 1."""
    period = max(2 * (size - 1), 1)
    folded = index % period
    return torch.minimum(folded, period - folded) if size > 1 else folded
