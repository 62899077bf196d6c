"""Images per second in training: ensearch against a plain PyTorch loop, in one run.

    python -m scripts.benchmarks.train --data cifar10-30k.npz --out result.json

ensearch trains as in a search: `train_members` in worker processes, one single-threaded process
per core with a member in each; on CUDA one process with one member. The plain loop is what a
competent user writes: a DataLoader with torchvision transforms, all threads, float32 (bfloat16 on
CUDA), the default memory format, SGD with Nesterov momentum. It gets the fastest of several
DataLoaders, measured first: transforms of PIL images or of tensors, each with 0, 1, 2 or more
workers. Network, images, augmentation, batch size and schedule are the same. Start-up and first
epochs count for neither. They take turns, so that a machine that slows down slows both; the ratio
is the median over turns, with the least and the largest.

--data is a file for `--dataset npz:FILE`; without it the pictures of CIFAR-10's size are random,
which changes no speed.

What was tried for ensearch on a CPU (one core of a 2-core EPYC with AVX-512 BF16, torch 2.15,
least processor time of a step; batches of 64 digits or of 128 CIFAR-10 pictures) and left out:

    float32 in the default memory format           1.2 to 1.8 times slower than channels_last
    bfloat16 in the default memory format          1.05 to 3.2 times slower than channels_last
    convolutions without oneDNN                    2.7 to 8.5 times slower (16 and 64 channels)
    malloc keeping all memory (mallopt)            bfloat16 0 to 2 %, float32 0 to 10 %
    huge pages (glibc.malloc.hugetlb=1)            4 % slower
    flushing denormals, garbage collector off      0 % (it ran once in 350 steps, for 1 ms)
    pixels packed into 32-bit words                no faster than the gather of whole pixels
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms

from ensearch import datasets, families, launch
from ensearch.core import Architecture, Member, Schedule
from ensearch.datasets import Dataset, Source
from ensearch.launch import Failed, MemberJob, Progress
from ensearch.training import describe_device, measure_speed, train_members

# Ratios that ensearch is meant to reach on CPUs.
GOALS = {
    "digits": dict.fromkeys(("10-0.25", "10-0.5", "10-1", "16-1", "16-2"), 5.0),
    "cifar": {"10-1": 2.0, "16-1": 1.7, "16-2": 1.3},
}
# Networks, and how many images an epoch has (None: all that there are); a step of 128 images
# through WRN-16-4 takes seconds on a CPU.
NETWORKS: dict[str, dict[str, int | None]] = {
    "digits": {"10-0.25": None, "10-0.5": None, "10-1": None, "16-1": None, "16-2": None},
    "cifar": {"10-1": 2560, "16-1": 1280, "16-2": 1280, "16-4": 640},
}
LOADERS = ("PIL", "tensor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One network on one dataset."""

    name: str
    network: str
    source: Source
    data: Dataset
    architecture: Architecture
    schedule: Schedule

    @property
    def images(self) -> int:
        """Images of an epoch: an incomplete last batch is dropped by both sides."""
        size = self.schedule.batch_size
        return len(self.data.x_train) // size * size


class Ours:
    """ensearch's own workers, kept from one measurement to the next."""

    def __init__(self, work: Work, device: str) -> None:
        self.work, self.device = work, device
        self.slots = os.cpu_count() or 1 if device == "cpu" else 1
        self.launcher = launch.get("processes").open(train_members, self.slots)
        self.seeds = itertools.count()
        self.measure(2)  # the first start of a worker takes seconds

    def measure(self, epochs: int) -> float:
        """Images per second of all workers, while all of them are between first and last epoch."""
        ends: dict[str, list[float]] = {}  # when the epochs of each member ended
        for _ in range(self.slots):
            self.launcher.submit((self._job(epochs + 1),))
        running = self.slots
        while running:
            for update in self.launcher.wait(60.0):
                if isinstance(update, Failed):
                    raise SystemExit(f"{self.work.network}: {update.detail}")
                if isinstance(update, Progress):
                    ends.setdefault(update.key, []).append(time.perf_counter())
                else:
                    running -= 1
        window = max(t[0] for t in ends.values()), min(t[-1] for t in ends.values())
        done = sum(np.diff(np.interp(window, t, range(len(t)))).item() for t in ends.values())
        return float(done * self.work.images / (window[1] - window[0]))

    def _job(self, epochs: int) -> MemberJob:
        work = self.work
        member = Member(
            architecture=work.architecture,
            schedule=replace(work.schedule, epochs=epochs),
            dataset=work.data.fingerprint,
            seed=next(self.seeds),
        )
        return MemberJob(
            member=member,
            source=work.source,
            device=self.device,
            keep_weights=False,
            checkpoint=None,
        )

    def close(self) -> None:
        self.launcher.close()


