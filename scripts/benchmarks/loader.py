"""Images per second of `folder:PATH`: ensearch against torchvision's ImageFolder, in one run.

    python -m scripts.benchmarks.loader                  # 2,000 pictures of 500 x 375, made up
    python -m scripts.benchmarks.loader --data PATH --resolution 64

Both sides deliver batches of 128 uint8 images that are resized, cropped in the middle, flipped at
random and cropped with padding. The plain side is what a competent user writes: ImageFolder and a
shuffling DataLoader with persistent workers, the fastest of 0 and as many workers as there are
cores, measured first. It decodes every picture in every epoch; ensearch decodes once (`cold`: an
empty data folder, from the listing of the files to the last image in the cache) and reads the cache
afterwards, as a CPU does it (`mapped`: batches out of the memory-mapped file) and as a GPU gets
images for which it has no room (`streamed`: batches gathered by a thread; without a GPU they are
not copied to one). The first epoch of a DataLoader, which starts its workers, does not count. Sides
take turns; medians with the least and the largest, and the ratio of every turn.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets as plain
from torchvision import transforms

from ensearch import datasets
from ensearch.core import Schedule
from ensearch.datasets import Source, _decode
from ensearch.training import augment
from ensearch.training import data as placed
from scripts.benchmarks.machine import machine
from scripts.benchmarks.spread import median_and_range

BATCH = 128
EPOCHS = 5  # of ensearch in a turn: one is too short to be timed
Pixels = npt.NDArray[np.uint8]
CHANGES = Schedule(epochs=1, flip=True, crop=8)


def write_pictures(root: Path, count: int) -> None:
    """JPEG files of 500 x 375 in 10 classes, of about 60 kB: coarse shapes and fine noise."""
    random = np.random.default_rng(0)
    for number in range(count):
        split = "val" if number % 10 == 0 else "train"
        folder = root / split / f"class{number // 10 % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3)).astype(np.uint8))
        levels = np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC)).astype(int)
        levels = levels + random.integers(-14, 15, (375, 500, 1))
        picture = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
        picture.save(folder / f"{number}.jpg", quality=90)


class Plain:
    """ImageFolder and DataLoader."""

    def __init__(self, root: Path, resolution: int, workers: int) -> None:
        steps = transforms.Compose(
            [
                transforms.Resize(resolution, transforms.InterpolationMode.BICUBIC),
                transforms.CenterCrop(resolution),
                transforms.RandomHorizontalFlip(),
                transforms.RandomCrop(resolution, padding=CHANGES.crop, padding_mode="reflect"),
                transforms.PILToTensor(),
            ]
        )
        self.name = f"DataLoader of {workers}"
        self.loader = DataLoader(
            plain.ImageFolder(str(root / "train"), steps),
            BATCH,
            shuffle=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        self.rate()

    def rate(self) -> float:
        return rate(batch for batch, _ in self.loader)


def rate(batches: Iterator[torch.Tensor]) -> float:
    """Return the images per second until the last batch."""
    start, images = time.perf_counter(), 0
    for batch in batches:
        images += len(batch)
    return images / (time.perf_counter() - start)


def epochs(images: placed.Images) -> Iterator[torch.Tensor]:
    """Yield the batches of some epochs, as training asks for them."""
    count = images.count // BATCH * BATCH
    for _ in range(EPOCHS):
        order = torch.randperm(images.count)[:count]
        if images.rows is not None:
            order = images.rows[order]
        changes = augment.draw(CHANGES, count, images.side, torch.default_generator)
        for step, (stored, which) in enumerate(placed.training_batches(images, order, BATCH)):
            yield augment.take(stored, which, changes[slice(step * BATCH, (step + 1) * BATCH)])


def cold(spec: str) -> float:
    """Return the pictures per second from nothing to a cache."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        dataset = datasets.load(Source(spec=spec, data_dir=Path(folder)))
        count = sum(len(x) for x in (dataset.x_train, dataset.x_val, dataset.x_test))
        return count / (time.perf_counter() - start)


