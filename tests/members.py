"""Small training jobs on scikit-learn's digits, and what becomes of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ensearch import training
from ensearch.core import Architecture, Schedule
from ensearch.datasets import Source
from ensearch.launch import Failed, MemberJob, Progress, Trained, Update

SOURCE = Source(spec="digits", data_dir=Path("unused"), limit_train=400)
SMALL = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8)
SHORT = Schedule(epochs=3, batch_size=64, peak_lr=0.1, crop=1)
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def changed(job: MemberJob, **member: object) -> MemberJob:
    return replace(job, member=replace(job.member, **member))  # type: ignore[arg-type]


def outcome_of(
    job: MemberJob, on_epoch: Callable[[Progress], None] = lambda progress: None
) -> Trained | Failed:
    """What becomes of a job in a task of its own."""
    outcomes: list[Trained | Failed] = []

    def report(update: Update) -> None:
        if isinstance(update, Progress):
            on_epoch(update)
        elif isinstance(update, Trained | Failed):
            outcomes.append(update)

    training.train_members((job,), report)
    (outcome,) = outcomes
    return outcome


def trained(job: MemberJob) -> Trained:
    outcome = outcome_of(job)
    assert isinstance(outcome, Trained), outcome
    return outcome


def failed(job: MemberJob) -> Failed:
    outcome = outcome_of(job)
    assert isinstance(outcome, Failed), outcome
    return outcome


def logits(outcome: Trained) -> npt.NDArray[np.float16]:
    (predictions,) = outcome.predictions
    return predictions.logits


def assert_same_bits(one: Trained, other: Trained) -> None:
    assert one.losses == other.losses
    assert one.weights == other.weights
    np.testing.assert_array_equal(logits(one), logits(other))
