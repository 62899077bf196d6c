"""A small dataset and a job on it."""

import pytest

from ensearch import datasets
from ensearch.core import Member
from ensearch.datasets import Dataset
from ensearch.launch import MemberJob
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
