"""Members that learn the mean probabilities of others in place of labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from ensearch.core import Distillation
from ensearch.datasets import Dataset
from ensearch.ensembles import averaging
from ensearch.launch import MemberJob, Teacher
from ensearch.training import data, loop
from ensearch.training.data import Images
from ensearch.training.device import reproducible
from ensearch.training.lockstep import Lockstep
from ensearch.training.loss import losses
from ensearch.training.prediction import predict
from ensearch.training.state import tensors
from ensearch.training.strategy import Strategy
from tests.members import SMALL, assert_same_bits, changed, failed, trained


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


def teacher(job: MemberJob, folder: Path) -> Teacher:
    path = folder / f"{job.member.key}.safetensors"
    if not path.exists():
        weights = trained(job).weights
        assert weights is not None
        path.write_bytes(weights)
    return Teacher(member=job.member, weights=path)


@pytest.fixture
def student(job: MemberJob, folder: Path) -> MemberJob:
    """A job whose member learns from two, one of which reads larger images."""
    others = (changed(job, seed=1), changed(job, architecture=replace(SMALL, resolution=12)))
    teachers = tuple(teacher(each, folder) for each in others)
    learned = Distillation(teachers=tuple(t.member.key for t in teachers), rule="arithmetic")
    return replace(changed(job, seed=9, distillation=learned), teachers=teachers)


def test_targets_are_the_mean_probabilities_of_the_training_images(
    student: MemberJob, digits: Dataset
) -> None:
    images = loop.images_of(student)
    assert images.targets is not None
    assert images.targets.shape == (len(digits.y_train), 10)
    assert images.y_train.tolist() == list(range(len(digits.y_train)))
    each = []
    for of in student.teachers:
        read = loop.images_of(replace(student, member=of.member))
        state = loop.fresh(of.member, read, "cpu")
        state.model.load_state_dict(load_file(of.weights))
        each.append(averaging.probs_of(predict(state.model, read.x_train, read, 64)))
    np.testing.assert_allclose(images.targets.numpy(), np.mean(each, axis=0), atol=1e-6)


def test_a_student_is_another_member_and_the_same_bits_again(
    student: MemberJob, job: MemberJob
) -> None:
    learned = trained(student)
    assert_same_bits(learned, trained(student))
    assert learned.losses != trained(changed(job, seed=9)).losses
    assert learned.losses[-1] < learned.losses[0]


def test_a_student_whose_teachers_are_not_there_fails(student: MemberJob) -> None:
    assert "it is given ()" in failed(replace(student, teachers=())).detail
    first = replace(student.teachers[0], weights=Path("nowhere"))
    assert failed(replace(student, teachers=(first, *student.teachers[1:]))).reason == "error"


def test_certain_probabilities_teach_what_labels_teach(images: Images, job: MemberJob) -> None:
    schedule = replace(job.member.schedule, batch_size=8, label_smoothing=0.0)
    member = replace(job.member, schedule=schedule)
    certain = F.one_hot(images.y_train, 10).float()
    # Of 20 images in a file, those from 19 down to 4 train.
    file = torch.zeros(20, 8, 8, 3, dtype=torch.uint8)
    rows = torch.arange(19, 3, -1)
    file[rows] = images.x_train
    stored = replace(images, x_train=file, y_train=torch.zeros(20), rows=rows)
    read = torch.cat(list(data.in_batches(stored.to_train, 6, torch.device("cpu"))))
    torch.testing.assert_close(read, images.to_train)
    with reproducible("cpu"):
        states = []
        for source in (images, images.taught(certain), stored.taught(certain)):
            state = loop.fresh(member, source, "cpu")
            loop.train_epoch(state, source, member, 0, "cpu")
            states.append(tensors(state))
    for other in states[1:]:
        for name, value in states[0].items():
            torch.testing.assert_close(value, other[name], rtol=1e-3, atol=1e-5)


def test_students_in_lockstep_are_those_that_learn_alone(images: Images, job: MemberJob) -> None:
    schedule = replace(job.member.schedule, batch_size=8)
    members = [replace(job.member, schedule=schedule, seed=seed) for seed in range(2)]
    soft = torch.softmax(torch.randn(16, 10, generator=torch.Generator().manual_seed(1)), dim=1)
    taught = images.taught(soft)
    with reproducible("cpu"):
        states = [loop.fresh(member, taught, "cpu") for member in members]
        together = Lockstep(Strategy(kind="fused", chunk=2, graph=False), states, members, taught)
        found = together.run(states, members, 0)
        alone = [
            loop.train_epoch(state, taught, member, 0, "cpu")
            for state, member in zip(states, members, strict=True)
        ]
    assert found == pytest.approx(alone, rel=0.02)


def test_the_loss_is_that_of_pytorch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 3, 10, generator=generator, dtype=torch.float64)
    soft = torch.softmax(torch.randn(9, 10, generator=generator, dtype=torch.float64), dim=1)
    rows = torch.arange(18).view(6, 3) % 9
    expected = [F.cross_entropy(logits[:, i], soft[rows[:, i]]) for i in range(3)]
    # Smoothing is for labels: the teachers have theirs.
    torch.testing.assert_close(losses(logits, rows, 0.3, soft), torch.stack(expected))
