"""Networks with random weights are built and run; by a clock of its own every run takes 62.5 ms."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from ensearch import cost
from ensearch.core import Architecture
from ensearch.errors import StorageError, UnavailableError, UsageError
from ensearch.latency import measurement, runtimes, shapes
from ensearch.latency.measurement import Place
from ensearch.latency.times import Configuration
from ensearch.latency.timing import FEWEST, ROUNDS
from ensearch.store import LatencyRecord
from tests import networks

SHAPE = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=8)
PLACE = Place(device="cpu", name="a CPU", runtime="torch", threads=1)


def configuration(size: int, shape: Architecture = SHAPE, channels: int = 1) -> Configuration:
    macs = cost.count(shape, channels, 7).macs
    return Configuration(architecture=shape, macs=macs, size=size, channels=channels, classes=7)


def measured(*configurations: Configuration, place: Place = PLACE) -> list[list[LatencyRecord]]:
    ticks = itertools.count(0, 1 / 16)
    return list(measurement.measure(configurations, (1, 2), place, clock=ticks.__next__))


def test_every_configuration_is_measured_in_every_batch() -> None:
    before = torch.get_num_threads()
    (records,) = measured(configuration(3), configuration(1))
    assert [(r.size, r.batch) for r in records] == [(1, 1), (1, 2), (3, 1), (3, 2)]
    for record in records:
        assert (record.architecture, record.macs) == (SHAPE.key, configuration(1).macs)
        assert record.ms == record.low == record.high == 62.5 / record.batch
        assert record.runs == FEWEST * ROUNDS
        assert record.setup == PLACE.setup
        assert record.setup.versions == f"torch {torch.__version__.partition('+')[0]}"
    assert torch.get_num_threads() == before


def test_what_does_not_fit_together_is_measured_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    params = cost.count(SHAPE, 1, 7).params
    monkeypatch.setattr(measurement, "MOST_PARAMS", 3 * params)
    groups = measured(configuration(2), configuration(1), configuration(4))
    assert [[r.size for r in group[::2]] for group in groups] == [[1, 2], [4]]


@pytest.mark.parametrize("name", networks.NAMES)
def test_every_family_runs(name: str) -> None:
    shape = networks.architecture(name)
    runs = runtimes.builder("torch", "cpu", 1)(
        [networks.built(shape, seed).eval() for seed in range(2)], (3, 32, 32), (2,)
    )
    for run in runs:
        run()


def test_members_are_averaged_one_after_another() -> None:
    members = [networks.built(SHAPE, seed).eval() for seed in range(3)]
    images = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        found = runtimes.Averaged(members)(images)
        expected = torch.stack([m(images).softmax(1) for m in members]).mean(0)
    torch.testing.assert_close(found, expected)


def test_onnx_runtime_runs_all_members_for_any_batch() -> None:
    members = [nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 7)) for _ in range(2)]
    runs = runtimes.builder("onnx", "cpu", 1)(members, (3, 8, 8), (1, 4))
    for run, batch in zip(runs, (1, 4), strict=True):
        probs = np.asarray(run())
        assert probs.shape == (1, batch, 7)  # one output
        np.testing.assert_allclose(probs.sum(axis=2), 1, rtol=1e-5)
    assert runtimes.versions("onnx").startswith("onnxruntime ")
    with pytest.raises(UsageError, match="onnx is measured on a CPU"):
        runtimes.builder("onnx", "cuda", 1)


def test_a_batch_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> torch.Tensor:
        raise RuntimeError("not enough memory: you tried to allocate 9 GB\nfor the second time")

    monkeypatch.setattr(runtimes.Averaged, "forward", full)
    with pytest.raises(UnavailableError, match=r"^3 × 10-0.25 cannot compute 1 image at a time"):
        measured(configuration(3))


def test_channels_follow_from_the_cost() -> None:
    for channels in (1, 3, 4):
        assert shapes.channels(SHAPE, 7, cost.count(SHAPE, channels, 7)) == channels
    other = dataclasses.replace(cost.count(SHAPE, 3, 7), params=1)
    with pytest.raises(StorageError, match="another number for any number of channels"):
        shapes.channels(SHAPE, 7, other)
