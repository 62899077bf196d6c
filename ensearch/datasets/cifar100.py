"""CIFAR-100: 60,000 colour photographs of 100 classes (Krizhevsky 2009)."""

from pathlib import Path

from ensearch.core import Schedule
from ensearch.datasets import _torchvision
from ensearch.datasets._dataset import Raw

SUMMARY = "CIFAR-100: 50,000 + 10,000 photographs, 32 x 32, colour; a download of 170 MB"
ARGUMENT = ""
SCHEDULE = Schedule(epochs=10, optimizer="muon", batch_size=128, flip=True, crop=4)


def load(argument: str, data_dir: Path) -> Raw:
    from torchvision.datasets import CIFAR100  # costs 2 s

    archive = _torchvision.Archive(CIFAR100.filename, CIFAR100.tgz_md5, CIFAR100.url)
    return _torchvision.load(CIFAR100, [archive], data_dir)
