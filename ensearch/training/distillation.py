"""What a member learns in place of labels: the mean probabilities of its teachers.

They are computed once for every training image, as it is stored, whatever augmentation the member
then sees of it (soft targets of Hinton, Vinyals and Dean 2015, arXiv:1503.02531, at temperature 1
and without labels beside them). To run the teachers on every augmented batch instead would add a
third of their own training to each epoch of every member that learns from them.
"""

import functools
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from ensearch import families
from ensearch.core import Split
from ensearch.datasets import Source
from ensearch.ensembles import averaging
from ensearch.launch import MemberJob, Teacher
from ensearch.training import data
from ensearch.training.data import Images
from ensearch.training.device import prepared
from ensearch.training.prediction import predict

_CHUNK = 8192  # images whose probabilities are averaged at a time, in float64


def taught(images: Images, job: MemberJob) -> Images:
    """The images with what the job's member is to learn. ValueError if its teachers lack."""
    learned = job.member.distillation
    given = tuple(teacher.member.key for teacher in job.teachers)
    if learned is None or given != learned.teachers:
        raise ValueError(f"member {job.member.key} learns from {learned}; it is given {given}.")
    return images.taught(_targets(job.teachers, learned.rule, job.source, job.device, job.splits))


# The last ones stay: a process trains several members that learn the same.
@functools.lru_cache(maxsize=1)
def _targets(
    teachers: tuple[Teacher, ...],
    rule: str,
    source: Source,
    device: str,
    splits: tuple[Split, ...],
) -> torch.Tensor:
    """The mean probabilities of the training images: N x classes, float32."""
    images = data.load(source, teachers[0].member.dataset, device, splits)
    logits = [_logits(teacher, images, device) for teacher in teachers]
    means = [
        averaging.average(
            np.stack([averaging.probs_of(of[start : start + _CHUNK]) for of in logits]), rule
        ).astype(np.float32)
        for start in range(0, images.count, _CHUNK)
    ]
    return torch.from_numpy(np.concatenate(means)).to(device)


def _logits(teacher: Teacher, images: Images, device: str) -> npt.NDArray[np.float16]:
    """N x classes of the training images."""
    member = teacher.member
    model = prepared(families.build(member.architecture, images.channels, images.classes), device)
    model.load_state_dict(load_file(teacher.weights, device=device))
    read = replace(images, reads_at=member.architecture.resolution)
    return predict(model, read.to_train, read, member.schedule.batch_size)