def decoding(paths: list[str], resolution: int, gap: int) -> tuple[float, list[Pixels]]:
    """Decode at `gap` times the size or more; return pictures/s of one process, and them."""
    before, _decode.GAP = _decode.GAP, gap
    try:
        start = time.perf_counter()
        images = [_decode.decode(path, resolution, 1.0) for path in paths]
        return len(paths) / (time.perf_counter() - start), images
    finally:
        _decode.GAP = before


def show_gaps(root: Path, resolution: int, turns: int) -> None:
    """Print what decoding at reduced size gains, and what it changes."""
    paths = [str(path) for path in sorted((root / "train").rglob("*.*"))[:100]]
    whole = 10**9  # no picture is that much larger
    rates: dict[int, list[float]] = {gap: [] for gap in (whole, _decode.GAP, 1)}
    images: dict[int, list[Pixels]] = {}
    for _ in range(turns):
        for gap, measured in rates.items():
            speed, images[gap] = decoding(paths, resolution, gap)
            measured.append(speed)
    for gap, measured in rates.items():
        off = np.abs(np.stack(images[gap]).astype(float) - np.stack(images[whole])).mean()
        how = "whole" if gap == whole else f"at {gap} times the size or more"
        print(
            f"decoding {how}: {median_and_range(measured)} pictures/s in one process, off by "
            f"{off:.2f} levels"
        )


def compare(root: Path, spec: str, data_dir: Path, turns: int) -> None:
    """Print the rates of both sides, in turns."""
    source = Source(spec=spec, data_dir=data_dir)
    dataset = datasets.load(source)
    if len(dataset.x_train) < BATCH:
        raise SystemExit(f"at least {BATCH} training pictures are needed beside those of val.")
    mapped = placed.load(source, dataset.fingerprint, "cpu")
    sides: dict[str, Callable[[], float]] = {
        "cold": lambda: cold(spec),
        "mapped": lambda: rate(epochs(mapped)),
        "streamed": lambda: rate(epochs(replace(mapped, streamed=True))),
    }
    cores = os.cpu_count() or 1
    candidates = [Plain(root, dataset.resolution, workers) for workers in (0, cores)]
    by_hand = max(candidates, key=Plain.rate)
    starts: list[float] = []
    rates: dict[str, list[float]] = {name: [] for name in (*sides, by_hand.name)}
    for _ in range(turns):
        for name, side in {**sides, by_hand.name: by_hand.rate}.items():
            rates[name].append(side())
        start = time.perf_counter()
        datasets.load(source)
        starts.append(time.perf_counter() - start)
    print(f"images/s, medians [least, most] of {turns} turns, and times the DataLoader")
    for name, values in rates.items():
        ratios = [a / b for a, b in zip(values, rates[by_hand.name], strict=True)]
        print(f"  {name:<16} {median_and_range(values):>26}   {median_and_range(ratios, 2)}")
    print(f"  a later start takes {median_and_range(starts, 3)} s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder with train/CLASS/* and val/CLASS/*")
    parser.add_argument(
        "--pictures", type=int, default=2000, help="pictures made up without --data"
    )
    parser.add_argument("--resolution", type=int, default=224, help="pixels a side")
    parser.add_argument("--turns", type=int, default=5, help="measurements of each side")
    return parser


def main() -> None:
    options = _parser().parse_args()
    print(", ".join(f"{name} {value}" for name, value in machine("pillow").items()))
    if not torch.cuda.is_available():
        print("no CUDA GPU here: copying batches to one is skipped")
    with tempfile.TemporaryDirectory() as folder:
        root = options.data
        if root is None:
            root = Path(folder, "pictures")
            write_pictures(root, options.pictures)
        count = sum(1 for path in root.rglob("*.*") if path.is_file())
        print(f"{count:,} pictures in {root.name}, at {options.resolution} pixels a side")
        show_gaps(root, options.resolution, options.turns)
        compare(root, f"folder:{root}@{options.resolution}", Path(folder, "data"), options.turns)


if __name__ == "__main__":
    main()
