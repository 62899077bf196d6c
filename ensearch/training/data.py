"""A dataset's images as tensors on the device."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ensearch import datasets
from ensearch.datasets import Source
from ensearch.errors import UnavailableError
from ensearch.launch import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Images on the device: those that train, and of each split to predict.

    Images are uint8, N x R x R x C, which seen as N x C x R x R is the channels_last layout.
    Networks read them at `reads_at` pixels a side, if that is said, else as they are: see `sized`.
    """

    x_train: torch.Tensor
    y_train: torch.Tensor
    to_predict: Mapping[Split, torch.Tensor]
    mean: torch.Tensor  # C, of pixels in 0 .. 255
    std: torch.Tensor
    classes: int
    reads_at: int | None = None

    @property
    def channels(self) -> int:
        return self.x_train.shape[3]

    @property
    def side(self) -> int:
        """Pixels on each side of the images as they lie here; augmentation counts in these."""
        return self.x_train.shape[1]

    @property
    def resolution(self) -> int:
        """Pixels on each side of what networks read."""
        return self.reads_at or self.side


# The last one stays: a process trains member after member on one dataset.
@functools.lru_cache(maxsize=1)
def load(
    source: Source, fingerprint: str, device: str, splits: tuple[Split, ...] = ("val",)
) -> Images:
    """Images of train and of `splits`: a job that does not name test cannot see it.

    UnavailableError unless they have the fingerprint that the member names.

    Where the dataset cannot be loaded, the errors of `datasets.load`.
    """
    found = datasets.load(source)
    if found.fingerprint != fingerprint:
        raise UnavailableError(
            f"the member belongs to the data with fingerprint {fingerprint}; {source.spec} now has "
            f"{found.fingerprint}. Restore the files, or begin a new study with the changed ones."
        )
    images = {"val": found.x_val, "test": found.x_test}
    return Images(
        x_train=torch.from_numpy(found.x_train).to(device),
        y_train=torch.from_numpy(found.y_train).to(device),
        to_predict={split: torch.from_numpy(images[split]).to(device) for split in splits},
        mean=torch.from_numpy(found.mean).to(device, torch.float32),
        std=torch.from_numpy(found.std).to(device, torch.float32),
        classes=len(found.classes),
    )


def normalise(images: torch.Tensor, data: Images) -> torch.Tensor:
    """uint8 B x H x W x C to float32 of mean 0 and deviation 1 in the training images."""
    return images.to(data.mean.dtype).sub_(data.mean).div_(data.std)


def as_input(images: torch.Tensor, data: Images) -> torch.Tensor:
    """B x H x W x C to the B x C x R x R that networks read, in channels_last memory.

    No copy, unless they are resized.
    """
    return sized(images.permute(0, 3, 1, 2), data)


def sized(x: torch.Tensor, data: Images) -> torch.Tensor:
    """B x C x H x W at the resolution that networks read: bilinear, antialiased where smaller.

    Batch by batch, after augmentation: a network of any resolution sees the same crops and flips,
    and images of several resolutions need no memory (50,000 of 224 pixels are 7.5 GB).
    """
    if x.shape[-1] == data.resolution:
        return x
    side = (data.resolution, data.resolution)
    # On a CPU, channel by channel: in channels_last it took 1.2 to 20 times as long (5 sizes).
    resized = F.interpolate(
        x.contiguous(), side, mode="bilinear", align_corners=False, antialias=True
    )
    return resized.contiguous(memory_format=torch.channels_last)
