"""A study opened for work: its configuration, its images and its ladder, checked against the store.

Opening creates what is missing and changes nothing that is there: a study whose stored
configuration, images or labels differ from what is asked is refused with the differences.
"""

import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ensearch import cost, datasets
from ensearch.core import Architecture, Cost, Member, Schedule
from ensearch.cost import training_macs
from ensearch.datasets import Dataset, Source
from ensearch.errors import StorageError
from ensearch.search_space import Cell, Ladder, ladder
from ensearch.seeds import derive
from ensearch.store import Store, StudyRecord
from ensearch.store.labels import SplitLabels, digest, places
from ensearch.store.samples import ImageSample
from ensearch.study import config as configs
from ensearch.study.config import StudyConfig
from ensearch.study.matches import Setting
from ensearch.study.timing import Timer


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything that a driver needs to know; the data are in memory."""

    config: StudyConfig
    source: Source
    dataset: Dataset
    ladder: Ladder
    costs: Mapping[Architecture, Cost]  # of one member; those of the ladder are known
    # Milliseconds of one member of the ladder, where the budget has a bound in them.
    ms: Mapping[Architecture, float]

    @property
    def images(self) -> dict[str, int]:
        """Number of images of each split."""
        return _images(self.dataset)

    def count(self, architecture: Architecture) -> Cost:
        """Cost of one member on this study's images."""
        # Counting takes 40 to 100 ms, and the first time 2 s of imports.
        return self.costs.get(architecture) or cost.count(
            architecture, self.dataset.channels, len(self.dataset.classes)
        )

    @property
    def most_val(self) -> float:
        """How many images could validate: half of those that train or validate.

        Infinite where a limit of the training images leaves more than are counted here.
        """
        images, config = self.images, self.config
        if config.limit_train is None:
            return (images["train"] + images["val"]) // 2
        all_do = config.val == datasets.LEFT_OVER and images["val"] < datasets.MOST_VAL
        return images["val"] if all_do else math.inf

    @property
    def macs(self) -> float:
        """Multiply-adds within which everything is: the budget if it is of them."""
        steps, budget = self.ladder, self.config.budget
        return budget.amount if budget.is_flops else max(c.cost.macs for c in steps.cells)

    @property
    def setting(self) -> Setting:
        """What the ladder was built from."""
        return Setting(
            space=self.config.space,
            budget=self.config.budget,
            schedule=self.config.schedule,
            resolution=self.dataset.resolution,
            count=self.count,
        )

    def members(self, cell: Cell) -> tuple[Member, ...]:
        """What a trial of the cell trains: its size, or as many as every network gets at least."""
        return self.members_of(cell.architecture, cell.schedule, max(cell.size, self.config.seeds))

    def members_of(
        self, architecture: Architecture, schedule: Schedule, count: int
    ) -> tuple[Member, ...]:
        """Return the first members of a network; member i is the same whoever asks."""
        return tuple(
            Member(
                architecture=architecture,
                schedule=schedule,
                dataset=self.dataset.fingerprint,
                seed=derive(self.config.seed, "member", index),
            )
            for index in range(count)
        )

    def largest_size(self, architecture: Architecture) -> int:
        """The size of the largest ensemble of a network that budget and space allow."""
        ms = self.ms.get(architecture)
        within = self.config.budget.largest(self.count(architecture), ms)
        return min(within, self.config.space.members[-1])

    def train_macs(self, architecture: Architecture, schedule: Schedule) -> float:
        """Estimated multiply-adds of training one member on the study's images."""
        return training_macs(self.count(architecture), self.images["train"], schedule)

    def price(self, architecture: Architecture) -> float | None:
        """What one member costs in the unit of the budget; None where that is multiply-adds."""
        budget = self.config.budget
        if budget.is_flops:
            return None
        return budget.price(self.count(architecture), self.ms.get(architecture))


def source(config: StudyConfig, data_dir: Path) -> Source:
    return Source(
        spec=config.dataset,
        data_dir=data_dir,
        limit_train=config.limit_train,
        val=config.val,
        split_seed=derive(config.seed, "split"),
    )


