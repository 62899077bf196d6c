"""Logits of a model that exists, on images in memory or in a file. Nothing is trained here."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from ensearch.cores import usable_cores
from ensearch.datasets import Pictures
from ensearch.errors import UnavailableError
from ensearch.pool.notes import OnNote, unheard
from ensearch.training.device import is_out_of_memory
from ensearch.units import format_duration

BATCH = 128
PIXELS = 128 * 64 * 64  # of a batch on a CPU, where every core has one in memory
BATCHES = 16  # at a time: more cost memory
FIRST, EVERY = 3.0, 10.0  # seconds until somebody who waits hears something, and then hears more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormalisedModel:
    """A model and what its inputs are.

    `mean` and `std` are per channel, in grey levels of 0..255; `resolution` is in pixels a side.
    """

    model: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resolution: int


def logits(
    network: NormalisedModel,
    images: Pictures,
    device: str,
    on_progress: OnNote = unheard,
) -> npt.NDArray[np.float32]:
    """N x C logits in float32: rounding is not worth the doubt in a model that is not ours.

    `on_progress` hears how far it is where it takes more than a few seconds. Raises
    UnavailableError where a device has too little memory.
    """
    model = network.model.eval().to(device).to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(values, device=device) for values in (network.mean, network.std))
    side = network.resolution

    def predict(start: int) -> npt.NDArray[np.float32]:
        batch = np.array(images[start : start + step])  # writable: what torch asks for
        with torch.inference_mode():
            x = torch.from_numpy(batch).to(device).float().sub_(mean).div_(std).permute(0, 3, 1, 2)
            if x.shape[-1] != side:
                x = F.interpolate(x, (side, side), mode="bilinear", antialias=True).contiguous(
                    memory_format=torch.channels_last
                )
            rows: npt.NDArray[np.float32] = model(x).float().cpu().numpy()
        return rows

    step = BATCH if device != "cpu" else min(BATCH, max(1, PIXELS // side**2))
    starts = range(0, len(images), step)
    batches, clock = [], _Clock(on_progress=on_progress, began=time.monotonic())
    try:
        with _cores(device) as run:
            for future in [run(predict, start) for start in starts]:
                batches.append(future.result())
                clock.tell(min(len(batches) * step, len(images)), len(images))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise UnavailableError(
            f"{device} has too little memory for {step} images of {side} pixels a side at once: "
            "take a smaller resolution, or a device with more."
        ) from error
    return np.concatenate(batches)


@contextmanager
def _cores(device: str) -> Iterator[Callable[..., "Future[Any]"]]:
    """A function that runs another one soon, in order; on a CPU on every core at once.

    A core computes whole batches by itself. Sharing every batch among the cores, as PyTorch does,
    makes them wait for each other at every layer: where another program had one of two cores,
    MobileNetV3-small 0.5 at 32 pixels predicted 426 images a second [366, 773], on one thread 7,106
    [6,795, 9,195] and so 8,052 [6,750, 8,555] (medians of 3 and ranges, 5,000 images).
    """
    threads, own = torch.get_num_threads(), device == "cpu"
    pool = ThreadPoolExecutor(
        max_workers=min(usable_cores(), BATCHES) if own else 1,
        initializer=torch.set_num_threads,
        initargs=(1 if own else threads,),
    )
    try:
        yield pool.submit
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for no more than the batches under way
        torch.set_num_threads(threads)


@dataclass(slots=True, kw_only=True)
class _Clock:
    """Tells now and then how far it is."""

    on_progress: OnNote
    began: float
    told: float = 0.0

    def tell(self, done: int, count: int) -> None:
        passed = time.monotonic() - self.began
        if done < count and passed >= (self.told + EVERY if self.told else FIRST):
            self.told = passed
            left = format_duration(passed / done * (count - done))
            self.on_progress(f"{done:,} of {count:,} images, about {left} left")
