"""A dataset's images as tensors on the device, or streamed to it where they do not fit."""

import functools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ensearch import datasets
from ensearch.core import Split
from ensearch.datasets import Dataset, Pictures, Source, Stored
from ensearch.errors import UnavailableError
from ensearch.training import prefetch
from ensearch.training.prefetch import OnHost

# Share of the device's free memory that images may take; the rest is for networks and what they
# compute.
_SHARE = 1 / 3
_CHUNK = 2**26  # bytes that go to a device at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Images on the device: those that train, and of each split to predict.

    Images are uint8, M x R x R x C, which seen as M x C x R x R is the channels_last layout. Where
    they are `streamed` they lie on the host, and batches of them go to the device. Networks read
    them at `reads_at` pixels a side, if that is said, else as they are: see `sized`. Where they
    learn `targets` in place of labels, `y_train` says which row belongs to which image.
    """

    x_train: torch.Tensor
    y_train: torch.Tensor  # M, on the device
    to_predict: Mapping[Split, torch.Tensor | OnHost]
    mean: torch.Tensor  # C, of pixels in 0 .. 255
    std: torch.Tensor
    classes: int
    reads_at: int | None = None
    rows: torch.Tensor | None = None  # N of the M that train, on the host; None if all do
    streamed: bool = False
    targets: torch.Tensor | None = None  # N x classes probabilities, on the device
    # Refuses those of the M that are damaged, where they lie in a file.
    check: Callable[[npt.NDArray[np.int64]], None] | None = None

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

    @property
    def count(self) -> int:
        """How many images train."""
        return len(self.x_train) if self.rows is None else len(self.rows)

    @property
    def to_train(self) -> torch.Tensor | OnHost:
        """The images that train, in their order, to be predicted like those of a split."""
        if self.rows is None and not self.streamed:
            return self.x_train
        rows = torch.arange(self.count) if self.rows is None else self.rows
        return OnHost(pixels=self.x_train, rows=rows, check=self.check)

    def taught(self, targets: torch.Tensor) -> "Images":
        """The same images with N x classes probabilities in place of their labels."""
        places = torch.arange(self.count)
        if self.rows is not None:
            places = torch.zeros(len(self.x_train), dtype=torch.int64).index_copy(
                0, self.rows, places
            )
        device = self.y_train.device
        return replace(self, y_train=places.to(device), targets=targets.to(device))


# The last one stays: a process trains member after member on one dataset.
@functools.lru_cache(maxsize=1)
def load(
    source: Source, fingerprint: str, device: str, splits: tuple[Split, ...] = ("val",)
) -> Images:
    """Images of train and of `splits`: a job that does not name test cannot see it.

    Raises UnavailableError unless they have the fingerprint that the member names, and the errors
    of `datasets.load`.
    """
    dataset = datasets.load(source)
    if dataset.fingerprint != fingerprint:
        raise UnavailableError(
            f"the member belongs to the data with fingerprint {fingerprint}; {source.spec} now has "
            f"{dataset.fingerprint}. Restore the files, or begin a new study with the changed ones."
        )
    images: dict[Split, Pictures] = {"val": dataset.x_val, "test": dataset.x_test}
    return _placed(dataset, {split: images[split] for split in splits}, device)


def _placed(dataset: Dataset, to_predict: Mapping[Split, Pictures], device: str) -> Images:
    """The images of the dataset on the device if they fit there, else on the host.

    On a CPU what lies in a file stays there, mapped: all workers share one copy in memory.
    """
    every = [dataset.x_train, *to_predict.values()]
    fits = sum(math.prod(x.shape) for x in every) <= room(device)
    moves = fits and not (device == "cpu" and isinstance(dataset.x_train, Stored))
    x_train, y_train = _on_host(dataset.x_train), torch.from_numpy(dataset.y_train)
    predicted = {split: _on_host(x) for split, x in to_predict.items()}
    placed = Images(
        x_train=x_train.pixels,
        y_train=torch.zeros(len(x_train.pixels), dtype=torch.int64)
        .index_copy(0, x_train.rows, y_train)
        .to(device),
        to_predict=predicted,
        mean=torch.from_numpy(dataset.mean).to(device, torch.float32),
        std=torch.from_numpy(dataset.std).to(device, torch.float32),
        classes=len(dataset.classes),
        rows=x_train.rows,
        streamed=not fits,
        check=x_train.check,
    )
    if not moves:
        return placed
    return replace(
        placed,
        x_train=_on_device(x_train, device),
        y_train=y_train.to(device),
        to_predict={split: _on_device(x, device) for split, x in predicted.items()},
        rows=None,
        check=None,
    )


def room(device: str) -> float:
    """How many bytes of images may live on the device."""
    if device != "cuda":
        return float("inf")  # they are in its memory already, or mapped into it
    return _SHARE * torch.cuda.mem_get_info()[0]


def _on_host(images: Pictures) -> OnHost:
    """The images as a tensor on the host, without copying them."""
    if not isinstance(images, Stored):
        return OnHost(pixels=torch.from_numpy(images), rows=torch.arange(len(images)))
    with warnings.catch_warnings():
        # A mapped file is read-only, which a tensor cannot be; nothing writes to it. Mapped as
        # writable, it would count as memory in use, and one larger than the memory be refused.
        warnings.filterwarnings("ignore", message=".*not writable")
        pixels = torch.from_numpy(images.pixels)
    return OnHost(pixels=pixels, rows=torch.from_numpy(images.index), check=images.check)


def _on_device(images: OnHost, device: str) -> torch.Tensor:
    """A copy of the images on the device."""
    if device == "cpu":
        return images.pixels
    shape = images.pixels.shape[1:]
    placed = torch.empty((len(images), *shape), dtype=torch.uint8, device=device)
    size = max(1, _CHUNK // shape.numel())
    for at, rows in zip(torch.split(placed, size), torch.split(images.rows, size), strict=True):
        if images.check is not None:
            images.check(rows.numpy())
        at.copy_(images.pixels[rows])
    return placed


def training_batches(
    images: Images, order: torch.Tensor, size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """For each batch of `order`, images on the device, and the indices of the batch among them.

    `order` is N indices of `images.x_train`, a multiple of `size`; the same batches whether the
    images live on the device or are sent there.
    """
    device = images.y_train.device
    if not images.streamed:
        for batch in torch.split(order.to(device), size):
            if images.check is not None:
                images.check(batch.numpy())
            yield images.x_train, batch
        return
    everything = torch.arange(size, device=device)
    streamed = OnHost(pixels=images.x_train, rows=order, check=images.check)
    for batch in prefetch.batches(streamed, size, device):
        yield batch, everything


def in_batches(
    images: torch.Tensor | OnHost, size: int, device: torch.device
) -> Iterator[torch.Tensor]:
    """Batches of the images in their order, on the device."""
    if isinstance(images, OnHost):
        return prefetch.batches(images, size, device)
    return iter(torch.split(images, size))


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
