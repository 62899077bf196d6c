"""Studies of pictures that are cropped, as of ImageNet, from files to an exported program."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ensearch
from ensearch import datasets
from tests.command_line import TINY
from tests.command_line import ensearch as typed

SOURCE = "imagenet:photos@8"
pytestmark = pytest.mark.usefixtures("verified_here")


@pytest.fixture
def photos(folder: Path) -> Path:
    """Pictures of two classes, wider than high, of noise that is brighter in one of them."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 30), ("val", 6)):
        for label, brightness in (("dim", 60), ("bright", 190)):
            where = folder / "photos" / split / label
            where.mkdir(parents=True)
            for k in range(count):
                noise = rng.integers(-50, 50, (14, 20, 3)) + brightness
                Image.fromarray(noise.astype(np.uint8)).save(where / f"{k}.png")
    (folder / "tiny.toml").write_text(TINY)
    return folder / "photos"


def test_cropped_pictures_are_searched_confirmed_exported_and_predicted(photos: Path) -> None:
    ran = typed(
        f"run --budget 4e5 --dataset {SOURCE} --space tiny.toml --epochs 1 --val 20 --seeds 1 "
        "--trials 2 --study photos --launcher inline"
    )
    assert ran.exit_code == 0, ran.stderr
    confirmed = typed("confirm photos --epochs 2 --members 1 --fewest 2 --launcher inline")
    assert confirmed.exit_code == 0, confirmed.stderr
    longer = ensearch.export("photos", kind="single", confirmed=True, out="longer", onnx=False)
    assert (longer.split, longer.images) == ("test", 20)
    config = json.loads(Path("longer/config.json").read_text())
    assert (config["stage"], config["schedules"][0]["epochs"]) == ("confirm-1", 2)
    done = ensearch.export("photos", kind="ensemble", out="mine", onnx=False, pt2=True)
    config = json.loads(Path("mine/config.json").read_text())
    assert config["input"]["crop"] == 0.875
    assert config["classes"] == ["bright", "dim"]
    assert "model.pt2" in done.files

    source = datasets.Source(spec=SOURCE, data_dir=Path("data"), val=20)
    images = np.asarray(datasets.load(source).x_test)
    model = ensearch.load_exported("mine")
    probs = model.predict(images)
    files = sorted((photos / "val").rglob("*.png"), key=lambda p: (p.parent.name, p.name))
    found = np.array([each.probabilities for each in model.classify(files)])
    for row in found:  # in whatever order the dataset has its pictures
        assert np.abs(probs - row).max(axis=1).min() < 1e-6
    program = torch.export.load("mine/model.pt2").module()
    with torch.inference_mode():
        np.testing.assert_allclose(program(torch.from_numpy(images)), probs, atol=1e-5)
    shown = typed(f"predict mine {photos / 'val'} --json")
    assert shown.exit_code == 0, shown.stderr
    assert len(json.loads(shown.stdout)["images"]) == 12