def open_study(
    config: StudyConfig, store: Store, data_dir: Path, device: str, timer: Timer | None = None
) -> Study:
    """Load the images, then create the study or compare it with what is stored.

    A `timer` is needed where a new study's budget bounds milliseconds. Raises StorageError with a
    diff if the stored study is another one, BudgetError if nothing fits the budget,
    UnavailableError if the images cannot be had.
    """
    origin = source(config, data_dir)
    dataset = datasets.load(origin)
    asked = _conditions(config, dataset)
    # The ladder first: a study that another driver creates in between is then compared too.
    saved = store.ladder(config.name)
    if store.has_study(config.name):
        _refuse_differences(config.name, store.study(config.name), asked, dataset.otherwise)
    steps = ladder.from_dict(saved) if saved else _ladder(config, dataset, timer)
    if saved is None:
        steps = _begun(store, config.name, asked, dataset, steps, device)
    # Also of a study that goes on: a file that is lost or damaged is written again.
    store.pool.add_labels(dataset.fingerprint, dataset.spec, labels_of(dataset))
    store.pool.keep_sample(dataset.fingerprint, sample_of(dataset))
    return Study(
        config=config,
        source=origin,
        dataset=dataset,
        ladder=steps,
        costs=steps.member_costs,
        ms=steps.member_ms,
    )


def _begun(
    store: Store, name: str, asked: dict[str, Any], dataset: Dataset, steps: Ladder, device: str
) -> Ladder:
    """Create the study, and return its ladder: that of another driver which was faster."""
    with store.creation_lock():
        if store.has_study(name):
            _refuse_differences(name, store.study(name), asked, dataset.otherwise)
            saved = store.ladder(name)
            if saved is not None:
                return ladder.from_dict(saved)
        else:
            store.add_study(
                StudyRecord(
                    name=name,
                    config=asked | {"budgets": list(steps.budgets)},
                    environment=_environment(device),
                    created=datetime.now(UTC),
                )
            )
        store.begin_study(name, ladder=steps.as_dict(), remarks=dataset.notes, val=dataset.y_val)
    return steps


def _ladder(config: StudyConfig, dataset: Dataset, timer: Timer | None) -> Ladder:
    shape = (dataset.channels, len(dataset.classes))

    def count(architecture: Architecture) -> Cost:
        return cost.count(architecture, *shape)

    if config.budget.timed is None:
        side = dataset.resolution
        return ladder.build(config.space, config.budget, config.schedule, side, count)
    assert timer is not None, "a budget of milliseconds needs a timer"
    return timer.ladder(config, dataset.resolution, shape, count)


def labels_of(dataset: Dataset) -> dict[str, SplitLabels]:
    """What the rows of predictions on val and on test belong to."""
    splits = {
        "val": (dataset.x_val, dataset.y_val),
        "test": (dataset.x_test, dataset.y_test),
    }
    return {
        split: SplitLabels(
            values=labels,
            count=len(dataset.classes),
            classes=dataset.classes,
            images=digest(images[place : place + 1] for place in places(len(labels))),
        )
        for split, (images, labels) in splits.items()
    }


def sample_of(dataset: Dataset) -> ImageSample:
    """Some images of val, and what networks read of an image: enough to export a model."""
    where = np.array(places(len(dataset.y_val)))
    return ImageSample(
        images=dataset.x_val[where],
        places=where,
        mean=tuple(dataset.mean.tolist()),
        std=tuple(dataset.std.tolist()),
        crop=datasets.crop(dataset.spec),
        spread=dataset.spread,
    )


def _conditions(config: StudyConfig, dataset: Dataset) -> dict[str, Any]:
    """The configuration and what it means on these images."""
    return config.as_dict() | {
        "fingerprint": dataset.fingerprint,
        "classes": len(dataset.classes),
        "images": _images(dataset),
    }


def _images(dataset: Dataset) -> dict[str, int]:
    labels = {"train": dataset.y_train, "val": dataset.y_val, "test": dataset.y_test}
    return {split: len(of_split) for split, of_split in labels.items()}


def _refuse_differences(
    name: str, stored: StudyRecord, asked: dict[str, Any], otherwise: str
) -> None:
    # They follow from budget and space; they are stored for those who only read results.
    whole = configs.completed(stored.config)
    before = {key: value for key, value in whole.items() if key != "budgets"}
    differing = configs.differences(before, asked)
    of_images = {"fingerprint", "classes", *(f"images.{split}" for split in asked["images"])}
    if differing and {difference.key for difference in differing} <= of_images:
        read = f" Earlier versions of ensearch {otherwise} of these files." if otherwise else ""
        raise StorageError(
            f"the images of {asked['dataset']} are others than those study {name} began with: "
            f"accuracies would not compare.{read} Put the old ones back, or begin a new study of "
            "the new ones.",
            problem="images_differ",
            study=name,
        )
    if differing:
        listing = "\n".join(f"  {difference}" for difference in differing)
        raise StorageError(
            f"study {name} exists in this storage with another configuration:\n{listing}\n",
            problem="study_differs",
            study=name,
        )


def _environment(device: str) -> dict[str, object]:
    """What the results may depend on besides the configuration."""
    packages = ("ensearch", "torch", "torchvision", "optuna", "numpy", "sqlalchemy")
    return {
        "versions": {name: version(name) for name in packages},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device,
    }
