"""`ensearch pool add`: models that exist, scored on a dataset."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from ensearch import cost, datasets
from ensearch.core import Architecture
from ensearch.datasets import Source
from ensearch.datasets import _held_out as held_out
from ensearch.ensembles import averaging
from ensearch.errors import UnavailableError
from ensearch.pool import inference
from ensearch.seeds import derive
from ensearch.store import Store
from ensearch.study import study
from tests import models
from tests.command_line import ensearch

MODEL = "resnet18"
ADD = f"pool add --dataset npz:images.npz --device cpu --timm {MODEL}"


@pytest.fixture
def images(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 20)
    x = rng.integers(0, 256, (60, 16, 16, 3)).astype(np.uint8)
    np.savez("images.npz", x_train=x, y_train=y, x_test=x[::2], y_test=y[::2])
    return folder


def weights(path: str, classes: int = 3) -> None:
    torch.manual_seed(0)
    save_file(timm.create_model(MODEL, num_classes=classes).state_dict(), path)


def test_a_checkpoint_is_scored_and_its_cost_counted(images: Path) -> None:
    weights("mine.safetensors")
    mine = "--checkpoint mine.safetensors --resolution 32 --name mine --choose-on study"
    result = ensearch(f"{ADD} {mine}")
    assert result.exit_code == 0, result.stderr
    assert "has seen val" in result.stderr
    (row,) = json.loads(ensearch("pool list --json --test").stdout)
    counted = cost.count(
        Architecture(family=f"timm:{MODEL}", width=1, depth=1, resolution=32), 3, 3
    )
    assert row["name"] == "mine"
    assert row["multiply_adds_per_example"] == counted.macs
    assert row["parameters"] == counted.params
    assert "checkpoint mine.safetensors (sha256 " in row["origin"]
    assert row["inputs"]["normalised_by"] == "dataset"
    assert ensearch("pool verify").exit_code == 0
    with Store.open("studies/ensearch.db", create=False) as store:
        record = store.pool.models()[0]
        stored = averaging.probs_of(store.predictions(record.key, "test").logits)
    # The same by hand: mean and deviation of the training images that val leaves.
    with np.load("images.npz") as found:
        x = torch.from_numpy(found["x_test"]).float()
    model = timm.create_model(MODEL, num_classes=3).eval()
    torch.manual_seed(0)
    model.load_state_dict(timm.create_model(MODEL, num_classes=3).state_dict())
    with torch.inference_mode():
        x = ((x - x.mean(dim=(0, 1, 2))) / x.std(dim=(0, 1, 2))).permute(0, 3, 1, 2)
        x = torch.nn.functional.interpolate(x, (32, 32), mode="bilinear", antialias=True)
        expected = torch.softmax(model(x), dim=1).numpy()
    assert np.abs(stored - expected).max() < 0.05


@pytest.mark.parametrize("asked", ["dataset", "model"])
def test_a_checkpoint_gets_the_inputs_that_are_said(images: Path, asked: str) -> None:
    weights("mine.safetensors")
    mine = "--checkpoint mine.safetensors --resolution 32 --name mine"
    result = ensearch(f"{ADD} {mine} --normalise {asked}")
    assert result.exit_code == 0, result.stderr
    other = {"dataset": "model", "model": "dataset"}[asked]
    assert f", of the {asked}\n" in result.stderr
    assert f"deviation of the {other} is added with --normalise {other}" in result.stderr
    of_timm = "mean 0.485 0.456 0.406 and deviation 0.229 0.224 0.225"
    assert (of_timm in result.stderr) == (asked == "model")
    shown = ensearch("pool show mine").stdout
    assert re.search(rf"inputs +32 pixels a side, mean .*, of the {asked}\n", shown)
    inputs = json.loads(ensearch("pool show mine --json").stdout)["inputs"]
    assert (inputs["resolution"], inputs["normalised_by"]) == (32, asked)
    # By hand, of the half that chooses.
    source = Source(spec="npz:images.npz", data_dir=Path("data"), split_seed=derive(0, "split"))
    dataset = held_out.halved(datasets.load(source), 0)
    mean, std = dataset.mean, dataset.std
    if asked == "model":
        mean, std = (255 * np.array(v) for v in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
    assert np.allclose([inputs["mean"], inputs["std"]], [mean, std])
    torch.manual_seed(0)
    model = timm.create_model(MODEL, num_classes=3).eval()
    x = torch.from_numpy((np.asarray(dataset.x_val) - mean) / std).float().permute(0, 3, 1, 2)
    with torch.inference_mode():
        x = torch.nn.functional.interpolate(x, (32, 32), mode="bilinear", antialias=True)
        expected = torch.softmax(model(x), dim=1).numpy()
    with Store.open("studies/ensearch.db", create=False) as store:
        record = store.pool.models()[0]
        stored = averaging.probs_of(store.predictions(record.key, "val").logits)
    assert np.abs(stored - expected).max() < 2e-3
    # What is said of a model goes with it.
    ensearch("pool remove mine")
    models.write(Path("p.npz"), models.arrays())
    assert ensearch("pool import p.npz --name mine --macs 1M").exit_code == 0
    assert re.search("inputs +unknown: ", ensearch("pool show mine").stdout)


def test_images_are_predicted_as_in_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of cores, in order, and whoever waits hears how far it is."""
    torch.manual_seed(0)
    model = timm.create_model("resnet10t", num_classes=3)
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3)).astype(np.uint8)
    ready = inference.NormalisedModel(model=model, mean=(9.0,) * 3, std=(60.0,) * 3, resolution=16)
    with torch.inference_mode():
        x = (torch.from_numpy(images).float() - 9) / 60
        x = torch.nn.functional.interpolate(
            x.permute(0, 3, 1, 2), (16, 16), mode="bilinear", antialias=True
        )
        expected = model.eval()(x).numpy()
    monkeypatch.setattr(inference, "BATCH", 8)
    monkeypatch.setattr(inference, "FIRST", 0.0)
    threads = torch.get_num_threads()
    for cores in (1, 5):
        monkeypatch.setattr(inference, "usable_cores", lambda n=cores: n)
        said: list[str] = []
        found = inference.logits(ready, images, "cpu", said.append)
        assert np.abs(found - expected).max() < 1e-4
        assert torch.get_num_threads() == threads
        assert "8 of 70 images, about " in said[0]
        assert len(said) == 1  # the next after ten seconds


