"""Fashion-MNIST: 70,000 pictures of clothes (Xiao, Rasul and Vollgraf 2017)."""

from pathlib import Path

from ensearch.core import Schedule
from ensearch.datasets import _torchvision
from ensearch.datasets._dataset import Raw

SUMMARY = "Fashion-MNIST: 60,000 + 10,000 clothes, 28 x 28, grey; a download of 30 MB"
ARGUMENT = ""
SCHEDULE = Schedule(epochs=8, optimizer="muon", flip=True, crop=2)


def load(argument: str, data_dir: Path) -> Raw:
    from torchvision.datasets import FashionMNIST  # costs 2 s

    archives = [
        _torchvision.Archive(f"FashionMNIST/raw/{name}", md5, FashionMNIST.mirrors[0] + name)
        for name, md5 in FashionMNIST.resources
    ]
    return _torchvision.load(FashionMNIST, archives, data_dir)