class Pictures(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """The dataset as torchvision has it: a PIL image (or a tensor), transformed, and a label."""

    def __init__(self, work: Work, kind: str) -> None:
        data, schedule = work.data, work.schedule
        self.labels = data.y_train.tolist()
        self.kind, self.images = kind, data.x_train
        if kind == "tensor":
            self.tensors = torch.from_numpy(data.x_train).permute(0, 3, 1, 2).contiguous()
        steps: list[Callable[[Any], Any]] = []
        if schedule.crop:
            crop = transforms.RandomCrop(
                data.resolution, padding=schedule.crop, padding_mode="reflect"
            )
            steps.append(crop)
        if schedule.flip:
            steps.append(transforms.RandomHorizontalFlip())
        to_float = transforms.ConvertImageDtype(torch.float32)
        steps.append(to_float if kind == "tensor" else transforms.ToTensor())
        steps.append(transforms.Normalize(data.mean / 255, data.std / 255))
        self.transform = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if self.kind == "tensor":
            return self.transform(self.tensors[index]), self.labels[index]
        pixels = self.images[index]
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        return self.transform(image), self.labels[index]


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Batches of epoch after epoch."""
    while True:
        yield from loader


class Plain:
    """The plain loop, with one DataLoader."""

    def __init__(self, work: Work, device: str, kind: str, workers: int) -> None:
        self.work, self.device = work, device
        self.label = f"{kind}, {workers} workers"
        schedule = work.schedule
        self.loader = DataLoader(
            Pictures(work, kind),
            batch_size=schedule.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=device == "cuda",
        )
        model = families.build(work.architecture, work.data.channels, len(work.data.classes))
        self.model = model.to(device).train()
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=schedule.peak_lr,
            momentum=schedule.momentum,
            weight_decay=schedule.weight_decay,
            nesterov=True,
        )
        self.batches = endless(self.loader)
        self.measure(3)  # starts the workers of the DataLoader

    def measure(self, steps: int) -> float:
        """Images per second over `steps` batches, from one epoch into the next."""
        start, smoothing = time.perf_counter(), self.work.schedule.label_smoothing
        for x, y in itertools.islice(self.batches, steps):
            x, y = x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)
            with torch.autocast("cuda", torch.bfloat16, enabled=self.device == "cuda"):
                loss = F.cross_entropy(self.model(x), y, label_smoothing=smoothing)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()  # a loop that a person watches reads the loss
        return steps * self.work.schedule.batch_size / (time.perf_counter() - start)


def best_plain(
    work: Work, device: str, seconds: float, loaders: Sequence[str]
) -> tuple[Plain, float]:
    """The plain loop with the fastest DataLoader here, and its images per second."""
    cores = os.cpu_count() or 1
    workers = sorted({0, 1, 2} | ({cores // 2, cores} if device == "cuda" else set()))
    rates: list[tuple[float, str, int]] = []
    for kind, number in itertools.product(loaders, workers):
        loop = Plain(work, device, kind, number)
        steps = max(3, int(seconds * loop.measure(3) / work.schedule.batch_size))
        rates.append((loop.measure(steps), kind, number))
        del loop  # and with it the workers of its DataLoader
    rate, kind, number = max(rates)
    return Plain(work, device, kind, number), rate


def compare(
    work: Work, device: str, turns: int, seconds: float, loaders: Sequence[str]
) -> dict[str, Any]:
    """Both sides in turns of about `seconds` each."""
    plain, rate = best_plain(work, device, seconds / 4, loaders)
    steps = max(1, round(seconds * rate / work.schedule.batch_size))
    ours = Ours(work, device)
    try:
        epochs = max(1, round(seconds * ours.measure(1) / work.images / ours.slots))
        pairs = [(ours.measure(epochs), plain.measure(steps)) for _ in range(turns)]
    finally:
        ours.close()
    shape = (work.data.channels, len(work.data.classes), work.data.resolution)
    predicted = ours.slots / measure_speed(
        work.architecture, shape, work.schedule.batch_size, device
    )
    ratios = [a / b for a, b in pairs]
    return {
        "data": work.name,
        "network": work.network,
        "device": device,
        "batch_size": work.schedule.batch_size,
        "images_per_epoch": work.images,
        "plain_loader": plain.label,
        "ensearch_images_per_s": [round(a, 1) for a, _ in pairs],
        "plain_images_per_s": [round(b, 1) for _, b in pairs],
        "plan_images_per_s": round(predicted, 1),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_least": round(min(ratios), 3),
        "ratio_largest": round(max(ratios), 3),
        "goal": GOALS[work.name].get(work.network) if device == "cpu" else None,
        "n": turns,
    }


def line(row: dict[str, Any]) -> str:
    goal = row["goal"]
    reached = "" if goal is None else "reached" if row["ratio"] >= goal else "missed"
    return (
        f"{row['data']:7}{row['network']:6}{statistics.median(row['ensearch_images_per_s']):10,.0f}"
        f"{statistics.median(row['plain_images_per_s']):10,.0f}{row['ratio']:8.2f} "
        f"[{row['ratio_least']:.2f}, {row['ratio_largest']:.2f}]"
        f"{row['plan_images_per_s']:10,.0f}  {row['plain_loader']}"
        + (f"  goal {goal:g}: {reached}" if reached else "")
    )


def works(data: str, spec: str, schedule: Schedule, networks: list[str]) -> Iterator[Work]:
    for network, images in NETWORKS[data].items():
        if networks and f"{data}:{network}" not in networks:
            continue
        source = Source(spec=spec, data_dir=Path("unused"), limit_train=images)
        loaded = datasets.load(source)
        depth, width = network.split("-")
        architecture = Architecture(
            family="wide_resnet",
            width=float(width),
            depth=int(depth),
            resolution=loaded.resolution,
        )
        yield Work(
            name=data,
            network=network,
            source=source,
            data=loaded,
            architecture=architecture,
            schedule=schedule,
        )


def random_pictures(folder: Path) -> Path:
    """A file of random pictures of CIFAR-10's size."""
    rng, path = np.random.default_rng(0), folder / "random.npz"
    arrays: dict[str, Any] = {}
    for split, count in (("train", 5_000), ("test", 100)):
        arrays[f"x_{split}"] = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % 10
    np.savez(path, **arrays)
    return path


def conditions(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "date": date.today().isoformat(),
        "cpu": describe_device("cpu"),
        "cores": os.cpu_count(),
        "gpu": describe_device("cuda") if torch.cuda.is_available() else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "pictures": "random" if options.data is None else options.data.name,
        "seconds_per_turn": options.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="npz file of pictures of 32 x 32")
    parser.add_argument("--turns", type=int, default=5, help="measurements of each side")
    parser.add_argument("--seconds", type=float, default=4.0, help="of a turn of a side")
    parser.add_argument("--network", action="append", default=[], help="DATA:NETWORK, cifar:16-1")
    parser.add_argument(
        "--loader", action="append", choices=LOADERS, help="transforms that the plain loop may use"
    )
    parser.add_argument("--quick", action="store_true", help="3 turns of 1 s")
    parser.add_argument("--out", type=Path, help="write the figures and their conditions as JSON")
    options = parser.parse_args()
    if options.quick:
        options.turns, options.seconds = 3, 1.0
    facts, rows = conditions(options), []
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    if "cuda" not in devices:
        print("no CUDA GPU here: the comparison on one GPU is skipped")
    if options.data is None:
        print("without --data the pictures of CIFAR-10's size are random")
    with tempfile.TemporaryDirectory() as folder:
        pictures = options.data or random_pictures(Path(folder))
        for device in devices:
            print(f"{device}: data, network, images/s of ensearch and of the plain loop, ratio,")
            print("images/s that `ensearch run` would announce, the DataLoader that was best")
            for name, spec, schedule in (
                ("digits", "digits", datasets.schedule("digits")),
                ("cifar", f"npz:{pictures}", datasets.schedule("cifar10")),
            ):
                for work in works(name, spec, schedule, options.network):
                    found = compare(
                        work, device, options.turns, options.seconds, options.loader or LOADERS
                    )
                    rows.append(found)
                    print(line(rows[-1]), flush=True)
    if options.out is not None:
        options.out.write_text(json.dumps({"conditions": facts, "results": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