def test_a_processor_without_enough_memory_is_no_internal_error() -> None:
    """PyTorch says it of a processor by a RuntimeError that has no class of its own."""
    says = "[enforce fail] DefaultCPUAllocator: can't allocate memory"

    class Large(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise RuntimeError(says)

    ready = inference.NormalisedModel(
        model=Large(), mean=(9.0,) * 3, std=(60.0,) * 3, resolution=16
    )
    images = np.zeros((2, 16, 16, 3), np.uint8)
    with pytest.raises(UnavailableError, match="too little memory"):
        inference.logits(ready, images, "cpu")
    says = "a size that does not fit"
    with pytest.raises(RuntimeError, match=says):
        inference.logits(ready, images, "cpu")


def test_models_meet_members_of_studies_with_the_same_seed(images: Path) -> None:
    weights("mine.safetensors")
    mine = "--checkpoint mine.safetensors --resolution 32 --choose-on study"
    assert ensearch(f"{ADD} {mine}").exit_code == 0
    (row,) = json.loads(ensearch("pool list --json").stdout)
    for seed in (0, 1):
        source = Source(
            spec="npz:images.npz", data_dir=Path("data"), split_seed=derive(seed, "split")
        )
        of_study = study.labels_of(datasets.load(source))
        assert (row["labels"]["val"] == of_study["val"].fingerprint) == (seed == 0)
        assert row["labels"]["test"] == of_study["test"].fingerprint


def test_models_are_chosen_on_half_of_the_held_out_images(images: Path) -> None:
    weights("mine.safetensors")
    mine = "--checkpoint mine.safetensors --resolution 32"
    result = ensearch(f"{ADD} {mine}")
    assert result.exit_code == 0, result.stderr
    assert "halves of the 30 held-out images of npz:images.npz (seed 0)" in result.stderr
    assert "a use of their test split" in result.stderr
    (row,) = json.loads(ensearch("pool list --json").stdout)
    source = Source(spec="npz:images.npz", data_dir=Path("data"), split_seed=derive(0, "split"))
    dataset = datasets.load(source)
    labels = study.labels_of(held_out.halved(dataset, 0))
    assert row["labels"] == {split: one.fingerprint for split, one in labels.items()}
    assert row["origin"].endswith("; val is half of the held-out images")
    assert not row["may_have_seen_val"]
    # Where val may have been seen, the entry says so.
    result = ensearch(f"{ADD} {mine} --name other --choose-on study")
    other = json.loads(ensearch("pool list --json").stdout)[1]
    assert other["may_have_seen_val"]
    assert other["labels"]["val"] == study.labels_of(dataset)["val"].fingerprint
    with Store.open("studies/ensearch.db", create=False) as store:
        whole = study.labels_of(dataset)["test"].fingerprint
        assert len(store.record_use_of_test(whole, "another command")) == 1


def test_a_taken_name_is_refused_before_predicting(images: Path) -> None:
    weights("mine.safetensors")
    mine = "--checkpoint mine.safetensors --resolution 32"
    assert ensearch(f"{ADD} {mine}").exit_code == 0
    result = ensearch(f"{ADD} {mine} --seed 1")
    assert result.exit_code == 4
    assert "holds a model 'resnet18' already" in result.stderr
    assert "predicting" not in result.stderr
    twice = ensearch(f"{ADD},{MODEL}")
    assert "names a model twice" in twice.stderr


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ("--checkpoint five.safetensors", 2, "tells 5 classes apart, the dataset has 3"),
        ("--checkpoint none.pth", 2, "none.pth: cannot be read"),
        ("", 2, "the weights resnet18.a1_in1k tell 1000 classes apart, the dataset has 3"),
        ("--choose-on test", 2, "--choose-on must be held-out or study; got 'test'"),
        ("--normalise mine", 2, "must be dataset or model; got 'mine'"),
        ("--checkpoint five.safetensors --name all", 2, "got 'all'"),
    ],
)
def test_what_does_not_fit_is_refused(images: Path, more: str, code: int, says: str) -> None:
    weights("five.safetensors", 5)
    result = ensearch(f"{ADD} --resolution 32 {more}")
    assert result.exit_code == code, result.stderr
    assert says in result.stderr
    assert ensearch("pool list --json").stdout.strip() in ("[]", "")


