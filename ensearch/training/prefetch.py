"""Images that stay on the host and go to the device in batches, some ahead of the one in use."""

import functools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

# Batches in flight: one is gathered while another is copied and the network works on a third.
AHEAD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHost:
    """N images among those of a tensor in memory, which may be a memory-mapped file."""

    pixels: torch.Tensor  # M x R x R x C, uint8
    rows: torch.Tensor  # N: which of the M
    # Refuses those of the M that are damaged, where they lie in a file.
    check: Callable[[npt.NDArray[np.int64]], None] | None = None

    def __len__(self) -> int:
        return len(self.rows)


def batches(images: OnHost, size: int, device: torch.device) -> Iterator[torch.Tensor]:
    """The images in order, `size` at a time, on the device."""
    side = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
    fetch = functools.partial(_fetch, images, device, side)
    waiting: deque[Future[torch.Tensor]] = deque()
    with ThreadPoolExecutor(1) as background:
        try:
            for rows in torch.split(images.rows, size):
                waiting.append(background.submit(fetch, rows))
                if len(waiting) > AHEAD:
                    yield _received(waiting.popleft())
            while waiting:
                yield _received(waiting.popleft())
        finally:
            background.shutdown(cancel_futures=True)


def _fetch(
    images: OnHost, device: torch.device, side: torch.cuda.Stream | None, rows: torch.Tensor
) -> torch.Tensor:
    """The rows of the images on the device; runs in the background, on all of torch's threads."""
    pixels = images.pixels
    if images.check is not None:
        images.check(rows.numpy())
    if side is None:
        return pixels.index_select(0, rows)
    # From pageable memory a copy would wait for the GPU's queue, and block it.
    pinned = torch.empty((len(rows), *pixels.shape[1:]), dtype=torch.uint8, pin_memory=True)
    torch.index_select(pixels, 0, rows, out=pinned)
    with torch.cuda.stream(side):
        moved = pinned.to(device, non_blocking=True)
    side.synchronize()
    return moved


def _received(batch: Future[torch.Tensor]) -> torch.Tensor:
    """The images of a batch, once they are on the device."""
    images = batch.result()
    if images.is_cuda:
        # Its memory belongs to the other stream, which must not fill it again while it is read.
        images.record_stream(torch.cuda.current_stream())
    return images
