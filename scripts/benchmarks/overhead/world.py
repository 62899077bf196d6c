"""Studies as large as real ones whose training takes no time: predictions come from a seed.

A member of f multiply-adds gives image i and class c the logit 1.5 x shared + own, both normal,
and a lead that grows with log f if c is the label. Everything else is ensearch's own: images are
read and split, the sampler asks, the driver scores, the store keeps.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ensearch import cost, datasets
from ensearch.core import Floats, Predictions
from ensearch.datasets import Dataset, Source
from ensearch.launch import MemberJob, Progress, Trained, Update
from ensearch.seeds import derive
from ensearch.store import Store
from ensearch.study import config, search, study
from ensearch.study.events import Event, SearchEnded
from ensearch.study.options import Limits, RunControl, RunOptions
from ensearch.study.placement import Placement
from scripts.benchmarks.pictures import CLASSES

INLINE = Placement(device="cpu", workers=1, launcher="inline", keep_weights=False)
# 213 configurations of up to 492 members, 54 of them single networks.
SPACE: Mapping[str, object] = {"members": [1, 2, 4, 8], "depth": [10, 16, 22], "rungs": 9}


@functools.cache
def _load(source: Source) -> Dataset:
    return datasets.load(source)


@functools.cache
def _shared(images: int) -> Floats:
    return 1.5 * np.random.default_rng(0).standard_normal((images, CLASSES))


def train(jobs: Sequence[MemberJob], report: Callable[[Update], None]) -> None:
    """Report what training would report of a task."""
    for job in jobs:
        report(Progress(key=job.member.key, epoch=1, epochs=1, loss=0.5))
        report(_trained(job))


def _trained(job: MemberJob) -> Trained:
    dataset, member = _load(job.source), job.member
    macs = cost.count(member.architecture, dataset.channels, CLASSES).macs
    labels = dataset.y_val
    rng = np.random.default_rng(derive(member.key))
    logits = _shared(len(labels)) + rng.standard_normal((len(labels), CLASSES))
    logits[np.arange(len(labels)), labels] += 0.35 * np.log(macs / 1e5)
    val = Predictions(member=member.key, split="val", logits=logits.astype(np.float16))
    return Trained(key=member.key, predictions=(val,), losses=(0.5,), seconds=0.0, weights=None)


def configured(
    spec: str,
    space: Mapping[str, object],
    sampler: str,
    study: str = "bench",
    budget: float = 1e9,
) -> config.StudyConfig:
    """Return a study of Wide ResNets on `spec`, 1 epoch."""
    widths = {"low": 0.25, "high": 16.0, "step": 0.0625}
    return config.resolve(
        RunOptions(
            study=study,
            dataset=spec,
            space={"name": "bench", "family": "wide_resnet", "width": widths, **space},
            budget=budget,
            epochs=1,
            sampler=sampler,
        )
    )


def run(
    store: Store,
    settings: config.StudyConfig,
    trials: int,
    on_event: Callable[[Event], None] = lambda event: None,
) -> SearchEnded:
    """Search until so many trials, with predictions from seeds instead of training."""
    opened = study.open_study(settings, store, Path("data"), "a CPU")
    limits = Limits(trials=trials)
    return search.run(opened, store, limits, INLINE, RunControl(on_event=on_event), train=train)
