"""A small dataset and a job on it, and arithmetic that hides nothing."""

from collections.abc import Iterator

import pytest
import torch

from ensearch import datasets
from ensearch.core import Member
from ensearch.datasets import Dataset
from ensearch.launch import MemberJob
from ensearch.training import hardware
from ensearch.training.data import Images
from ensearch.training.device import reproducible
from tests.members import SHORT, SMALL, SOURCE


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """The first 400 training images of digits, cut into train and val."""
    return datasets.load(SOURCE)


@pytest.fixture
def job(digits: Dataset) -> MemberJob:
    """A job that trains a small network for three epochs on `digits`."""
    member = Member(architecture=SMALL, schedule=SHORT, dataset=digits.fingerprint, seed=0)
    return MemberJob(member=member, source=SOURCE, device="cpu", keep_weights=True, checkpoint=None)


@pytest.fixture(scope="session")
def images() -> Images:
    """16 training images of noise, 8 x 8."""
    generator = torch.Generator().manual_seed(0)
    return Images(
        x_train=torch.randint(0, 256, (16, 8, 8, 3), generator=generator, dtype=torch.uint8),
        y_train=torch.arange(16) % 10,
        to_predict={},
        mean=torch.full((3,), 120.0),
        std=torch.full((3,), 60.0),
        classes=10,
    )


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread, and no products in bfloat16, which would hide what is computed another way."""
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: False)
    with reproducible("cpu"):
        yield
