"""The plain side of the benchmark: the loop that a competent user of PyTorch writes."""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from ensearch import families
from ensearch.training.optimizer import learning_rate
from scripts.benchmarks.train.work import Work

LOADERS = ("PIL", "tensor")


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """The dataset as torchvision has it: a PIL image (or a tensor), transformed, and a label."""

    def __init__(self, work: Work, loader: str) -> None:
        data, schedule = work.data, work.schedule
        self.labels = data.y_train.tolist()
        self.loader, self.images = loader, data.x_train[np.arange(len(data.x_train))]
        if loader == "tensor":
            self.tensors = torch.from_numpy(self.images).permute(0, 3, 1, 2).contiguous()
        steps: list[Callable[[Any], Any]] = []
        if schedule.crop:
            crop = transforms.RandomCrop(
                data.resolution, padding=schedule.crop, padding_mode="reflect"
            )
            steps.append(crop)
        if schedule.flip:
            steps.append(transforms.RandomHorizontalFlip())
        to_float = transforms.ConvertImageDtype(torch.float32)
        steps.append(to_float if loader == "tensor" else transforms.ToTensor())
        steps.append(transforms.Normalize(data.mean / 255, data.std / 255))
        self.transform = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if self.loader == "tensor":
            return self.transform(self.tensors[index]), self.labels[index]
        pixels = self.images[index]
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        return self.transform(image), self.labels[index]


class PlainLoop:
    """The loop with one DataLoader."""

    def __init__(self, work: Work, device: str, loader: str, workers: int) -> None:
        self.work, self.device = work, device
        self.label = f"{loader}, {workers} workers"
        schedule = work.schedule
        self.loader = DataLoader(
            Pictures(work, loader),
            batch_size=schedule.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=device == "cuda",
        )
        self.begin()
        self.batches = endless(self.loader)
        self.measure(3)  # starts the workers of the DataLoader

    def begin(self) -> None:
        """Start anew: a network drawn by torch's generator and its optimizer."""
        work, schedule = self.work, self.work.schedule
        model = families.build(work.architecture, work.data.channels, len(work.data.classes))
        self.model = model.to(self.device).train()
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=schedule.peak_lr,
            momentum=schedule.momentum,
            weight_decay=schedule.weight_decay,
            nesterov=True,
        )

    def measure(self, steps: int) -> float:
        """Return images per second over `steps` batches, from one epoch into the next."""
        start = time.perf_counter()
        for x, y in itertools.islice(self.batches, steps):
            self._step(x, y)
        return steps * self.work.schedule.batch_size / (time.perf_counter() - start)

    def train(self, epochs: int, seed: int) -> tuple[float, float]:
        """Train a new network to the end of its schedule; return seconds and accuracy on val.

        The learning rate of every step is ensearch's: the plain side loses nothing by it.
        """
        torch.manual_seed(seed)
        self.begin()
        schedule, steps = self.work.schedule, epochs * len(self.loader)
        start = time.perf_counter()
        for step, (x, y) in enumerate(itertools.islice(self.batches, steps)):
            rate = learning_rate(step, steps, schedule.warmup, schedule.peak_lr)
            self.optimizer.param_groups[0]["lr"] = rate
            self._step(x, y)
        return time.perf_counter() - start, self._accuracy()

    def _step(self, x: torch.Tensor, y: torch.Tensor) -> None:
        smoothing = self.work.schedule.label_smoothing
        x, y = x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device == "cuda"):
            loss = F.cross_entropy(self.model(x), y, label_smoothing=smoothing)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        loss.item()  # a loop that a person watches reads the loss

    @torch.inference_mode()
    def _accuracy(self) -> float:
        data = self.work.data
        x = torch.from_numpy(data.x_val[np.arange(len(data.x_val))]).permute(0, 3, 1, 2)
        mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (data.mean, data.std))
        self.model.eval()
        guesses = [
            self.model(((batch - mean) / std).float().to(self.device)).argmax(1).cpu()
            for batch in torch.split(x, 500)
        ]
        return float((torch.cat(guesses).numpy() == data.y_val).mean())


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Yield the batches of epoch after epoch."""
    while True:
        yield from loader


def fastest(
    work: Work, device: str, seconds: float, loaders: Sequence[str]
) -> tuple[PlainLoop, float]:
    """Return the loop with the fastest DataLoader here, and its images per second."""
    cores = os.cpu_count() or 1
    workers = sorted({0, 1, 2} | ({cores // 2, cores} if device == "cuda" else set()))
    rates: list[tuple[float, str, int]] = []
    for loader, number in itertools.product(loaders, workers):
        loop = PlainLoop(work, device, loader, number)
        steps = max(3, int(seconds * loop.measure(3) / work.schedule.batch_size))
        rates.append((loop.measure(steps), loader, number))
        del loop  # and with it the workers of its DataLoader
    rate, loader, number = max(rates)
    return PlainLoop(work, device, loader, number), rate