def test_unknown_models_and_several_checkpoints_are_refused(images: Path) -> None:
    line = "pool add --dataset npz:images.npz --device cpu"
    unknown = ensearch(f"{line} --timm resnet_18")
    assert unknown.exit_code == 2
    assert "resnet18" in unknown.stderr
    several = ensearch(f"{line} --timm resnet18,resnet34 --checkpoint w.pth")
    assert "--checkpoint is for one model; 2 are named" in several.stderr


def test_without_a_network_the_error_says_so(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load("images.npz") as found:
        content = dict(found)
    y = np.repeat(np.arange(1000), 2)
    x = np.random.default_rng(0).integers(0, 256, (2000, 2, 2, 3), np.uint8)
    np.savez("images.npz", x_train=x, y_train=y, x_test=content["x_test"][:2, :2, :2], y_test=y[:2])

    plain = timm.create_model

    def offline(name: str, pretrained: bool = False, **how: Any) -> Any:
        if pretrained:
            raise OSError("Couldn't connect to the Hub")
        return plain(name, **how)

    monkeypatch.setattr(timm, "create_model", offline)
    result = ensearch(f"{ADD} --resolution 32")
    assert result.exit_code == 5, result.stderr
    assert "is there a network? Without one, give a --checkpoint file" in result.stderr
