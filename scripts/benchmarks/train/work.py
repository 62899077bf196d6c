"""The networks and datasets that both sides train."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ensearch import datasets
from ensearch.core import Architecture, Schedule
from ensearch.datasets import Dataset, Source
from scripts.benchmarks.networks import architecture

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


def works(cifar: str, only: Collection[str]) -> Iterator[Work]:
    """Yield the works of digits, then of `cifar`, the spec of pictures like those of CIFAR-10.

    `only` names the works to keep as DATA:NETWORK; all are kept if it is empty.
    """
    for name, spec, schedule in (
        ("digits", "digits", datasets.schedule("digits").changed(optimizer="sgd")),
        ("cifar", cifar, datasets.schedule("cifar10").changed(optimizer="sgd")),
    ):
        for network, images in NETWORKS[name].items():
            if only and f"{name}:{network}" not in only:
                continue
            source = Source(spec=spec, data_dir=Path("unused"), limit_train=images)
            data = datasets.load(source)
            yield Work(
                name=name,
                network=network,
                source=source,
                data=data,
                architecture=architecture(network, data.resolution),
                schedule=schedule,
            )
